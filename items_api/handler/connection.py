"""One kept HTTP/1.1 connection over a socket, with TLS.

It does what DynamoDB and its stand-ins need and no more: POST, replies with a length or in chunks. `http.client` would
do too, but it parses headers with the `email` package, and that alone costs more than the rest of the module load.
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
_EMPTY_LINE = b"\r\n\r\n"


class ReplyError(OSError):
    """What came back is not a whole HTTP/1.1 reply."""


class Reply:
    """A status, headers by lower-case name, and the body."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body


class Connection:
    """The connection to one endpoint: opened when it is needed, kept for as long as the server keeps it.

    Args:
        endpoint: `https://host`, or with a port, or `http://` for an emulator. A path is not supported.
    """

    def __init__(self, endpoint: str) -> None:
        scheme, _, rest = endpoint.partition("://")
        #: As the Host header has it: without the scheme's own port.
        self.authority = rest.rstrip("/").removesuffix(":443" if scheme == "https" else ":80")
        host, colon, port = self.authority.rpartition(":")
        if not colon or port.endswith("]"):
            host, port = self.authority, "443" if scheme == "https" else "80"
        self._host = host.strip("[]")
        self._port = port
        # Reading the trusted certificates takes 30 ms of CPU: Lambda's init has a full one, its first request a slice.
        self._tls = ssl.create_default_context() if scheme == "https" else None
        self._socket: socket.socket | None = None
        self._received = bytearray()
        self._until = 0.0

    def open(self, until: float) -> bool:
        """Make sure there is a connection; True when it is the kept one, which may be dead without anyone knowing.

        Args:
            until: when to give up, on `time.monotonic`'s clock.

        Raises:
            OSError: none could be made; nothing was sent.
        """
        if self._socket is not None:
            # An idle connection has nothing to read but its end: a server closes it while Lambda has us frozen.
            readable, _, _ = select.select([self._socket], [], [], 0)
            if not readable:
                return True
            self.close()
        self._until = min(until, time.monotonic() + CONNECT_SECONDS)
        plain = socket.create_connection((self._host, int(self._port)), timeout=self._left())
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket = self._tls.wrap_socket(plain, server_hostname=self._host) if self._tls else plain
        except OSError:
            plain.close()
            raise
        return False

    def exchange(self, request: bytes, until: float) -> Reply:
        """Send one whole request and read one whole reply.

        Raises:
            OSError: the answer was lost; whether the request was carried out is unknown.
        """
        self._until = until
        try:
            self._send(request)
            status_line, headers = self._head()
            reply = Reply(_status(status_line), headers, self._body(headers))
        except OSError:
            self.close()
            raise
        kept = status_line.startswith("HTTP/1.1") and headers.get("connection", "").lower() != "close"
        if not kept or self._received:
            self.close()
        return reply

    def close(self) -> None:
        """Drop the connection; the next `open` makes a new one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._received.clear()

    def _left(self) -> float:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        return left

    def _send(self, request: bytes) -> None:
        if self._socket is None:
            raise ReplyError("not open")
        self._socket.settimeout(self._left())
        self._socket.sendall(request)

    def _receive(self) -> None:
        if self._socket is None:
            raise ReplyError("not open")
        self._socket.settimeout(self._left())
        data = self._socket.recv(_RECEIVE_BYTES)
        if not data:
            raise ReplyError("the connection ended early")
        self._received += data

    def _until_mark(self, mark: bytes, limit: int) -> bytes:
        while (end := self._received.find(mark)) < 0:
            if len(self._received) > limit:
                raise ReplyError("a line or head is too long")
            self._receive()
        return self._take(end, len(mark))

    def _take(self, size: int, skip: int = 0) -> bytes:
        while len(self._received) < size + skip:
            self._receive()
        data = bytes(self._received[:size])
        del self._received[: size + skip]
        return data

    def _head(self) -> tuple[str, dict[str, str]]:
        status_line, *lines = self._until_mark(_EMPTY_LINE, MAX_HEAD_BYTES).decode("latin-1").split("\r\n")
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        return status_line, headers

    def _body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return self._chunks()
        return self._take(_size(headers.get("content-length", ""), 10, MAX_BODY_BYTES))

    def _chunks(self) -> bytes:
        body = bytearray()
        while True:
            line = self._until_mark(b"\r\n", MAX_HEAD_BYTES).decode("latin-1")
            size = _size(line.partition(";")[0].strip(), 16, MAX_BODY_BYTES - len(body))
            if not size:
                break
            body += self._take(size, skip=2)
        while self._until_mark(b"\r\n", MAX_HEAD_BYTES):
            pass  # trailers
        return bytes(body)


def _status(line: str) -> int:
    version, _, rest = line.partition(" ")
    code = rest[:3]
    if not version.startswith("HTTP/1.") or not code.isdecimal():
        raise ReplyError("no HTTP/1.x status line")
    return int(code)


def _size(text: str, base: int, limit: int) -> int:
    try:
        size = int(text, base)
    except ValueError:
        raise ReplyError("no usable length") from None
    if not 0 <= size <= limit:
        raise ReplyError("the body is too long")
    return size
