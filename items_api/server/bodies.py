"""Reads the bodies of requests, within limits of size and time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from items_api.server.gateway import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from uvicorn._types import ASGIReceiveCallable

MAX_BYTES = 10_000_000
READ_SECONDS = 30.0
# How long the rest of a body that is refused is read, so that the client has sent it and reads the reply.
DISCARD_SECONDS = 5.0
CLOSE = (b"connection", b"close")
_TOO_LARGE = Refusal(413, "Request Entity Too Large", "BodyTooLarge")
_TOO_SLOW = Refusal(408, "Request Timeout", "BodyTimeout", [CLOSE])
# For the log only: the client has gone, or has got a 400 because its chunks are invalid.
_INCOMPLETE = Refusal(400, "Bad Request", "BodyIncomplete", [CLOSE])


async def body_of(
    receive: ASGIReceiveCallable, headers: Mapping[str, str], refusal: Refusal | None = None
) -> bytes | Refusal:
    """The whole body, or why the request is refused; `refusal` is a reason that its head already gives."""
    length = headers.get("content-length", "0")  # the server has checked that it is a number
    if length == "0" and "transfer-encoding" not in headers:
        return b"" if refusal is None else refusal
    if refusal is None and int(length) > MAX_BYTES:
        refusal = _TOO_LARGE
    if refusal is not None:
        return await _after_discarding(receive, headers, refusal)
    pieces: list[bytes] = []
    size, more = 0, True
    try:
        async with asyncio.timeout(READ_SECONDS):
            while more and size <= MAX_BYTES:
                message: Any = await receive()
                if message["type"] == "http.disconnect":
                    return _INCOMPLETE
                pieces.append(message["body"])
                size += len(pieces[-1])
                more = message["more_body"]
    except TimeoutError:
        return _TOO_SLOW
    if size > MAX_BYTES:
        return await _after_discarding(receive, headers, _TOO_LARGE, more=more)
    return b"".join(pieces)


async def _after_discarding(
    receive: ASGIReceiveCallable, headers: Mapping[str, str], refusal: Refusal, *, more: bool = True
) -> Refusal:
    """Read the rest for a moment. A client that has not sent all of it by then loses the connection."""
    if headers.get("expect", "").lower() == "100-continue":
        return _closing(refusal)  # the client waits for a reply before it sends the body
    try:
        async with asyncio.timeout(DISCARD_SECONDS):
            while more:
                message: Any = await receive()
                more = message.get("more_body", False)
    except TimeoutError:
        return _closing(refusal)
    return refusal


def _closing(refusal: Refusal) -> Refusal:
    return refusal._replace(headers=[*refusal.headers, CLOSE])
