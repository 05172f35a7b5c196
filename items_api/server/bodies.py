"""Reads the bodies of requests, within limits of size, time and memory."""

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
TOO_BUSY = Refusal(503, "Service Unavailable", "MemoryLimit", [(b"retry-after", b"1")])
_TOO_LARGE = Refusal(413, "Request Entity Too Large", "BodyTooLarge")
_TOO_SLOW = Refusal(408, "Request Timeout", "BodyTimeout", [CLOSE])
_TWO_LENGTHS = Refusal(400, "Bad Request", "TwoBodyLengths", [CLOSE])
# For the log only: the client has gone, or has got a 400 because its chunks are invalid.
_INCOMPLETE = Refusal(400, "Bad Request", "BodyIncomplete", [CLOSE])


class Memory:
    """What the bodies and the large replies of a worker may take together, in bytes."""

    def __init__(self, size: int) -> None:
        self.free = size


class Share:
    """What one request takes of the memory."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._taken = 0

    def take(self, size: int, *, anyway: bool = False) -> bool:
        """Take some bytes. Returns False, and takes none, if too few are free; `anyway` takes them nevertheless."""
        if size > self._memory.free and not anyway:
            return False
        self._memory.free -= size
        self._taken += size
        return True

    def give_back(self) -> None:
        self._memory.free += self._taken
        self._taken = 0


async def body_of(receive: ASGIReceiveCallable, headers: Mapping[str, str], share: Share) -> bytes | Refusal:
    """The whole body, or why the request is refused."""
    if _has_two_lengths(headers):
        return _TWO_LENGTHS
    if int(headers.get("content-length", "0")) > MAX_BYTES:  # the server has checked that it is a number
        return await refused(receive, headers, _TOO_LARGE)
    return await _read(receive, share)


async def _read(receive: ASGIReceiveCallable, share: Share) -> bytes | Refusal:
    pieces: list[bytes] = []
    size, more = 0, True
    try:
        async with asyncio.timeout(READ_SECONDS):
            while more:
                message: Any = await receive()
                if message["type"] == "http.disconnect":
                    return _INCOMPLETE
                pieces.append(message["body"])
                size += len(pieces[-1])
                more = message["more_body"]
                problem = _TOO_LARGE if size > MAX_BYTES else None if share.take(len(pieces[-1])) else TOO_BUSY
                if problem:
                    share.give_back()
                    pieces.clear()
                    return problem if await _is_discarded(receive, more=more) else _closing(problem)
    except TimeoutError:
        return _TOO_SLOW
    return b"".join(pieces)


async def refused(receive: ASGIReceiveCallable, headers: Mapping[str, str], refusal: Refusal) -> Refusal:
    """The reply to a request that its head is reason enough to refuse."""
    return refusal if await is_discarded(receive, headers) else _closing(refusal)


async def is_discarded(receive: ASGIReceiveCallable, headers: Mapping[str, str]) -> bool:
    """Read a body that does not matter, for a moment. If its end has not arrived by then, the connection must end."""
    if not has_body(headers):
        return True
    if _has_two_lengths(headers):
        return False
    if headers.get("expect", "").lower() == "100-continue":
        return False  # the client waits for a reply before it sends the body
    return await _is_discarded(receive, more=True)


async def _is_discarded(receive: ASGIReceiveCallable, *, more: bool) -> bool:
    try:
        async with asyncio.timeout(DISCARD_SECONDS):
            while more:
                message: Any = await receive()
                more = message.get("more_body", False)
    except TimeoutError:
        return False
    return True


def has_body(headers: Mapping[str, str]) -> bool:
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers


def _has_two_lengths(headers: Mapping[str, str]) -> bool:
    """A proxy in front could take another part of what follows for the next request (RFC 9112, 6.3)."""
    return "content-length" in headers and "transfer-encoding" in headers


def _closing(refusal: Refusal) -> Refusal:
    return refusal._replace(headers=[*refusal.headers, CLOSE])
