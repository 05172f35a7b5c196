"""A client that is slow, or sends nothing, loses its connection, and others do not notice it."""

import re
import socket
import time
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest

from items_api.server import app, bodies, protocol, run
from tests.handler.conftest import FakeDynamoDB, Harness
from tests.server.conftest import Server, received, running


@pytest.fixture
def server(dynamodb: FakeDynamoDB, harness: Harness, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.3)
    monkeypatch.setattr(protocol, "DRAIN_SECONDS", 0.3)
    monkeypatch.setattr(run, "KEEP_ALIVE_SECONDS", 2)
    monkeypatch.setattr(protocol, "CLIENT_SECONDS", 0.5)
    monkeypatch.setattr(app, "MEMORY_BYTES", 400_000)
    monkeypatch.setattr(bodies, "READ_SECONDS", 0.3)
    monkeypatch.setattr(bodies, "DISCARD_SECONDS", 0.3)
    with running(dynamodb, harness, monkeypatch) as server:
        yield server


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
        assert received(client).partition(b"Bad")[0] == reply
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


def test_a_client_that_does_not_read_its_replies_loses_the_connection(server: Server) -> None:
    assert server("PUT", "/items/1", {"text": "x" * 300_000}).status == 201
    with socket.create_connection(server.address, timeout=10) as client:
        client.sendall(b"GET /items/1 HTTP/1.1\r\nHost: localhost\r\n\r\n" * 100)
        time.sleep(2)
        assert len(received(client)) < 100 * 300_000
    assert server("GET", "/items/1").status == 200  # the memory of the reply is free again


def test_a_client_that_reads_slowly_gets_its_replies(server: Server) -> None:
    assert server("PUT", "/items/1", {"text": "x" * 300_000}).status == 201
    with socket.create_connection(server.address, timeout=10) as client:
        client.sendall(b"GET /items/1 HTTP/1.1\r\nHost: localhost\r\n\r\n" * 30)  # more than the network buffers
        size = 0
        while size < 30 * 300_000:
            size += len(client.recv(65_536))
            time.sleep(0.01)


def test_a_body_for_which_there_is_no_memory_is_a_503(server: Server) -> None:
    for _ in range(3):
        assert server("PUT", "/items/1", {"text": "x" * 250_000}).status in (200, 201)
    busy = server("PUT", "/items/1", {"text": "x" * 450_000})
    assert (busy.status, busy.headers["retry-after"], busy.body) == (503, "1", b'{"message": "Service Unavailable"}')
    assert server("PUT", "/items/1", {"n": 1}).status == 200


def test_a_reply_for_which_there_is_no_memory_is_a_503(server: Server) -> None:
    for name in "ab":
        assert server("PUT", f"/items/{name}", {"text": "x" * 250_000}).status == 201
    assert server("GET", "/items").status == 503
    assert server("GET", "/items?limit=1").status == 200


@pytest.mark.parametrize(("chunk", "count", "status"), [(b"1", 5000, 400), (b"1" * 100, 2000, 200)])
def test_a_body_of_many_small_chunks_is_refused(server: Server, chunk: bytes, count: int, status: int) -> None:
    """Each chunk costs about as much as a small request."""
    server("PUT", "/items/1", {"text": ""})
    content = b'{"text":"' + chunk * count + b'"}'
    pieces = [content[start : start + len(chunk)] for start in range(0, len(content), len(chunk))]
    body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    with socket.create_connection(server.address, timeout=10) as client:
        with suppress(ConnectionError):
            client.sendall(b"PUT /items/1 HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
        assert client.recv(65_536).startswith(b"HTTP/1.1 %d " % status)
    assert len(server("GET", "/items/1").json["text"]) == (0 if status == 400 else len(chunk) * count)


def test_a_body_with_two_lengths_is_refused_and_nothing_after_it_is_read(server: Server) -> None:
    with socket.create_connection(server.address, timeout=10) as client:
        client.sendall(
            b"PUT /items/1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"0\r\n\r\nDELETE /items/2 HTTP/1.1\r\nHost: localhost\r\n\r\n"
        )
        reply = received(client)
    assert reply.startswith(b"HTTP/1.1 400 ")
    assert reply.count(b"HTTP/1.1") == 1


def test_a_client_that_sends_no_more_gets_the_replies_to_what_it_has_sent(server: Server) -> None:
    with socket.create_connection(server.address, timeout=10) as client:
        client.sendall(b"GET /items/1 HTTP/1.1\r\nHost: localhost\r\n\r\n" * 3)
        client.shutdown(socket.SHUT_WR)
        assert received(client).count(b"HTTP/1.1 404 ") == 3


HEADS = [
    (b"GET /healthz HTTP/1.1\r\n", 200),
    (b"OPTIONS /items HTTP/1.1\r\nOrigin: https://a.example\r\nAccess-Control-Request-Method: PUT\r\n", 204),
    (b"GET /other HTTP/1.1\r\n", 404),
]


@pytest.mark.parametrize(("head", "status"), HEADS)
def test_a_body_that_does_not_matter_does_not_count_as_the_next_request(
    server: Server, head: bytes, status: int
) -> None:
    last = b"GET /items/1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    with socket.create_connection(server.address, timeout=10) as client:
        client.sendall(head + b"Host: localhost\r\nContent-Length: 5\r\n\r\n")
        time.sleep(0.1)
        client.sendall(b"hello" + last)
        statuses = re.findall(rb"HTTP/1\.1 (\d+)", received(client))
    assert statuses == [b"%d" % status, b"404"]


@pytest.mark.parametrize(("head", "status"), HEADS)
def test_nothing_is_read_after_a_body_with_two_lengths_that_does_not_matter(
    server: Server, head: bytes, status: int
) -> None:
    lengths = b"Host: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    with socket.create_connection(server.address, timeout=10) as client:
        client.sendall(head + lengths + b"GET /items/1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert re.findall(rb"HTTP/1\.1 (\d+)", received(client)) == [b"%d" % status]


def test_a_client_that_reads_slowly_does_not_delay_the_end_for_long(
    dynamodb: FakeDynamoDB, harness: Harness, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(run, "STOP_SECONDS", 2)
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        with running(dynamodb, harness, monkeypatch) as server:
            for number in range(15):
                assert server("PUT", f"/items/{number}", {"text": "x" * 390_000}).status == 201
            client.settimeout(10)
            client.connect(server.address)
            client.sendall(b"GET /items HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert client.recv(100).startswith(b"HTTP/1.1 200 ")
        # Now it has ended.
        with suppress(ConnectionResetError):
            while client.recv(65_536):
                pass
    assert caplog.text == ""


def test_a_health_check_is_a_read(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    for method, status in (("GET", 200), ("HEAD", 200), ("POST", 404), ("CONNECT", 404)):
        assert server(method, "/healthz").status == status
    assert caplog.text == ""


@pytest.mark.parametrize(("head", "status"), HEADS)
def test_a_body_that_does_not_matter_is_not_waited_for(server: Server, head: bytes, status: int) -> None:
    with socket.create_connection(server.address, timeout=10) as client:
        client.sendall(head + b"Host: localhost\r\nContent-Length: 5\r\n\r\n")
        reply = received(client)
    assert reply.startswith(b"HTTP/1.1 %d " % status)
    assert b"\r\nconnection: close\r\n" in reply


def test_what_is_not_http_is_answered_with_a_request_id_and_a_date(server: Server) -> None:
    with socket.create_connection(server.address, timeout=10) as client:
        client.sendall(b"nonsense\r\n\r\n")
        head, _, body = received(client).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert {b"date", b"apigw-requestid", b"connection"} <= {line.partition(b":")[0] for line in head.split(b"\r\n")}
    assert body == b'{"message": "Bad Request"}'
