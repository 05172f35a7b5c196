"""Requests go out as curl would send them, over one connection that is kept while the server keeps it."""

from __future__ import annotations

import gc
import os
import signal
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from items_api.smoke import smoke
from items_api.smoke.contract import CLAIMS
from items_api.smoke.curl import Connection, Request

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Echo(BaseHTTPRequestHandler):
    """Answers with what came; `/bye` closes the connection afterwards without having said so, `/ctrl-c` presses it."""

    protocol_version = "HTTP/1.1"
    server: EchoServer

    def answer(self) -> None:
        sent = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.seen.append((self.requestline, dict(self.headers), sent))
        self.server.peers.add(self.client_address)
        if self.path == "/ctrl-c":
            os.kill(os.getpid(), signal.SIGINT)
            self.server.pressed.wait(timeout=5)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.send_header("X-Two-Words", "a")
        self.end_headers()
        self.wfile.write(b"[]")
        self.close_connection = self.path == "/bye"

    do_GET = do_POST = do_PUT = do_DELETE = do_OPTIONS = answer  # noqa: N815 - BaseHTTPRequestHandler's names

    def log_message(self, *_: object) -> None:
        """Says nothing."""


class EchoServer(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Echo)
        self.seen: list[tuple[str, dict[str, str], bytes]] = []
        self.peers: set[object] = set()
        self.pressed = threading.Event()

    @property
    def port(self) -> int:
        return self.server_port

    def handle_error(self, *_: object) -> None:
        """Says nothing: a client that refuses a certificate is what a test is about."""


@pytest.fixture
def server() -> Iterator[EchoServer]:
    with EchoServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def open_connections() -> Iterator[list[Connection]]:
    connections: list[Connection] = []
    yield connections
    for connection in connections:
        connection.close()


def connect(connections: list[Connection], endpoint: str) -> Connection:
    connections.append(Connection(endpoint, timeout=5))
    return connections[-1]


def test_the_tutorials_post_is_sent_as_plain_curl_sends_it(
    server: EchoServer, open_connections: list[Connection]
) -> None:
    endpoint = f"http://127.0.0.1:{server.port}"
    request = Request("POST", f"{endpoint}/items", (), '{"itemId":"1","name":"Widget"}')
    response = connect(open_connections, endpoint)(request)
    [(line, headers, body)] = server.seen
    assert line == "POST /items HTTP/1.1"
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert headers["Accept"] == "*/*"
    assert body == b'{"itemId":"1","name":"Widget"}'
    assert (response.status, response.headers["x-two-words"], response.body) == (200, "a", b"[]")
    assert request.curl() == f"""curl -X POST {endpoint}/items -d '{{"itemId":"1","name":"Widget"}}'"""


def test_a_name_under_localhost_is_this_computer_even_where_it_does_not_resolve(
    server: EchoServer, open_connections: list[Connection]
) -> None:
    endpoint = f"http://a1b2.execute-api.localhost:{server.port}"
    connect(open_connections, endpoint)(Request("GET", f"{endpoint}/items/%C3%A9?limit=1"))
    [(line, headers, _)] = server.seen
    assert line == "GET /items/%C3%A9?limit=1 HTTP/1.1"
    assert headers["Host"] == f"a1b2.execute-api.localhost:{server.port}"


def test_one_connection_serves_all_requests(server: EchoServer, open_connections: list[Connection]) -> None:
    endpoint = f"http://127.0.0.1:{server.port}"
    send = connect(open_connections, endpoint)
    for _ in range(3):
        send(Request("GET", f"{endpoint}/"))
    assert len(server.peers) == 1


def test_a_run_keeps_no_connection_open_when_it_ends_and_when_it_is_closed(server: EchoServer) -> None:
    """An open one would be a ResourceWarning, and warnings are errors here."""
    endpoint = f"http://127.0.0.1:{server.port}"
    assert len(list(smoke(endpoint, wait=0))) == len(CLAIMS) + 2
    checks = smoke(endpoint, wait=0)
    next(checks)
    checks.close()
    del checks
    gc.collect()


def test_a_connection_that_the_server_closed_is_opened_again(
    server: EchoServer, open_connections: list[Connection]
) -> None:
    endpoint = f"http://127.0.0.1:{server.port}"
    send = connect(open_connections, endpoint)
    for path in ("/bye", "/"):
        assert send(Request("GET", endpoint + path)).status == 200
    assert len(server.peers) == 2


def test_a_request_that_ctrl_c_cut_short_does_not_spoil_the_next(
    server: EchoServer, open_connections: list[Connection]
) -> None:
    """Otherwise an interrupted run could not remove its items."""
    endpoint = f"http://127.0.0.1:{server.port}"
    send = connect(open_connections, endpoint)
    send(Request("GET", f"{endpoint}/"))
    with pytest.raises(KeyboardInterrupt):
        send(Request("GET", f"{endpoint}/ctrl-c"))
    server.pressed.set()
    assert send(Request("DELETE", f"{endpoint}/")).status == 200
    assert [line.split()[1] for line, _, _ in server.seen] == ["/", "/ctrl-c", "/"]


def test_a_server_that_never_answers_is_not_asked_for_ever(open_connections: list[Connection]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        open_connections.append(Connection(endpoint, timeout=0.05))
        with pytest.raises(TimeoutError):
            open_connections[-1](Request("GET", f"{endpoint}/"))


@pytest.fixture
def self_signed(tmp_path: Path) -> Path:
    """A key and a certificate for 127.0.0.1, in one file, that nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(1)
    )
    certificate = builder.sign(key, hashes.SHA256())
    pem = tmp_path / "self-signed.pem"
    pem.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate.public_bytes(Encoding.PEM)
    )
    return pem


def test_a_certificate_that_nobody_vouches_for_is_refused(
    server: EchoServer, open_connections: list[Connection], self_signed: Path
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    endpoint = f"https://127.0.0.1:{server.port}"
    with pytest.raises(ssl.SSLCertVerificationError, match="self-signed certificate"):
        connect(open_connections, endpoint)(Request("GET", f"{endpoint}/"))


def test_a_proxy_is_asked_for_https_and_never_for_this_computer(
    server: EchoServer, open_connections: list[Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    endpoint = f"http://x.localhost:{server.port}"
    assert connect(open_connections, endpoint)(Request("GET", f"{endpoint}/")).status == 200
    with pytest.raises(ConnectionRefusedError):
        connect(open_connections, "https://api.example")(Request("GET", "https://api.example/"))


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
def test_a_request_as_a_curl_line(request_: Request, line: str) -> None:
    assert request_.curl("-i") == line
