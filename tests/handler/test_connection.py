"""The HTTP client reads what a server may send, refuses what it may not, and never trusts a stranger's certificate."""

from __future__ import annotations

import contextlib
import datetime as dt
import ipaddress
import os
import select
import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING, Self

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from items_api.handler.connection import MAX_BODY_BYTES, MAX_HEAD_BYTES, Connection, ReplyError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

REQUEST = b"POST / HTTP/1.1\r\ncontent-length: 0\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\n"


def soon() -> float:
    return time.monotonic() + 5


class ScriptedServer:
    """Accepts connections; sends each one the pieces it was given, each once a request has come, and hangs up."""

    def __init__(self, *connections: list[bytes], tls: ssl.SSLContext | None = None) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(5)  # a test that fails must end
        self.port: int = self._listener.getsockname()[1]
        self._connections = connections
        self._tls = tls
        self.requests: list[bytes] = []
        self._thread = threading.Thread(target=self._serve)

    def _serve(self) -> None:
        for replies in self._connections:
            # A client that refuses the certificate leaves in the middle of the handshake.
            with contextlib.suppress(OSError):
                plain, _ = self._listener.accept()
                plain.settimeout(5)
                with plain, self._tls.wrap_socket(plain, server_side=True) if self._tls else plain as peer:
                    self._converse(peer, replies)

    def _converse(self, peer: socket.socket, replies: list[bytes]) -> None:
        for reply in replies:
            self.requests.append(peer.recv(65_536))
            for start in range(0, len(reply), 40_000):
                peer.sendall(reply[start : start + 40_000])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()
        self._listener.close()


def received(reply: bytes) -> tuple[int, dict[str, str], bytes]:
    """What the client makes of one reply."""
    with ScriptedServer([reply]) as server:
        connection = Connection(f"http://127.0.0.1:{server.port}")
        connection.open(soon())
        try:
            answer = connection.exchange(REQUEST, soon())
        finally:
            connection.close()
    return answer.status, answer.headers, answer.body


def test_a_reply_with_a_length_is_read_to_its_end() -> None:
    assert received(OK + b"Content-Length: 5\r\nX-Amz-Crc32:  12 \r\n\r\nhello") == (
        200,
        {"content-length": "5", "x-amz-crc32": "12"},
        b"hello",
    )


@settings(max_examples=30, deadline=None)
@given(chunks=st.lists(st.binary(min_size=1, max_size=2000), max_size=5), trailer=st.booleans())
def test_a_reply_in_chunks_is_put_together(chunks: list[bytes], trailer: bool) -> None:
    """Any chunks, with an extension on each and with or without trailers."""
    body = b"".join(b"%x;ext=1\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    end = b"0\r\n" + (b"x-trailer: 1\r\n" if trailer else b"") + b"\r\n"
    status, _, received_body = received(OK + b"Transfer-Encoding: chunked\r\n\r\n" + body + end)
    assert (status, received_body) == (200, b"".join(chunks))


CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"
LONG = b"b" * (MAX_HEAD_BYTES * 3)


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (b"", "ended early"),
        (b"HTTP/1.1 200", "ended early"),
        (OK, "ended early"),
        (OK + b"content-length: 5\r\n\r\nhell", "ended early"),
        (CHUNKED + b"5\r\nhell", "ended early"),
        (OK + b"\r\nno length", "no usable length"),
        (OK + b"content-length: five\r\n\r\n", "no usable length"),
        (CHUNKED + b"five\r\nhello", "no usable length"),
        (OK + b"content-length: -1\r\n\r\n", "body is too long"),
        (OK + b"content-length: %d\r\n\r\n" % (MAX_BODY_BYTES + 1), "body is too long"),
        (CHUNKED + b"%x\r\n" % (MAX_BODY_BYTES + 1), "body is too long"),
        (CHUNKED + b"1\r\na\r\n%x\r\n" % MAX_BODY_BYTES, "body is too long"),
        (CHUNKED + LONG, "line or head is too long"),
        (OK + b"a: " + LONG, "line or head is too long"),
        (b"SSH-2.0-OpenSSH_9\r\n\r\n", "no HTTP/1.x status line"),
        (b"HTTP/1.1 OK\r\ncontent-length: 0\r\n\r\n", "no HTTP/1.x status line"),
    ],
)
def test_a_reply_that_is_not_whole_is_an_error(reply: bytes, why: str) -> None:
    """Cut short, without a length, too long, or not HTTP at all: never half an answer, never unbounded memory."""
    with pytest.raises(ReplyError, match=why):
        received(reply)


@settings(max_examples=60, deadline=None)
@given(noise=st.binary(max_size=200), prefix=st.sampled_from([b"", OK, OK + b"transfer-encoding: chunked\r\n\r\n"]))
def test_noise_is_an_error_or_a_reply_and_nothing_else(noise: bytes, prefix: bytes) -> None:
    """Whatever bytes come back, the caller sees a whole reply or an OSError."""
    with contextlib.suppress(OSError):
        received(prefix + noise)


def test_a_connection_is_kept_until_the_server_says_otherwise() -> None:
    """The server leaves every connection open; what it says decides."""
    body = b"content-length: 2\r\n\r\nok"
    first = [OK + body, OK + b"Connection: close\r\n" + body, b""]
    second = [b"HTTP/1.0 200 OK\r\n" + body, b""]
    with ScriptedServer(first, second, [b""]) as server:
        connection = Connection(f"http://127.0.0.1:{server.port}")
        kept = []
        for _ in range(3):
            kept.append(connection.open(soon()))
            connection.exchange(REQUEST, soon())
        kept.append(connection.open(soon()))
        connection.close()
    assert kept == [False, True, False, False]


def test_a_connection_with_more_than_the_reply_on_it_is_not_used_again() -> None:
    """A second reply that nobody asked for would answer the next question."""
    with ScriptedServer([OK + b"content-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n", b""], [b""]) as server:
        connection = Connection(f"http://127.0.0.1:{server.port}")
        connection.open(soon())
        assert connection.exchange(REQUEST, soon()).body == b"ok"
        assert connection.open(soon()) is False
        connection.close()


def test_a_connection_that_ended_while_idle_is_noticed_before_it_is_used() -> None:
    """So a write does not go out on it, and nobody has to wonder whether it arrived."""
    with ScriptedServer([OK + b"content-length: 2\r\n\r\nok"], [b""]) as server:
        connection = Connection(f"http://127.0.0.1:{server.port}")
        connection.open(soon())
        connection.exchange(REQUEST, soon())
        assert connection._socket
        select.select([connection._socket], [], [], 5)  # until the server's end has arrived
        assert connection.open(soon()) is False
        connection.close()


def test_a_closed_connection_sends_nothing() -> None:
    with pytest.raises(ReplyError, match="not open"):
        Connection("http://127.0.0.1:1").exchange(REQUEST, soon())


@pytest.mark.parametrize(
    ("endpoint", "authority"),
    [
        ("https://dynamodb.eu-central-1.amazonaws.com", "dynamodb.eu-central-1.amazonaws.com"),
        ("https://dynamodb.eu-central-1.amazonaws.com:443/", "dynamodb.eu-central-1.amazonaws.com"),
        ("http://localhost:4566", "localhost:4566"),
        ("http://localhost:80/", "localhost"),
        ("http://[::1]:8000", "[::1]:8000"),
        ("https://[::1]", "[::1]"),
    ],
)
def test_the_host_header_has_a_port_only_if_it_is_not_the_schemes_own(endpoint: str, authority: str) -> None:
    assert Connection(endpoint).authority == authority


def test_ipv6_addresses_are_connected_to() -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as listener:
        connection = Connection(f"http://[::1]:{listener.getsockname()[1]}")
        assert connection.open(soon()) is False
        connection.close()


class Authority:
    """Makes a self-signed certificate for 127.0.0.1 and another name."""

    def __init__(self, folder: Path) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "items-api tests")])
        now = dt.datetime.now(dt.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(
                x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
            )
            .sign(key, hashes.SHA256())
        )
        self.path = folder / "authority.pem"
        self.path.write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(self.path)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def trust(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Makes a file OpenSSL's default trust store."""
    return lambda path: monkeypatch.setenv("SSL_CERT_FILE", os.fspath(path))


def test_a_trusted_certificate_is_spoken_to(authority: Authority, trust: Callable[[Path], None]) -> None:
    trust(authority.path)
    reply = OK + b"content-length: 2\r\n\r\nok"
    with ScriptedServer([reply, reply], tls=authority.context) as server:
        connection = Connection(f"https://127.0.0.1:{server.port}")
        kept = [connection.open(soon())]
        assert connection.exchange(REQUEST, soon()).body == b"ok"
        kept.append(connection.open(soon()))
        assert connection.exchange(REQUEST, soon()).body == b"ok"
        connection.close()
    assert kept == [False, True]


def test_an_untrusted_certificate_is_refused_before_anything_is_sent(authority: Authority) -> None:
    with ScriptedServer([b""], tls=authority.context) as server, pytest.raises(ssl.SSLCertVerificationError):
        Connection(f"https://127.0.0.1:{server.port}").open(soon())
    assert server.requests == []


def test_a_trusted_certificate_of_another_name_is_refused(authority: Authority, trust: Callable[[Path], None]) -> None:
    trust(authority.path)
    with (
        ScriptedServer([b""], tls=authority.context) as server,
        pytest.raises(ssl.SSLCertVerificationError, match="localhost"),
    ):
        Connection(f"https://localhost:{server.port}").open(soon())
    assert server.requests == []
