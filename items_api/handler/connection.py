"""A persistent HTTP/1.1 connection over a socket, with TLS.

It supports what DynamoDB and its emulators need: POST, and replies with a Content-Length or in chunks. `http.client`
parses headers with the `email` package, and importing that takes longer than loading all other modules together.
"""

from __future__ import annotations

import select
import socket
import ssl
import time

CONNECT_SECONDS = 1.0
MAX_HEAD_BYTES = 65_536
MAX_BODY_BYTES = 32 * 1024 * 1024
_RECEIVE_BYTES = 65_536


class ReplyError(OSError):
    """The server did not send a complete HTTP/1.1 reply."""


class Reply:
    """An HTTP reply. Header names are lower case."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body


def authority_of(endpoint: str) -> str:
    """The value of the Host header: the port is left out if it is the scheme's default."""
    scheme, _, rest = endpoint.partition("://")
    return rest.rstrip("/").removesuffix(":443" if scheme == "https" else ":80")


class Connection:
    """A connection to one endpoint, opened on first use and reused until the server closes it.

    The endpoint is `https://host[:port]`, or `http://` for an emulator. A path is not supported. `tls` replaces the
    certificates that are trusted by default.
    """

    def __init__(self, endpoint: str, tls: ssl.SSLContext | None = None) -> None:
        scheme = endpoint.partition("://")[0]
        self.authority = authority_of(endpoint)
        host, colon, port = self.authority.rpartition(":")
        if not colon or port.endswith("]"):
            host, port = self.authority, "443" if scheme == "https" else "80"
        self._host = host.strip("[]")
        self._port = port
        # Loading the trusted certificates takes about 25 ms of CPU. Only Lambda's init phase has a full CPU.
        self.tls = (tls or ssl.create_default_context()) if scheme == "https" else None
        self._socket: socket.socket | None = None
        self._received = bytearray()
        self._deadline = 0.0

    def open(self, deadline: float) -> bool:
        """Connect if necessary. Returns True if an existing connection is reused; the server may have dropped it.

        `deadline` is in `time.monotonic` seconds. Raises OSError if it could not connect; nothing was sent.
        """
        if self._socket is not None:
            if not self._has_ended():
                return True
            self.close()
        self._deadline = min(deadline, time.monotonic() + CONNECT_SECONDS)
        self._socket = self._connect()
        return False

    def exchange(self, request: bytes, deadline: float) -> Reply:
        """Send a complete request and read the complete reply.

        Raises OSError if there was no complete reply; the server may or may not have processed the request.
        """
        self._deadline = deadline
        try:
            self._ready().sendall(request)
            status_line, headers = self._head()
            reply = Reply(_status(status_line), headers, self._body(headers))
        except OSError:
            self.close()
            raise
        keep_alive = status_line.startswith("HTTP/1.1") and headers.get("connection", "").lower() != "close"
        if not keep_alive or self._received:
            self.close()
        return reply

    def close(self) -> None:
        """Close the connection; the next `open` makes a new one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._received.clear()

    def _has_ended(self) -> bool:
        """Whether the server has closed the idle connection, for example while Lambda was frozen."""
        readable, _, _ = select.select([self._socket], [], [], 0)  # type: ignore[type-var]
        return bool(readable)

    def _connect(self) -> socket.socket:
        plain = socket.create_connection((self._host, int(self._port)), timeout=self._remaining())
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return self.tls.wrap_socket(plain, server_hostname=self._host) if self.tls else plain
        except OSError:
            plain.close()
            raise

    def _remaining(self) -> float:
        remaining = self._deadline - time.monotonic()
        if remaining <= 0:
            raise TimeoutError("timed out")
        return remaining

    def _ready(self) -> socket.socket:
        if self._socket is None:
            raise ReplyError("the connection is not open")
        self._socket.settimeout(self._remaining())
        return self._socket

    def _receive(self) -> None:
        data = self._ready().recv(_RECEIVE_BYTES)
        if not data:
            raise ReplyError("the server closed the connection before the reply was complete")
        self._received += data

    def _read_until(self, delimiter: bytes) -> bytes:
        while (end := self._received.find(delimiter)) < 0:
            if len(self._received) > MAX_HEAD_BYTES:
                raise ReplyError("the header or a chunk size line is too long")
            self._receive()
        return self._read(end, len(delimiter))

    def _read(self, size: int, skip: int = 0) -> bytes:
        while len(self._received) < size + skip:
            self._receive()
        data = bytes(self._received[:size])
        del self._received[: size + skip]
        return data

    def _head(self) -> tuple[str, dict[str, str]]:
        status_line, *lines = self._read_until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        return status_line, {name.lower(): value.strip() for name, _, value in [line.partition(":") for line in lines]}

    def _body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return self._chunks()
        return self._read(_size(headers.get("content-length", ""), 10, MAX_BODY_BYTES))

    def _chunks(self) -> bytes:
        body = bytearray()
        while True:
            line = self._read_until(b"\r\n").decode("latin-1")
            size = _size(line.partition(";")[0].strip(), 16, MAX_BODY_BYTES - len(body))
            if not size:
                break
            body += self._read(size, skip=2)
        while self._read_until(b"\r\n"):
            pass  # trailers
        return bytes(body)


def _status(line: str) -> int:
    version, _, rest = line.partition(" ")
    code = rest[:3]
    if not version.startswith("HTTP/1.") or not code.isdecimal():
        raise ReplyError("the reply has no HTTP/1.x status line")
    return int(code)


def _size(text: str, base: int, limit: int) -> int:
    try:
        size = int(text, base)
    except ValueError:
        raise ReplyError("the reply has no valid length") from None
    if not 0 <= size <= limit:
        raise ReplyError("the body is too long")
    return size
