"""The ASGI application of a worker: a request passes the gateway, then the handler answers it.

https://asgi.readthedocs.io/en/latest/specs/www.html
"""

from __future__ import annotations

import asyncio
import itertools
import json
import secrets
import time
from functools import partial
from typing import TYPE_CHECKING

from items_api.handler.dynamodb import DynamoDBError
from items_api.handler.index import Api, log_line
from items_api.server import gateway
from items_api.server.bodies import CLOSE, TOO_BUSY, Memory, Share, body_of, has_body, is_discarded, refused
from items_api.server.events import event, headers_of, path_of, response
from items_api.server.gateway import Gateway, Refusal, is_own_host, route_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from uvicorn._types import ASGIReceiveCallable, ASGISendCallable, HTTPScope, Scope

    from items_api.handler.table import Table
    from items_api.server.events import Headers
    from items_api.server.greenlets import Greenlets

MAX_HEAD_BYTES = 10_240
# How many the handler answers at once, because they take the most memory. Others wait for their turn.
LISTS = 10
LARGE_BODIES = 4
LARGE_BYTES = 16_384
# For the bodies and the large replies of all requests.
MEMORY_BYTES = 64_000_000
PIECE_BYTES = 65_536
# An idle one takes 10 KB.
MAX_CONNECTIONS = 20_000
READY_SECONDS = 1.0
PROBE_SECONDS = 2.0
PROBE_ID = "items-api:ready"
_UNAVAILABLE = 503
_HEALTH = frozenset({"/healthz", "/readyz"})
_SAFE = frozenset({"GET", "HEAD"})


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
        self._lists, self._large_bodies = asyncio.Semaphore(LISTS), asyncio.Semaphore(LARGE_BODIES)
        self._memory = Memory(MEMORY_BYTES)
        self._ids = map(f"{secrets.token_urlsafe(9)}{{:06x}}".format, itertools.count())
        self._ready: tuple[float, str] = (-READY_SECONDS, "")
        self._probing: asyncio.Task[str] | None = None
        #: Set when the worker is going to stop: clients should use new connections.
        self.draining = False
        #: Further connections are closed immediately.
        self.max_connections = MAX_CONNECTIONS

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] != "http":
            return  # there are no others: see run.py
        share = Share(self._memory)
        try:
            status, headers, body = await self._answer(scope, receive, share)
            if self.draining and CLOSE not in headers:
                headers.append(CLOSE)
            await send({"type": "http.response.start", "status": status, "headers": headers})
            # Large replies are sent in pieces: the next one when the client has read enough.
            start = 0
            while len(body) > start + PIECE_BYTES:
                piece = body[start : start + PIECE_BYTES]
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                start += PIECE_BYTES
            rest = body[start:] if start else body
            await send({"type": "http.response.body", "body": rest, "more_body": False})
        finally:
            share.give_back()

    def refuse(self, refusal: Refusal) -> tuple[int, Headers, bytes]:
        """The reply to something that is not a request, which is logged, too."""
        request_id = next(self._ids)
        return self._refuse(refusal, "", 0.0, request_id, [(b"apigw-requestid", request_id.encode())])

    def _refuse(
        self, refusal: Refusal, route: str, seconds: float, request_id: str, added: Headers
    ) -> tuple[int, Headers, bytes]:
        self._log(log_line(route, refusal.status, seconds, request_id, refusal.error, cold=False))
        return _json(refusal.status, {"message": refusal.message}, [*refusal.headers, *added])

    async def _answer(self, scope: HTTPScope, receive: ASGIReceiveCallable, share: Share) -> tuple[int, Headers, bytes]:
        started = time.monotonic()
        path = path_of(scope["raw_path"])
        headers, size = headers_of(scope["headers"])
        if path in _HEALTH and scope["method"] in _SAFE:
            return await self._health(path, closing=not await is_discarded(receive, headers))
        request_id = next(self._ids)
        added: Headers = [(b"apigw-requestid", request_id.encode())]
        allowed = self._gateway.preflight(scope["method"], headers)
        if allowed is not None:
            kept = await is_discarded(receive, headers)
            return 204, [*added, *allowed, *([] if kept else [CLOSE])], b""
        added += self._gateway.cors(headers.get("origin"))
        route = route_of(scope["method"], path)
        size += len(scope["raw_path"]) + len(scope["query_string"])
        refusal = self._refusal(route, headers, size)
        if refusal is None and self._gateway.needs_token:
            refusal = await self._gateway.unauthorized(route, headers)
        body: bytes | Refusal = b""
        if refusal:
            body = await refused(receive, headers, refusal)
        elif has_body(headers):
            body = await body_of(receive, headers, share)
        if not isinstance(body, Refusal):
            happened = event(request_id, scope, path, headers, body)
            # As in Lambda, the time in which the body arrived does not count.
            context = _Context(time.monotonic() + self._seconds)
            handle = partial(self._api.handle, happened, context)
            few = self._lists if route == "GET /items" else self._large_bodies if len(body) > LARGE_BYTES else None
            if few is None:  # without a semaphore, which takes time
                reply = await self._greenlets.run(handle)
            else:
                async with few:
                    reply = await self._greenlets.run(handle)
            status, reply_headers, content = response(reply)
            # The reply to a write must not say that it has failed.
            if len(content) <= PIECE_BYTES or share.take(len(content), anyway=scope["method"] != "GET"):
                return status, [*reply_headers, *added], content
            body = TOO_BUSY
        key = route if isinstance(route, str) else ""
        return self._refuse(body, key, time.monotonic() - started, request_id, added)

    def _refusal(self, route: str | Refusal, headers: Mapping[str, str], size: int) -> Refusal | None:
        if size > MAX_HEAD_BYTES:
            return gateway.HEADERS_TOO_LARGE
        if self._own_hosts_only and not is_own_host(headers.get("host", "")):
            return gateway.WRONG_HOST
        return route if isinstance(route, Refusal) else self._gateway.throttled()

    async def _health(self, path: str, *, closing: bool) -> tuple[int, Headers, bytes]:
        """/healthz: the process works. /readyz: it can answer requests."""
        problem = "" if path == "/healthz" else await self._problem()
        document = {"status": "unavailable", "why": problem} if problem else {"status": "ok"}
        return _json(_UNAVAILABLE if problem else 200, document, [CLOSE] if closing else [])

    async def _problem(self) -> str:
        """Why requests cannot be answered. DynamoDB is asked once a second at most; concurrent checks share a call."""
        if self.draining:
            return "Stopping"
        if self._gateway.problem:
            return self._gateway.problem
        asked, problem = self._ready
        if time.monotonic() - asked < READY_SECONDS:
            return problem
        if self._probing is None or self._probing.done():
            self._probing = asyncio.create_task(self._probe())
        return await asyncio.shield(self._probing)

    async def _probe(self) -> str:
        problem = await self._greenlets.run(lambda: probe(self._table))
        self._ready = (time.monotonic(), problem)
        return problem


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


def _json(status: int, document: Mapping[str, str], added: Headers) -> tuple[int, Headers, bytes]:
    content = json.dumps(document).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content)), *added]
    return status, headers, content
