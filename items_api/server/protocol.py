"""uvicorn's connections, with limits for slow and wasteful clients, and without losing requests at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import h11
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES, H11Protocol

from items_api.server.bodies import CLOSE
from items_api.server.gateway import BAD_REQUEST, HEADERS_TOO_LARGE

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Sequence

    from uvicorn._types import ASGISendEvent

HEAD_SECONDS = 10.0
# A client that reads less than this of its reply in this time loses its connection.
MIN_READ_BYTES = 16_384
CLIENT_SECONDS = 20.0
# How long a connection without a request stays open when the worker stops: the client may just be sending one.
DRAIN_SECONDS = 1.0
#: The largest head that arrives in pieces. The application refuses smaller ones, with the headers of CORS.
MAX_INCOMPLETE_BYTES = 65_536
# What is read at once, so that a client with many small chunks delays others for some milliseconds only.
READ_BYTES = 16_384
_FLUSH_BYTES = 65_536
_INTERIM = b"HTTP/1.1 1"
# Every chunk costs the same, however small. A body may have this many, and more if they are not small.
_MAX_CHUNKS = 1000
_MIN_CHUNK_BYTES = 64


class _Transport:
    """Sends a whole reply with one packet: uvicorn writes its head and its body separately."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._pieces: list[bytes] = []
        self._size = self._sent = 0
        self._timer: asyncio.TimerHandle | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        self._pieces.append(data)
        self._size += len(data)
        if self._size >= _FLUSH_BYTES or data.startswith(_INTERIM):
            self.flush()

    def flush(self) -> None:
        if not self._pieces:
            return
        self._transport.write(b"".join(self._pieces))
        self._pieces.clear()
        self._sent += self._size
        self._size = 0
        if not self._timer and self._transport.get_write_buffer_size():
            self._check_later()

    def close(self) -> None:
        self.flush()
        self._transport.close()

    def connection_lost(self) -> None:
        if self._timer:
            self._timer.cancel()

    def _check_later(self) -> None:
        read = self._sent - self._transport.get_write_buffer_size()
        self._timer = self._loop.call_later(CLIENT_SECONDS, self._check, read)

    def _check(self, read_before: int) -> None:
        self._timer = None
        waiting = self._transport.get_write_buffer_size()
        if not waiting:
            return
        if self._sent - waiting - read_before < MIN_READ_BYTES:
            self._transport.abort()
        else:
            self._check_later()


class _Connection(h11.Connection):
    """Reads one request. Refuses bodies of many small chunks."""

    _chunks = _bytes = 0

    def next_event(self) -> Any:
        event = super().next_event()
        if type(event) is h11.Data:
            self._chunks += event.chunk_start
            self._bytes += len(event.data)
            if self._chunks > _MAX_CHUNKS + self._bytes // _MIN_CHUNK_BYTES:
                raise h11.RemoteProtocolError("too many small chunks")
        return event


def head(status: int, headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    """The head of a reply. Raises ValueError if a header contains a line break."""
    lines = b"".join([b"%b: %b\r\n" % header for header in headers])
    if not lines.count(b"\r") == lines.count(b"\n") == len(headers):
        raise ValueError("a header contains a line break")
    return b"HTTP/1.1 %d %b\r\n%b\r\n" % (status, STATUS_PHRASES[status], lines)


class Protocol(H11Protocol):
    _closes = False
    _head_timer: asyncio.TimerHandle | None = None
    _has_eof = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        # By default, asyncio reads up to 256 KiB at once. Allocating them takes longer than reading a usual request.
        transport.max_size = READ_BYTES  # type: ignore[attr-defined]
        super().connection_made(_Transport(transport, self.loop))  # type: ignore[arg-type]
        self.conn = _Connection(h11.SERVER, MAX_INCOMPLETE_BYTES)
        self.app = self.app_state["app"]  # directly, instead of through the function that handles uvicorn's lifespan
        self._idle_since = self.loop.time()
        self._check_idle()
        if len(self.connections) > self.app.max_connections:
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self._is_waiting():
            if self._head_timer is not None:
                self._head_timer.cancel()
                self._head_timer = None
        elif self._head_timer is None:
            # A part of a head has arrived.
            self._head_timer = self.loop.call_later(HEAD_SECONDS, self.transport.abort)

    def handle_events(self) -> None:
        super().handle_events()
        if self.cycle is not None:
            self.cycle.send = self._send  # type: ignore[method-assign]

    async def _send(self, message: ASGISendEvent) -> None:
        """As uvicorn does it, but without h11, which takes a quarter of the time of a request."""
        if self.flow.write_paused and not self.cycle.disconnected:
            await self.flow.drain()
        if self.cycle.disconnected:
            return
        if message["type"] == "http.response.start":
            self.cycle.response_started = True
            headers = [*self.cycle.default_headers, *message["headers"]]
            if self.conn.their_state is not h11.DONE and CLOSE not in headers:
                headers.append(CLOSE)
            self._closes = CLOSE in headers
            self.transport.write(head(message["status"], headers))
        elif message["type"] == "http.response.body":
            if self.cycle.scope["method"] != "HEAD":
                self.transport.write(message["body"])
            if not message["more_body"]:
                self.cycle.response_complete = True
                self.cycle.message_event.set()
                self.on_response_complete()

    def eof_received(self) -> bool:  # type: ignore[override]
        """The client sends no more. If it has sent a whole request, it may still read the reply."""
        self._has_eof = True
        return not self._is_waiting() and self.conn.their_state is not h11.SEND_BODY

    def on_response_complete(self) -> None:
        """Continue with the next request on the connection, which may have arrived already."""
        self.transport.flush()  # type: ignore[attr-defined]
        self.server_state.total_requests += 1
        if self._closes:
            self.transport.close()
        if self.transport.is_closing():
            return
        self._idle_since = self.loop.time()
        self.flow.resume_reading()
        received, _ = self.conn.trailing_data
        self.conn = _Connection(h11.SERVER, MAX_INCOMPLETE_BYTES)
        if received:
            self.conn.receive_data(received)
            self.handle_events()
        if self._has_eof and self._is_waiting():
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._idle_timer.cancel()
        if self._head_timer is not None:
            self._head_timer.cancel()
        self.transport.connection_lost()  # type: ignore[attr-defined]
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """The worker is going to stop."""
        self._idle_timer.cancel()
        self._idle_since = self.loop.time()
        self._check_idle()

    def send_400_response(self, msg: str) -> None:
        """The head is not valid HTTP, or too large, or the body is not valid."""
        del msg
        is_waiting = self._is_waiting()
        if is_waiting or not self.cycle.response_started:
            is_large = len(self.conn.trailing_data[0]) > MAX_INCOMPLETE_BYTES
            status, headers, body = self.app.refuse(HEADERS_TOO_LARGE if is_large else BAD_REQUEST)
            self.transport.write(head(status, [*self.server_state.default_headers, *headers, CLOSE]) + body)
        if not is_waiting:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.close()

    def _is_waiting(self) -> bool:
        """Whether there is no request whose head has arrived and whose reply is not complete."""
        return self.cycle is None or self.cycle.response_complete

    def _check_idle(self) -> None:
        """Close the connection if it has had no request for a while."""
        limit = DRAIN_SECONDS if self.app.draining else self.timeout_keep_alive
        is_idle = self._is_waiting() and self._head_timer is None
        left = self._idle_since + limit - self.loop.time() if is_idle else limit
        if left > 0:
            self._idle_timer = self.loop.call_later(left, self._check_idle)
        else:
            self.transport.close()
