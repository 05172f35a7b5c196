"""Gives each HTTP API a port of its own, so that its endpoint needs no name resolution.

ministack tells APIs apart by host names under `.localhost`, which many programs cannot resolve. Here, an API's endpoint
is `http://127.0.0.1:PORT`. It is stored in ministack's own record of the API, so API Gateway's responses contain it and
it survives a restart.
"""

from __future__ import annotations

import asyncio
import json
import re
import zlib
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias
from urllib.parse import urlsplit

from ministack.services import apigateway  # type: ignore[import-untyped]

from items_api.local.asgi import access_key_id, header_values, lifespan, respond, serve
from items_api.local.paths import HOST
from items_api.local.ports import listen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from items_api.local.asgi import Message, Receive, Send
    from items_api.local.gate import Gate

    Api: TypeAlias = dict[str, Any]

# Few programs use these ports, and outgoing connections use higher ones.
PORTS = range(21000, 24000)
# Names are rejected, as API Gateway rejects them: a web page could point a name of its own at this computer (DNS
# rebinding), and ministack uses some names to select other APIs and services.
OWN_HOST = re.compile(r"(localhost|[\d.]+|\[[\da-f:.]+\])(:\d+)?", re.IGNORECASE)


class Endpoint(NamedTuple):
    """The server of one API. The event stops it."""

    url: str
    stop: asyncio.Event
    server: asyncio.Task[None]


def http_apis() -> list[tuple[Any, Api]]:
    """All HTTP APIs in ministack, by account, region and id."""
    return [item for item in apigateway._apis.all_items() if item[1]["protocolType"] == "HTTP"]  # noqa: SLF001


def _port_of(api: Api) -> int | None:
    """The port of its endpoint; None if it has no endpoint yet."""
    parts = urlsplit(api["apiEndpoint"])
    return parts.port if parts.hostname == HOST else None


class Endpoints:
    """The endpoints of all HTTP APIs.

    Args:
        gate: in front of ministack.
        is_allowed: whether a request may be signed with this access key id.
        folder: of the local AWS. Another one prefers other ports, so that both can run at the same time.
        called: is called after each request.
    """

    def __init__(self, gate: Gate, is_allowed: Callable[[str], bool], folder: Path, called: Callable[[], None]) -> None:
        self._gate = gate
        self._is_allowed = is_allowed
        self._folder = folder
        self._called = called
        self._open: dict[str, Endpoint] = {}
        self.moved: list[str] = []  # what to tell the user about ports that were taken at the start

    def update(self) -> None:
        """Open the endpoints of new APIs and close those of deleted ones."""
        found = [(region, api) for (_, region, _), api in http_apis()]
        for api_id in self._open.keys() - {api["apiId"] for _, api in found}:
            self._open.pop(api_id).stop.set()
        for region, api in found:
            if api["apiId"] not in self._open:
                self._open[api["apiId"]] = self._opened(region, api)

    def _opened(self, region: str, api: Api) -> Endpoint:
        saved = _port_of(api)
        listener = listen([*([saved] if saved else []), *self._preferred(f"{region}/{api['name']}")])
        port = listener.getsockname()[1]
        api["apiEndpoint"] = f"http://{HOST}:{port}"
        if saved not in (None, port):
            self.moved.append(
                f"Another program uses port {saved}, so the endpoint of the HTTP API {api['name']} in {region} is now "
                f"{api['apiEndpoint']}."
            )
        stop = asyncio.Event()
        server = asyncio.create_task(serve(partial(self._call, api["apiId"]), listener, stop.wait))
        return Endpoint(api["apiEndpoint"], stop, server)

    def _preferred(self, api: str) -> Iterator[int]:
        """The ports in an order that depends on the API's name, so that a recreated API gets the same one."""
        used = {_port_of(api) for _, api in http_apis()}
        start = zlib.crc32(f"{self._folder}/{api}".encode())
        return (port for offset in range(len(PORTS)) if (port := PORTS[(start + offset) % len(PORTS)]) not in used)

    async def close(self) -> None:
        """Stop accepting requests and wait a second for those that are running."""
        for endpoint in self._open.values():
            endpoint.stop.set()
        if self._open:
            await asyncio.wait([endpoint.server for endpoint in self._open.values()], timeout=1)

    async def _call(self, api_id: str, scope: Message, receive: Receive, send: Send) -> None:
        """A request to the API's port, which reaches only this API."""
        if scope["type"] == "lifespan":
            await lifespan(receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close"})
        elif api_id not in self._open:
            await respond(send, 404, {"message": "Not Found"})
        elif not all(map(OWN_HOST.fullmatch, header_values(scope, b"host"))) or not self._accepts(scope):
            await respond(send, 403, {"message": "Forbidden"})
        else:
            # ministack checks signatures with the raw path, which stays as the client sent it.
            path = apigateway.decode_http_api_path(scope["raw_path"].decode("ascii"))
            scope = {**scope, "path": f"/_aws/execute-api/{api_id}/{path.removeprefix('/')}"}
            await self._gate(api_id, path, scope, receive, send)
            self._called()

    def _accepts(self, scope: Message) -> bool:
        key = access_key_id(scope)
        return not key or self._is_allowed(key)

    def naming(self, send: Send) -> Send:
        """Put the endpoint of a new API into the response to CreateApi."""
        start: Message = {}

        async def send_message(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
                return
            if start["status"] == 201:  # noqa: PLR2004 - Created
                self.update()
                content = json.loads(message["body"])
                body = json.dumps(content | {"apiEndpoint": self._open[content["apiId"]].url}).encode()
                headers = [(name, value) for name, value in start["headers"] if name.lower() != b"content-length"]
                start = {**start, "headers": [*headers, (b"content-length", str(len(body)).encode())]}
                message = {**message, "body": body}
            await send(start)
            await send(message)

        return send_message
