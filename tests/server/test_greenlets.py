"""Functions that block wait for each other's time, and their results and errors arrive."""

import asyncio
import gc
import random
import socket
import ssl
import weakref
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from items_api.server.greenlets import Greenlets, Socket
from tests.servers import self_signed

KEYS: dict[str, int] = {}


def test_a_result_and_an_error_arrive() -> None:
    async def main() -> None:
        greenlets = Greenlets(10)
        assert await greenlets.run(lambda: 5) == 5
        with pytest.raises(KeyError, match="x"):
            await greenlets.run(lambda: KEYS["x"])
        assert await greenlets.run(lambda: 6) == 6

    asyncio.run(main())


def test_functions_that_sleep_overlap_and_their_greenlets_are_used_again() -> None:
    events: list[str] = []

    def sleeper(greenlets: Greenlets, name: str) -> Callable[[], str]:
        def sleeps() -> str:
            events.append(f"{name} starts")
            greenlets.sleep(0.01)
            events.append(f"{name} ends")
            return name

        return sleeps

    async def main() -> None:
        greenlets = Greenlets(10)
        for _ in range(3):
            names = await asyncio.gather(*(greenlets.run(sleeper(greenlets, name)) for name in "abc"))
            assert names == ["a", "b", "c"]
        assert len(greenlets._idle) == 3

    asyncio.run(main())
    assert events[:4] == ["a starts", "b starts", "c starts", "a ends"]


def test_nothing_of_a_finished_function_is_kept() -> None:
    """A request can have 10 MB, and a greenlet lives as long as the worker."""

    class Body:
        pass

    def function(body: Body, *, fails: bool) -> Body:
        if fails:
            raise KeyError
        return body

    async def main() -> None:
        greenlets = Greenlets(10)
        for fails in (False, True, False):
            body = Body()
            kept = weakref.ref(body)
            with suppress(KeyError):
                await greenlets.run(partial(function, body, fails=fails))
            del body
            gc.collect()
            assert kept() is None

    asyncio.run(main())


def exchanging(
    peer: Callable[[socket.socket], None],
    client: Callable[[Socket], Any],
    seconds: float = 5.0,
    contexts: tuple[ssl.SSLContext, ssl.SSLContext] | None = None,
) -> Any:
    """What `client` returns in a greenlet, connected with `peer` in a thread. `contexts` are for TLS on both sides."""
    ours, theirs = contexts or (None, None)

    async def main(port: int) -> Any:
        greenlets = Greenlets(10)

        def work() -> Any:
            connection = greenlets.connect("127.0.0.1", port, ours, 5)
            connection.settimeout(seconds)
            try:
                return client(connection)
            finally:
                connection.close()

        return await greenlets.run(work)

    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with theirs.wrap_socket(connection, server_side=True) if theirs else connection as stream:
                peer(stream)

        async def both() -> Any:
            result, _ = await asyncio.gather(main(listener.getsockname()[1]), asyncio.to_thread(serve))
            return result

        return asyncio.run(both())


def test_a_connection_sends_and_receives() -> None:
    def peer(connection: socket.socket) -> None:
        connection.sendall(connection.recv(100) * 2)
        connection.recv(100)

    def client(connection: Socket) -> bytes:
        connection.sendall(b"ab")
        received = b""
        while len(received) < 4:
            received += connection.recv(100)
        return received

    assert exchanging(peer, client) == b"abab"


def test_tls_records_that_arrive_together_are_received_whole(tmp_path: Path) -> None:
    certificate, theirs = self_signed(tmp_path)
    ours = ssl.create_default_context(cafile=str(certificate))
    sent = random.Random(5).randbytes(300_000)

    def peer(connection: socket.socket) -> None:
        connection.recv(1)
        for start in range(0, len(sent), 1000):
            connection.sendall(sent[start : start + 1000])
        connection.recv(1)

    def client(connection: Socket) -> bytes:
        connection.sendall(b"1")
        received = b""
        while len(received) < len(sent):
            received += connection.recv(65_536)
        connection.sendall(b"2")
        return received

    assert exchanging(peer, client, contexts=(ours, theirs)) == sent


def test_nothing_is_received_when_the_peer_has_closed() -> None:
    def client(connection: Socket) -> tuple[bytes, bytes, bool]:
        return connection.recv(10), connection.recv(10), connection.is_ready

    assert exchanging(lambda connection: connection.sendall(b"x"), client) == (b"x", b"", False)


def test_a_connection_is_not_ready_if_the_peer_has_sent_something_unasked() -> None:
    """It would be taken for the reply to the next request."""

    def peer(connection: socket.socket) -> None:
        connection.sendall(connection.recv(1))
        connection.recv(1)
        connection.sendall(b"unasked")
        connection.recv(1)

    def client(connection: Socket) -> list[bool]:
        ready = [connection.is_ready]
        connection.sendall(b"1")
        connection.recv(10)
        ready.append(connection.is_ready)
        connection.sendall(b"2")
        while connection.is_ready:
            connection._greenlets.sleep(0.01)
        return ready

    assert exchanging(peer, client) == [True, True]


def test_receiving_times_out() -> None:
    def client(connection: Socket) -> None:
        with pytest.raises(TimeoutError):
            connection.recv(10)

    exchanging(lambda connection: connection.recv(1), client, seconds=0.05)  # type: ignore[arg-type]


def test_connecting_to_nothing_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]

    async def main() -> None:
        greenlets = Greenlets(10)
        with pytest.raises(ConnectionRefusedError):
            await greenlets.run(lambda: greenlets.connect("127.0.0.1", port, None, 5))

    asyncio.run(main())
