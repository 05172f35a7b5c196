"""Replies as they are on the wire: their head, their end, and what follows on the connection."""

import http.client
import socket

import pytest

from items_api.server import app
from items_api.server.protocol import head
from tests.server.conftest import Server, received


@pytest.mark.parametrize("value", [b"a\r\nset-cookie: b", b"a\nb", b"a\rb"])
def test_a_header_cannot_contain_a_line_break(value: bytes) -> None:
    with pytest.raises(ValueError, match="line break"):
        head(200, [(b"location", value)])


def test_a_head_is_a_status_line_and_headers() -> None:
    assert head(404, [(b"a", b"1"), (b"b", b"")]) == b"HTTP/1.1 404 Not Found\r\na: 1\r\nb: \r\n\r\n"
    assert head(204, []) == b"HTTP/1.1 204 No Content\r\n\r\n"


@pytest.mark.parametrize(
    "request_head",
    [
        b"GET /items/1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        b"GET /items/1 HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
        b"GET /items/1 HTTP/1.0\r\nHost: localhost\r\n\r\n",
    ],
)
def test_a_connection_that_cannot_go_on_is_closed_after_the_reply(server: Server, request_head: bytes) -> None:
    with socket.create_connection(server.address, timeout=10) as client:
        client.sendall(request_head)
        reply = received(client)
    assert reply.startswith(b"HTTP/1.1 404 Not Found\r\n")
    assert reply.count(b"connection: close\r\n") == 1
    assert reply.endswith(b'{"error": "Not found"}')


def test_the_last_reply_ends_the_connection_of_a_client_that_sends_no_more(server: Server) -> None:
    with socket.create_connection(server.address, timeout=10) as client:
        client.sendall(2 * b"GET /items/1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        client.shutdown(socket.SHUT_WR)
        assert received(client).count(b"HTTP/1.1 404 ") == 2


def test_a_connection_is_used_for_replies_of_every_kind(server: Server) -> None:
    connection = http.client.HTTPConnection(*server.address, timeout=10)
    connection.connect()
    opened = connection.sock
    statuses = []
    for method, path, body, headers in (
        ("PUT", "/items/1", b'{"a":1}', {}),
        ("PUT", "/items/1", b'{"a":1}', {"Expect": "100-continue"}),
        ("GET", "/items/1", None, {"If-None-Match": "*"}),
        ("HEAD", "/healthz", None, {}),
        ("HEAD", "/items/1", None, {}),
        ("DELETE", "/items/1", None, {}),
        ("GET", "/items", None, {}),
    ):
        connection.request(method, path, body, headers)
        reply = connection.getresponse()
        reply.read()
        statuses.append(reply.status)
        assert reply.getheader("connection") is None
        assert (reply.getheader("content-length") is None) == (reply.status in (204, 304))
        assert connection.sock is opened
    connection.close()
    assert statuses == [201, 200, 304, 200, 405, 204, 200]


def test_a_reply_to_head_has_no_body(server: Server) -> None:
    with socket.create_connection(server.address, timeout=10) as client:
        client.sendall(b"HEAD /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        reply = received(client)
    assert b"\r\ncontent-length: 16\r\n" in reply
    assert reply.endswith(b"\r\n\r\n")


def test_a_client_that_waits_gets_an_interim_reply_first(server: Server) -> None:
    with socket.create_connection(server.address, timeout=10) as client:
        client.sendall(
            b"PUT /items/1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"
        )
        interim = client.recv(65_536)
        client.sendall(b"{}")
        reply = received(client)
    assert interim == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert reply.startswith(b"HTTP/1.1 201 Created\r\n")


def test_a_bug_is_a_500_and_the_end_of_the_connection(
    server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: object) -> None:
        raise KeyError("secret")

    monkeypatch.setattr(app.App, "_answer", broken)
    with socket.create_connection(server.address, timeout=10) as client:
        client.sendall(b"GET /items/1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        reply = received(client)
    assert reply.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert reply.endswith(b"connection: close\r\n\r\nInternal Server Error")
    assert "KeyError" in caplog.text
