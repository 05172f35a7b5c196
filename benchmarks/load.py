"""Sends requests over persistent connections, and counts the replies: as fast as possible, or at a rate."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field

WARM_UP_SECONDS = 1.0


@dataclass
class Measured:
    """`statuses` counts replies, `lost` requests without one. `latencies` are in seconds, from the planned start."""

    seconds: float = 0.0
    statuses: Counter[int] = field(default_factory=Counter)
    lost: int = 0
    latencies: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return sum(self.statuses.values()) / self.seconds

    @property
    def failed(self) -> int:
        return self.lost + sum(count for status, count in self.statuses.items() if status >= 400)

    def p99(self) -> float:
        """In milliseconds."""
        return sorted(self.latencies)[int(len(self.latencies) * 0.99)] * 1000


class Client(asyncio.Protocol):
    """A connection that sends one request at a time, and reconnects when the server closes it."""

    def __init__(self, address: tuple[str, int], request: bytes, measured: Measured) -> None:
        self._address = address
        self._request = request
        self._measured = measured
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._closes = False
        self._planned = 0.0
        self._answered: asyncio.Future[None] | None = None

    async def ask(self, planned: float | None = None) -> None:
        """Send the request and wait for the reply. `planned` is when it should have been sent."""
        if self._transport is None or self._transport.is_closing():
            try:
                await self._loop.create_connection(lambda: self, *self._address)
            except OSError:
                self._measured.lost += 1
                return
        assert self._transport
        self._planned = time.perf_counter() if planned is None else planned
        self._answered = self._loop.create_future()
        self._transport.write(self._request)
        await self._answered

    def close(self) -> None:
        if self._transport:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._received = b""

    def connection_lost(self, _error: Exception | None) -> None:
        self._transport = None
        if self._answered and not self._answered.done():
            self._measured.lost += 1
            self._answered.set_result(None)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not end or len(body) < _length(head):
            return
        self._received = b""
        self._measured.statuses[int(head[9:12])] += 1
        self._measured.latencies.append(time.perf_counter() - self._planned)
        if b"\r\nconnection: close" in head.lower() and self._transport:
            self._transport.close()
            self._transport = None
        if self._answered and not self._answered.done():
            self._answered.set_result(None)


def _length(head: bytes) -> int:
    _, found, rest = head.lower().partition(b"content-length: ")
    return int(rest.partition(b"\r\n")[0]) if found else 0


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


async def saturate(address: tuple[str, int], request: bytes, connections: int, seconds: float) -> Measured:
    """Each connection sends its next request when it has the reply to the last one."""
    await _run_all(address, request, connections, WARM_UP_SECONDS)
    return await _run_all(address, request, connections, seconds)


async def _run_all(address: tuple[str, int], request: bytes, connections: int, seconds: float) -> Measured:
    measured = Measured()
    started = time.perf_counter()

    async def run() -> None:
        client = Client(address, request, measured)
        while time.perf_counter() - started < seconds:
            await client.ask()
        client.close()

    await asyncio.gather(*(run() for _ in range(connections)))
    measured.seconds = time.perf_counter() - started
    return measured


async def at_rate(
    address: tuple[str, int], request: bytes, rate: float, seconds: float, connections: int = 100
) -> Measured:
    """Requests at fixed moments, regardless of the replies. A late one counts from its moment."""
    measured = Measured()
    idle = [Client(address, request, measured) for _ in range(connections)]
    clients = list(idle)
    running: set[asyncio.Task[None]] = set()

    async def ask(client: Client, planned: float) -> None:
        await client.ask(planned)
        idle.append(client)

    started = time.perf_counter()
    for number in range(int(rate * seconds)):
        planned = started + number / rate
        while (wait := planned - time.perf_counter()) > 0 or not idle:  # noqa: ASYNC110 - for the most precise moment
            await asyncio.sleep(wait if wait > 0.001 else 0)
        task = asyncio.create_task(ask(idle.pop(), planned))
        running.add(task)
        task.add_done_callback(running.discard)
    if running:
        await asyncio.wait(running)
    measured.seconds = time.perf_counter() - started
    for client in clients:
        client.close()
    return measured
