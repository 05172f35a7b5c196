"""A client that is slow, or sends nothing, loses its connection, and others do not notice it."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from items_api.server import bodies, protocol, run
from items_api.server.service import Rules, Service
from items_api.server.worker import usable_credentials
from tests.handler.conftest import REGION, FakeDynamoDB, Harness
from tests.server.conftest import KEYS, Server, eventually


@pytest.fixture
def server(dynamodb: FakeDynamoDB, harness: Harness, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A worker in a thread of this process, so that its limits can be short."""
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.3)
    monkeypatch.setattr(protocol, "DRAIN_SECONDS", 0.3)
    monkeypatch.setattr(run, "KEEP_ALIVE_SECONDS", 2)
    monkeypatch.setattr(bodies, "READ_SECONDS", 0.3)
    monkeypatch.setattr(bodies, "DISCARD_SECONDS", 0.3)
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    service = Service(harness.table.name, {}, REGION, dynamodb.url, Rules())
    worker = run.Server(run.configuration(service, usable_credentials(service), lambda: None))
    with run.listen("127.0.0.1", 0) as listener:
        host, port = listener.getsockname()
        thread = threading.Thread(target=worker.run, args=([listener],))
        thread.start()
        eventually(lambda: worker.started)
        yield Server(None, f"http://{host}:{port}", None)  # type: ignore[arg-type]
        worker.should_exit = True
        thread.join()


def received(client: socket.socket) -> bytes:
    """Everything until the server closes the connection."""
    pieces = []
    try:
        while piece := client.recv(65_536):
            pieces.append(piece)
    except ConnectionResetError:
        pieces.append(b"(reset)")
    return b"".join(pieces)


def trickle(client: socket.socket, content: bytes) -> None:
    """One byte after the other, until the server closes the connection."""
    for number in range(len(content)):
        try:
            client.sendall(content[number : number + 1])
        except OSError:
            return
        time.sleep(0.05)


def test_a_head_that_takes_too_long_is_cut_off(server: Server) -> None:
    with socket.create_connection(server.address, timeout=10) as client:
        trickle(client, b"GET /items/1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert received(client) in (b"", b"(reset)")
    assert server("GET", "/items/1").status == 404


def test_a_body_that_takes_too_long_is_a_408(server: Server, dynamodb: FakeDynamoDB) -> None:
    dynamodb.operations.clear()
    with socket.create_connection(server.address, timeout=10) as client:
        client.sendall(b"PUT /items/1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20\r\n\r\n")
        trickle(client, b'{"n": 1, "m": 2345}')
        reply = received(client)
    assert reply.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in reply
    assert dynamodb.operations == []


@pytest.mark.parametrize(
    ("framing", "sent", "reply"),
    [
        (b"Content-Length: 100", b'{"n":1}', b""),
        (b"Transfer-Encoding: chunked", b'7\r\n{"n":1}\r\n', b""),
        (b"Transfer-Encoding: chunked", b'7\r\n{"n":1}\r\nzz\r\n', b"HTTP/1.1 400 "),
    ],
)
def test_a_body_that_is_not_complete_is_not_written(
    server: Server, dynamodb: FakeDynamoDB, framing: bytes, sent: bytes, reply: bytes
) -> None:
    dynamodb.operations.clear()
    with socket.create_connection(server.address, timeout=10) as client:
        client.sendall(b"PUT /items/1 HTTP/1.1\r\nHost: localhost\r\n" + framing + b"\r\n\r\n" + sent)
        time.sleep(0.1)
        client.shutdown(socket.SHUT_WR)
        assert received(client).startswith(reply)
    assert server("GET", "/items/1").status == 404
    assert dynamodb.operations == ["GetItem"]


def test_a_large_body_that_is_refused_is_not_read_forever(server: Server) -> None:
    with socket.create_connection(server.address, timeout=10) as client:
        client.sendall(b"PUT /items/1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20000000\r\n\r\n")
        trickle(client, b"x" * 100)
        assert received(client).startswith(b"HTTP/1.1 413 ")


def test_a_connection_without_a_request_is_closed_after_a_while(server: Server) -> None:
    with socket.create_connection(server.address, timeout=10) as client:
        assert received(client) == b""


def test_a_second_request_on_the_connection_has_its_own_time(server: Server) -> None:
    with closing(socket.create_connection(server.address, timeout=10)) as client:
        for _ in range(3):
            client.sendall(b"GET /items/1 HTTP/1.1\r\n")
            time.sleep(0.15)
            client.sendall(b"Host: localhost\r\n\r\n")
            assert client.recv(65_536).startswith(b"HTTP/1.1 404 ")


def test_requests_that_are_sent_together_are_answered_in_their_order(server: Server) -> None:
    with socket.create_connection(server.address, timeout=10) as client:
        one = b"GET /items/%d?x=1 HTTP/1.1\r\nHost: localhost\r\n\r\n"
        last = b"GET /other HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        client.sendall(one % 1 + one % 2 + last)
        reply = received(client)
    assert reply.count(b'{"error": "Not found"}') == 2
    assert reply.endswith(b'{"message": "Not Found"}')


def test_slow_clients_do_not_delay_others(server: Server) -> None:
    slow = [socket.create_connection(server.address, timeout=10) for _ in range(50)]
    for number, client in enumerate(slow):
        client.sendall(
            b"GET /items/1 HTTP/1.1\r\nHo" if number % 2 else b"PUT /items/1 HTTP/1.1\r\nContent-Length: 9\r\n"
        )
    assert [server("GET", "/items/1").status for _ in range(20)] == [404] * 20
    for client in slow:
        assert received(client) in (b"", b"(reset)")
        client.close()
