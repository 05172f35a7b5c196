"""What the parts of the server need to speak ASGI."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import parse_qs

from hypercorn.asyncio import serve as run_hypercorn
from hypercorn.config import Config
from ministack.core.router import extract_access_key_id  # type: ignore[import-untyped]

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable, MutableMapping

    Message: TypeAlias = MutableMapping[str, Any]
    Receive: TypeAlias = Callable[[], Awaitable[Message]]
    Send: TypeAlias = Callable[[Message], Awaitable[None]]
    App: TypeAlias = Callable[[Message, Receive, Send], Awaitable[None]]


async def serve(app: App, listener: socket.socket, until: Callable[[], Awaitable[object]]) -> None:
    """Serve HTTP on this socket until the awaitable returns. Closes the socket."""
    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    # As long as in ministack's own program. A client that sends a request while the server closes gets an error.
    config.keep_alive_timeout = 75.0
    config.graceful_timeout = 1.0  # only idle keep-alive connections are open by then
    config.loglevel = "WARNING"
    await run_hypercorn(app, config, shutdown_trigger=until)  # type: ignore[arg-type]


async def lifespan(receive: Receive, send: Send) -> None:
    """The lifespan protocol of an app that has nothing to start or stop."""
    kind = ""
    while kind != "lifespan.shutdown":
        kind = (await receive())["type"]
        await send({"type": f"{kind}.complete"})


async def respond(send: Send, status: int, content: object = None) -> None:
    """Send JSON, or a response without a body."""
    body = b"" if content is None else json.dumps(content).encode()
    headers = [(b"content-length", str(len(body)).encode())]
    if body:
        headers.append((b"content-type", b"application/json"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def header_values(scope: Message, wanted: bytes) -> list[str]:
    return [value.decode("latin-1") for name, value in scope["headers"] if name.lower() == wanted]


def access_key_id(scope: Message) -> str:
    """The access key id in the request's signature, as ministack reads it; empty if there is none."""
    authorization = ", ".join(header_values(scope, b"authorization"))
    query = parse_qs(scope["query_string"].decode("latin-1"))
    return str(extract_access_key_id({"authorization": authorization}, query) or "")
