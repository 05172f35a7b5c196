"""The ASGI application of a worker: a request passes the gateway, then the handler answers it.

https://asgi.readthedocs.io/en/latest/specs/www.html
"""

from __future__ import annotations

import asyncio
import itertools
import json
import secrets
import threading
import time
from typing import TYPE_CHECKING

from items_api.handler.dynamodb import DynamoDBError
from items_api.handler.index import Api
from items_api.server import gateway
from items_api.server.bodies import CLOSE, body_of
from items_api.server.events import event, headers_of, path_of, response
from items_api.server.gateway import Gateway, Refusal, is_own_host, route_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from uvicorn._types import ASGIReceiveCallable, ASGISendCallable, HTTPScope, Scope

    from items_api.handler.table import Table
    from items_api.server.events import Headers
    from items_api.server.greenlets import Greenlets

MAX_HEAD_BYTES = 10_240
# Requests that the handler answers at once. Others wait for their turn.
CONCURRENCY = 100
READY_SECONDS = 1.0
PROBE_SECONDS = 2.0
PROBE_ID = "items-api:ready"
_UNAVAILABLE = 503


class App:
    """Answers requests for one table.

    Args:
        table: of the items. Its calls wait in greenlets.
        rules: what API Gateway does before it calls the function.
        greenlets: run the handler.
        seconds: what the function's timeout is in Lambda.
        own_hosts_only: refuse requests for other host names than `localhost` and IP addresses.
        log: gets one line for each request.
    """

    def __init__(
        self,
        table: Table,
        rules: Gateway,
        greenlets: Greenlets,
        seconds: float,
        *,
        own_hosts_only: bool,
        log: Callable[[str], object],
    ) -> None:
        self._table = table
        self._gateway = rules
        self._greenlets = greenlets
        self._seconds = seconds
        self._own_hosts_only = own_hosts_only
        self._log = log
        self._api = Api(table, log)
        self._slots = asyncio.Semaphore(CONCURRENCY)
        self._ids = map(f"{secrets.token_urlsafe(9)}{{:06x}}".format, itertools.count())
        self._ready: tuple[float, str] = (-READY_SECONDS, "")
        #: Set when the worker is going to stop: clients should use new connections.
        self.draining = threading.Event()

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] != "http":
            return  # there are no others: see run.py
        path = path_of(scope["raw_path"])
        status, headers, body = await (
            self._health(path) if path in {"/healthz", "/readyz"} else self._answer(scope, path, receive)
        )
        if self.draining.is_set() and CLOSE not in headers:
            headers = [*headers, CLOSE]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    async def _health(self, path: str) -> tuple[int, Headers, bytes]:
        """/healthz: the process works. /readyz: it can answer requests."""
        problem = "" if path == "/healthz" else await self._problem()
        document = {"status": "unavailable", "why": problem} if problem else {"status": "ok"}
        content = json.dumps(document).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))]
        return _UNAVAILABLE if problem else 200, headers, content

    async def _problem(self) -> str:
        """Why requests cannot be answered. DynamoDB is asked at most once a second."""
        if self.draining.is_set():
            return "Stopping"
        asked, problem = self._ready
        if time.monotonic() - asked >= READY_SECONDS:
            problem = await self._greenlets.run(lambda: probe(self._table))
            self._ready = (time.monotonic(), problem)
        return problem

    async def _answer(self, scope: HTTPScope, path: str, receive: ASGIReceiveCallable) -> tuple[int, Headers, bytes]:
        started = time.monotonic()
        request_id = next(self._ids)
        headers, size = headers_of(scope["headers"])
        added: Headers = [(b"apigw-requestid", request_id.encode())]
        allowed = self._gateway.preflight(scope["method"], headers)
        if allowed is not None:
            return 204, [*added, *allowed], b""
        added += self._gateway.cors(headers.get("origin"))
        route = route_of(scope["method"], path)
        size += len(scope["raw_path"]) + len(scope["query_string"])
        body = await body_of(receive, headers, await self._refusal(route, headers, size))
        if isinstance(body, Refusal):
            self._report(body, route, request_id, time.monotonic() - started)
            return _refused(body, added)
        happened = event(request_id, scope, path, headers, body)
        # As in Lambda, the time in which the body arrived does not count.
        context = _Context(time.monotonic() + self._seconds)
        async with self._slots:
            reply = await self._greenlets.run(lambda: self._api.handle(happened, context))
        status, reply_headers, content = response(reply)
        return status, [*reply_headers, *added], content

    async def _refusal(self, route: str | Refusal, headers: Mapping[str, str], size: int) -> Refusal | None:
        if size > MAX_HEAD_BYTES:
            return gateway.HEADERS_TOO_LARGE
        if self._own_hosts_only and not is_own_host(headers.get("host", "")):
            return gateway.WRONG_HOST
        return route if isinstance(route, Refusal) else await self._gateway.refusal(route, headers)

    def _report(self, refusal: Refusal, route: str | Refusal, request_id: str, seconds: float) -> None:
        """Log a request that the handler does not see, in the same format."""
        key = route if isinstance(route, str) else None
        line = {
            "method": key.partition(" ")[0] if key else None,
            "route": key,
            "status": refusal.status,
            "ms": round(seconds * 1000, 1),
            "requestId": request_id,
            "cold": False,
            "error": refusal.error,
        }
        self._log(json.dumps(line) + "\n")


class _Context:
    """What the handler uses of Lambda's context."""

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline

    def get_remaining_time_in_millis(self) -> int:
        return int((self._deadline - time.monotonic()) * 1000)


def probe(table: Table) -> str:
    """Read an item. Returns the code of the error if the table cannot be read, or an empty text."""
    try:
        table.get(PROBE_ID, time.monotonic() + PROBE_SECONDS)
    except DynamoDBError as error:
        return error.cause
    return ""


def _refused(refusal: Refusal, added: Headers) -> tuple[int, Headers, bytes]:
    body = json.dumps({"message": refusal.message}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), *refusal.headers]
    return refusal.status, [*headers, *added], body
