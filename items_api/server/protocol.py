"""uvicorn's connections, with a time limit for the head of a request, and without losing requests at the end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio

HEAD_SECONDS = 10.0
# How long a connection without a request stays open when the worker stops: the client may just be sending one.
DRAIN_SECONDS = 1.0
#: The largest head that arrives in pieces. The application refuses smaller ones, with the headers of CORS.
MAX_INCOMPLETE_BYTES = 65_536
READ_BYTES = 65_536
_MESSAGES = {400: "Bad Request", 431: "Request Header Fields Too Large"}


class _Joining:
    """A transport that sends what is written in one go with one packet: uvicorn writes head and body separately."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._pieces: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if not self._pieces:
            self._loop.call_soon(self._flush)
        self._pieces.append(data)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._pieces:
            self._transport.write(b"".join(self._pieces))
            self._pieces.clear()


class Protocol(H11Protocol):
    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        # asyncio reads up to 256 KiB at once, and allocating them takes longer than reading a usual request.
        transport.max_size = READ_BYTES  # type: ignore[attr-defined]
        super().connection_made(_Joining(transport, self.loop))  # type: ignore[arg-type]
        self._close_after(self.timeout_keep_alive)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self._is_waiting():
            if self._head_timer is not None:
                self._head_timer.cancel()
                self._head_timer = None
        elif self._head_timer is None and self.timeout_keep_alive_task is None:
            # A part of a head has arrived.
            self._head_timer = self.loop.call_later(HEAD_SECONDS, self.transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """The worker is going to stop. Replies from now on tell the client to close its connection."""
        self.app_state["draining"].set()
        if self._is_waiting():
            self._close_after(DRAIN_SECONDS)

    def send_400_response(self, msg: str) -> None:
        """The head is not valid HTTP, or too large."""
        del msg
        status = 431 if len(self.conn.trailing_data[0]) > MAX_INCOMPLETE_BYTES else 400
        body = json.dumps({"message": _MESSAGES[status]}).encode()
        headers = [("content-type", "application/json"), ("content-length", str(len(body))), ("connection", "close")]
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            for part in (h11.Response(status_code=status, headers=headers), h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(part) or b"")
        self.transport.close()

    def _is_waiting(self) -> bool:
        """Whether there is no request whose head has arrived and whose reply is not complete."""
        return self.cycle is None or self.cycle.response_complete

    def _close_after(self, seconds: float) -> None:
        self._unset_keepalive_if_required()
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)
