"""The HTTP client accepts every valid reply, rejects invalid ones, and verifies certificates."""

import contextlib
import os
import select
import socket
import ssl
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from items_api.handler.connection import MAX_BODY_BYTES, MAX_HEAD_BYTES, Connection, ReplyError
from tests.servers import self_signed

REQUEST = b"POST / HTTP/1.1\r\ncontent-length: 0\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\n"
OK_BODY = OK + b"content-length: 2\r\n\r\nok"
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"
TOO_LONG = b"b" * (MAX_HEAD_BYTES * 3)


def soon() -> float:
    return time.monotonic() + 5


@contextlib.contextmanager
def scripted_server(*connections: list[bytes], tls: ssl.SSLContext | None = None) -> Iterator[tuple[int, list[bytes]]]:
    """Accepts connections. Sends each of them its replies, one per request, and closes it.

    Yields the server's port and the requests that it receives.
    """
    requests: list[bytes] = []

    def serve() -> None:
        for replies in connections:
            # A client that rejects the certificate disconnects during the handshake.
            with contextlib.suppress(OSError):
                plain, _ = listener.accept()
                plain.settimeout(5)
                with plain, tls.wrap_socket(plain, server_side=True) if tls else plain as peer:
                    for reply in replies:
                        requests.append(peer.recv(65_536))
                        peer.sendall(reply)

    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor() as threads:
        listener.settimeout(5)  # so that a failing test ends
        threads.submit(serve)
        yield listener.getsockname()[1], requests


@contextlib.contextmanager
def connected(*connections: list[bytes]) -> Iterator[Connection]:
    """A connection to a scripted server."""
    with (
        scripted_server(*connections) as (port, _),
        contextlib.closing(Connection(f"http://127.0.0.1:{port}")) as connection,
    ):
        yield connection


def received(reply: bytes) -> tuple[int, dict[str, str], bytes]:
    """Send the bytes to a client and return the reply as the client reads it."""
    with connected([reply]) as connection:
        connection.open(soon())
        parsed = connection.exchange(REQUEST, soon())
    return parsed.status, parsed.headers, parsed.body


def test_a_reply_with_a_content_length_is_read() -> None:
    assert received(OK + b"Content-Length: 5\r\nX-Amz-Crc32:  12 \r\n\r\nhello") == (
        200,
        {"content-length": "5", "x-amz-crc32": "12"},
        b"hello",
    )


@settings(max_examples=30, deadline=None)
@given(chunks=st.lists(st.binary(min_size=1, max_size=2000), max_size=5), trailer=st.booleans())
def test_a_chunked_reply_is_joined(chunks: list[bytes], trailer: bool) -> None:
    """With chunk extensions, and with or without trailers."""
    body = b"".join(b"%x;ext=1\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    end = b"0\r\n" + (b"x-trailer: 1\r\n" if trailer else b"") + b"\r\n"
    status, _, received_body = received(CHUNKED + body + end)
    assert (status, received_body) == (200, b"".join(chunks))


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (b"", "before the reply was complete"),
        (b"HTTP/1.1 200", "before the reply was complete"),
        (OK, "before the reply was complete"),
        (OK + b"content-length: 5\r\n\r\nhell", "before the reply was complete"),
        (CHUNKED + b"5\r\nhell", "before the reply was complete"),
        (OK + b"\r\nno length", "no valid length"),
        (OK + b"content-length: five\r\n\r\n", "no valid length"),
        (CHUNKED + b"five\r\nhello", "no valid length"),
        (OK + b"content-length: -1\r\n\r\n", "body is too long"),
        (OK + b"content-length: %d\r\n\r\n" % (MAX_BODY_BYTES + 1), "body is too long"),
        (CHUNKED + b"%x\r\n" % (MAX_BODY_BYTES + 1), "body is too long"),
        (CHUNKED + b"1\r\na\r\n%x\r\n" % MAX_BODY_BYTES, "body is too long"),
        (CHUNKED + TOO_LONG, "header or a chunk size line is too long"),
        (OK + b"a: " + TOO_LONG, "header or a chunk size line is too long"),
        (b"SSH-2.0-OpenSSH_9\r\n\r\n", "no HTTP/1.x status line"),
        (b"HTTP/1.1 OK\r\ncontent-length: 0\r\n\r\n", "no HTTP/1.x status line"),
    ],
)
def test_an_incomplete_or_invalid_reply_is_an_error(reply: bytes, why: str) -> None:
    """Truncated, without a length, too long, or not HTTP: no partial reply, no unbounded memory."""
    with pytest.raises(ReplyError, match=why):
        received(reply)


@settings(max_examples=60, deadline=None)
@given(noise=st.binary(max_size=200), prefix=st.sampled_from([b"", OK, CHUNKED]))
def test_random_bytes_are_a_complete_reply_or_an_oserror(noise: bytes, prefix: bytes) -> None:
    with contextlib.suppress(OSError):
        received(prefix + noise)


def test_a_connection_is_reused_unless_the_reply_ends_it() -> None:
    """`Connection: close` and HTTP/1.0 end it, even if the server does not close it."""
    body = b"content-length: 2\r\n\r\nok"
    first = [OK_BODY, OK + b"Connection: close\r\n" + body, b""]
    second = [b"HTTP/1.0 200 OK\r\n" + body, b""]
    with connected(first, second, [b""]) as connection:
        reused = []
        for _ in range(3):
            reused.append(connection.open(soon()))
            connection.exchange(REQUEST, soon())
        reused.append(connection.open(soon()))
    assert reused == [False, True, False, False]


def test_a_connection_with_unexpected_data_is_not_reused() -> None:
    """An extra reply would be read as the reply to the next request."""
    with connected([OK_BODY + b"HTTP/1.1 200 OK\r\n", b""], [b""]) as connection:
        connection.open(soon())
        assert connection.exchange(REQUEST, soon()).body == b"ok"
        assert connection.open(soon()) is False


def test_a_connection_closed_while_idle_is_detected_before_the_next_request() -> None:
    """So no write is sent whose outcome is unknown."""
    with connected([OK_BODY], [b""]) as connection:
        connection.open(soon())
        connection.exchange(REQUEST, soon())
        assert connection._socket
        select.select([connection._socket], [], [], 5)  # wait until the server has closed it
        assert connection.open(soon()) is False


def test_a_closed_connection_sends_nothing() -> None:
    with pytest.raises(ReplyError, match="not open"):
        Connection("http://127.0.0.1:1").exchange(REQUEST, soon())


@pytest.mark.parametrize(
    ("endpoint", "authority"),
    [
        ("https://dynamodb.eu-central-1.amazonaws.com:443/", "dynamodb.eu-central-1.amazonaws.com"),
        ("http://localhost:80/", "localhost"),
        ("http://[::1]:8000", "[::1]:8000"),
        ("https://[::1]", "[::1]"),
    ],
)
def test_the_host_header_omits_the_default_port(endpoint: str, authority: str) -> None:
    assert Connection(endpoint).authority == authority


def test_ipv6_addresses_are_supported() -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as listener:
        connection = Connection(f"http://[::1]:{listener.getsockname()[1]}")
        assert connection.open(soon()) is False
        connection.close()


def test_a_trusted_certificate_is_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, context = self_signed(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", os.fspath(certificate))
    with scripted_server([OK_BODY, OK_BODY], tls=context) as (port, _):
        connection = Connection(f"https://127.0.0.1:{port}")
        for reused in (False, True):
            assert connection.open(soon()) is reused
            assert connection.exchange(REQUEST, soon()).body == b"ok"
        connection.close()


@pytest.mark.parametrize(
    ("trusted", "host", "why"), [(False, "127.0.0.1", "self-signed"), (True, "localhost", "localhost")]
)
def test_an_untrusted_certificate_is_rejected_before_anything_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trusted: bool, host: str, why: str
) -> None:
    """So is a trusted certificate for another host name."""
    certificate, context = self_signed(tmp_path)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", os.fspath(certificate))
    with (
        scripted_server([b""], tls=context) as (port, requests),
        pytest.raises(ssl.SSLCertVerificationError, match=why),
    ):
        Connection(f"https://{host}:{port}").open(soon())
    assert requests == []
