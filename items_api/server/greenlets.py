"""Lets many requests wait at once in one thread, although the handler's code blocks.

Each request runs in a greenlet. Where the code would block, it switches to the event loop instead, which continues it
when there is something to do. Threads would need locks, and more time: see docs/serve.md.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, TypeVar, cast

from greenlet import getcurrent, greenlet

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

T = TypeVar("T")

# For all connections: what is received is copied from it at once. A bytearray would not do: asyncio writes each further
# TLS record into a slice, which is a copy (https://github.com/python/cpython/blob/v3.14.0/Lib/asyncio/sslproto.py#L768).
_BUFFER = memoryview(bytearray(1 << 16))
_CHECK_SECONDS = 0.1


class Greenlets:
    """Runs functions in greenlets. Create it in the event loop, outside of a greenlet.

    Args:
        limit: how many run at once. Other functions wait for their turn.
    """

    def __init__(self, limit: int) -> None:
        self.loop = asyncio.get_running_loop()
        self._main = getcurrent()
        self._unused = limit
        # Starting a greenlet maps memory, so a finished one waits for the next function.
        self._idle: list[greenlet] = []
        self._queue: deque[tuple[Callable[[], Any], asyncio.Future[Any]]] = deque()
        self._waiting: dict[Socket, float] = {}
        self._is_checking = False

    async def run(self, function: Callable[[], T]) -> T:
        """The result of a function. While it waits with the methods below, the event loop does other work."""
        done = self.loop.create_future()
        if not self._idle and self._unused:
            self._unused -= 1
            greenlet(self._work, self._main).switch()  # it puts itself into the list
        if self._idle:
            self._idle.pop().switch(function, done)
        else:
            self._queue.append((function, done))
        return cast("T", await done)

    def _work(self) -> None:
        """Nothing of a finished function may stay referenced here, nor the arguments that a greenlet starts with."""
        this = getcurrent()
        while True:
            if self._queue:
                function, done = self._queue.popleft()
            else:
                self._idle.append(this)
                function, done = self._main.switch()
            if done.cancelled():
                continue
            try:
                result = function()
            except Exception as error:  # noqa: BLE001 - raised where the result is awaited
                if not done.cancelled():
                    done.set_exception(error)
            else:
                if not done.cancelled():
                    done.set_result(result)
                del result
            del function, done

    def sleep(self, seconds: float) -> None:
        """To be called in a greenlet, like those below."""
        self.loop.call_later(seconds, getcurrent().switch)
        self._main.switch()

    def connect(self, host: str, port: int, tls: ssl.SSLContext | None, seconds: float) -> Socket:
        """Open a connection. Raises OSError; TimeoutError after this number of seconds."""
        connecting = self.loop.create_connection(
            lambda: Socket(self), host, port, ssl=tls, server_hostname=host if tls else None
        )
        task = self.loop.create_task(asyncio.wait_for(connecting, seconds))
        this = getcurrent()
        task.add_done_callback(lambda _: this.switch())
        self._main.switch()
        return task.result()[1]

    def wait_for(self, socket: Socket, deadline: float) -> None:
        """Wait until the socket has received something, or for this time of the event loop."""
        self._waiting[socket] = deadline
        if not self._is_checking:
            self._check_deadlines()
        socket.reader = getcurrent()
        self._main.switch()
        socket.reader = None
        del self._waiting[socket]

    def _check_deadlines(self) -> None:
        """One timer for all sockets: one for each wait would take a noticeable part of the time of a request."""
        now = self.loop.time()
        for socket in [socket for socket, deadline in self._waiting.items() if deadline <= now]:
            socket.wake()
        self._is_checking = bool(self._waiting)
        if self._is_checking:
            self.loop.call_later(_CHECK_SECONDS, self._check_deadlines)


class Socket(asyncio.BufferedProtocol):
    """A connection with the methods of a socket that the handler uses. Receiving lets other greenlets run."""

    def __init__(self, greenlets: Greenlets) -> None:
        self._greenlets = greenlets
        self._transport: asyncio.Transport
        self._received = bytearray()
        self.reader: greenlet | None = None
        self._timeout = 0.0
        self._has_ended = False

    @property
    def is_ready(self) -> bool:
        """Whether a request can be sent: the server has neither closed the connection nor sent something unasked."""
        return not (self._has_ended or self._received)

    # What the handler calls.

    def settimeout(self, seconds: float) -> None:
        self._timeout = seconds

    def sendall(self, data: bytes) -> None:
        """The event loop sends what the network does not accept at once."""
        self._transport.write(data)

    def recv(self, _size: int) -> bytes:
        """What has been received, or nothing if the server has closed the connection. Raises TimeoutError."""
        if not self._received and not self._has_ended:
            self._greenlets.wait_for(self, self._greenlets.loop.time() + self._timeout)
            if not self._received and not self._has_ended:
                raise TimeoutError("timed out")
        data = bytes(self._received)
        self._received.clear()
        return data

    def close(self) -> None:
        self._transport.abort()

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def get_buffer(self, _sizehint: int) -> memoryview:
        return _BUFFER

    def buffer_updated(self, nbytes: int) -> None:
        self._received += _BUFFER[:nbytes]
        self.wake()

    def connection_lost(self, _error: Exception | None) -> None:
        self._has_ended = True
        self.wake()

    def wake(self) -> None:
        """Continue the greenlet that waits, if there is one."""
        if self.reader is not None:
            self.reader.switch()
