"""Requests are sent as curl would send them, over a persistent connection."""

from __future__ import annotations

import gc
import os
import signal
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from items_api.smoke.contract import CLAIMS
from items_api.smoke.curl import Connection, Request
from items_api.smoke.run import smoke
from tests.servers import QuietHandler, self_signed, serving

Connect = Callable[..., Connection]


class RecordingHandler(QuietHandler):
    """Records each request. `/close` closes the connection without warning, `/ctrl-c` interrupts this process."""

    server: RecordingServer

    def answer(self) -> None:
        sent = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.requests.append((self.requestline, dict(self.headers), sent))
        self.server.peers.add(self.client_address)
        if self.path == "/ctrl-c":
            os.kill(os.getpid(), signal.SIGINT)
            self.server.interrupted.wait(timeout=5)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.send_header("X-Two-Words", "a")
        self.end_headers()
        self.wfile.write(b"[]")
        self.close_connection = self.path == "/close"

    do_GET = do_POST = do_PUT = do_DELETE = do_OPTIONS = answer  # noqa: N815 - BaseHTTPRequestHandler's names


class RecordingServer(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), RecordingHandler)
        self.endpoint = f"http://127.0.0.1:{self.server_port}"
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.peers: set[object] = set()
        self.interrupted = threading.Event()

    def handle_error(self, *_: object) -> None:
        """Log nothing: in one test, the client rejects the certificate."""


@pytest.fixture
def server() -> Iterator[RecordingServer]:
    server = RecordingServer()
    with serving(server):
        yield server


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Opens connections that are closed at the end of the test."""
    with ExitStack() as connections:
        yield lambda endpoint, timeout=5: connections.enter_context(closing(Connection(endpoint, timeout=timeout)))


def test_the_tutorials_post_is_sent_as_plain_curl_sends_it(server: RecordingServer, connect: Connect) -> None:
    request = Request("POST", f"{server.endpoint}/items", body='{"itemId":"1","name":"Widget"}')
    response = connect(server.endpoint)(request)
    [(line, headers, body)] = server.requests
    assert line == "POST /items HTTP/1.1"
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert headers["Accept"] == "*/*"
    assert body == b'{"itemId":"1","name":"Widget"}'
    assert (response.status, response.headers["x-two-words"], response.body) == (200, "a", b"[]")


def test_the_path_and_query_are_sent_as_they_are(server: RecordingServer, connect: Connect) -> None:
    connect(server.endpoint)(Request("GET", f"{server.endpoint}/items/%C3%A9?limit=1"))
    [(line, headers, _)] = server.requests
    assert line == "GET /items/%C3%A9?limit=1 HTTP/1.1"
    assert headers["Host"] == f"127.0.0.1:{server.server_port}"


def test_smoke_leaves_no_connection_open(server: RecordingServer) -> None:
    """Also if it is closed early. An open connection would be a ResourceWarning, and warnings are errors in tests."""
    assert len(list(smoke(server.endpoint, wait=0))) == len(CLAIMS) + 2
    checks = smoke(server.endpoint, wait=0)
    next(checks)
    checks.close()
    del checks
    gc.collect()


@pytest.mark.parametrize(("path", "connections"), [("/", 1), ("/close", 2)])
def test_a_connection_is_reused_until_the_server_closes_it(
    server: RecordingServer, connect: Connect, path: str, connections: int
) -> None:
    send = connect(server.endpoint)
    for url in (server.endpoint + path, f"{server.endpoint}/"):
        assert send(Request("GET", url)).status == 200
    assert len(server.peers) == connections


def test_a_request_interrupted_by_ctrl_c_does_not_affect_the_next(server: RecordingServer, connect: Connect) -> None:
    """Otherwise an interrupted run could not delete its items."""
    send = connect(server.endpoint)
    send(Request("GET", f"{server.endpoint}/"))
    with pytest.raises(KeyboardInterrupt):
        send(Request("GET", f"{server.endpoint}/ctrl-c"))
    server.interrupted.set()
    assert send(Request("DELETE", f"{server.endpoint}/")).status == 200
    assert [line.split()[1] for line, _, _ in server.requests] == ["/", "/ctrl-c", "/"]


def test_a_server_that_does_not_respond_is_a_timeout(connect: Connect) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(TimeoutError):
            connect(endpoint, timeout=0.05)(Request("GET", f"{endpoint}/"))


def test_an_untrusted_certificate_is_rejected(server: RecordingServer, connect: Connect, tmp_path: Path) -> None:
    _, context = self_signed(tmp_path)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    endpoint = f"https://127.0.0.1:{server.server_port}"
    with pytest.raises(ssl.SSLCertVerificationError, match="self-signed certificate"):
        connect(endpoint)(Request("GET", f"{endpoint}/"))


def test_a_proxy_is_used_for_https_but_never_for_this_computer(
    server: RecordingServer, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    assert connect(server.endpoint)(Request("GET", f"{server.endpoint}/")).status == 200
    with pytest.raises(ConnectionRefusedError):
        connect("https://api.example")(Request("GET", "https://api.example/"))


@pytest.mark.parametrize(
    ("request_", "line"),
    [
        (Request("GET", "http://h/items?limit=1"), "curl -i 'http://h/items?limit=1'"),
        (Request("DELETE", "http://h/items/a"), "curl -i -X DELETE http://h/items/a"),
        (
            Request("PUT", "http://h/items/a", (("if-match", "*"),), '{"name":"it\'s"}'),
            """curl -i -X PUT http://h/items/a -H 'if-match: *' -d '{"name":"it'"'"'s"}'""",
        ),
    ],
)
def test_a_request_as_a_curl_command(request_: Request, line: str) -> None:
    assert request_.curl("-i") == line
