"""One HTTP request: sent over a kept connection, or written as the curl line that sends the same."""

from __future__ import annotations

import shlex
import ssl
import time
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection, RemoteDisconnected
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from items_api.errors import InvalidSetting

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from urllib.parse import SplitResult

# What curl -d says unless told otherwise.
FORM = "application/x-www-form-urlencoded"
NO_ANSWER = (OSError, HTTPException)  # ssl.SSLError and TimeoutError are OSErrors


@dataclass(frozen=True)
class Request:
    """`url` is absolute and percent-encoded; `headers` are those beyond curl's own."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: str | None = None

    def curl(self, *options: str) -> str:
        """The command for a POSIX shell. A GET needs no -X, and -d brings its content type along."""
        words = ["curl", *options]
        if self.method != "GET":
            words += ["-X", self.method]
        words.append(self.url)
        for name, value in self.headers:
            words += ["-H", f"{name}: {value}"]
        if self.body is not None:
            words += ["-d", self.body]
        return shlex.join(words)


@dataclass(frozen=True)
class Response:
    """`headers` by lower-case name; `ms` from the first byte sent to the last one read."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    ms: float


class Connection:
    """Sends requests to one endpoint as curl would, over one connection that is opened again when it was closed.

    A name under `.localhost` means this computer (RFC 6761), but not every resolver knows, so it is not asked.
    TLS certificates are verified. `HTTPS_PROXY` and `NO_PROXY` are honoured.
    """

    def __init__(self, endpoint: str, *, timeout: float = 35.0, clock: Callable[[], float] = time.perf_counter) -> None:
        # An HTTP API gives its function 30 s, so 35 s of silence are not its doing.
        self._parts = parse_endpoint(endpoint)
        self._timeout = timeout
        self._clock = clock
        self._connection: HTTPConnection | None = None

    def __call__(self, request: Request) -> Response:
        """Raises what is in `NO_ANSWER`."""
        reused = self._connection is not None
        try:
            return self._exchange(request)
        except (RemoteDisconnected, ConnectionError):
            if not reused:
                raise
        return self._exchange(request)  # the server may close a kept connection at any moment

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _exchange(self, request: Request) -> Response:
        connection = self._connection or self._open()
        self._connection = None  # kept again once the answer is whole: what Ctrl-C cut short is of no more use
        target = urlsplit(request.url)
        headers = {"Host": target.netloc, "Accept": "*/*", "User-Agent": "items-api-smoke", **dict(request.headers)}
        body = None if request.body is None else request.body.encode()
        if body is not None and not any(name.lower() == "content-type" for name in headers):
            headers["Content-Type"] = FORM
        path = f"{target.path or '/'}?{target.query}" if target.query else target.path or "/"
        try:
            began = self._clock()
            connection.request(request.method, path, body, headers)
            reply = connection.getresponse()
            content = reply.read()
        except BaseException:  # Ctrl-C too: half an answer would be taken for the next one's
            connection.close()
            raise
        self._connection = connection
        found = {name.lower(): value for name, value in reply.getheaders()}
        return Response(reply.status, found, content, 1000 * (self._clock() - began))

    def _open(self) -> HTTPConnection:
        host, port = str(self._parts.hostname), self._parts.port
        if self._parts.scheme == "http":
            return HTTPConnection("127.0.0.1" if is_loopback_name(host) else host, port, timeout=self._timeout)
        context = ssl.create_default_context()
        proxy = None if proxy_bypass(host) else getproxies().get("https")
        if not proxy:
            return HTTPSConnection(host, port, timeout=self._timeout, context=context)
        way = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        connection = HTTPSConnection(str(way.hostname), way.port, timeout=self._timeout, context=context)
        connection.set_tunnel(host, port)
        return connection


def is_loopback_name(host: str) -> bool:
    return host == "localhost" or host.endswith(".localhost")


def parse_endpoint(endpoint: str) -> SplitResult:
    """The parts of a base URL such as https://abc.execute-api.us-east-1.amazonaws.com/prod; else InvalidSetting."""
    example = "Use one like https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com."
    try:
        parts = urlsplit(endpoint)
        port = parts.port
    except ValueError as error:
        raise InvalidSetting(f"--url {endpoint!r} is not a URL.", f"{error}.", example) from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidSetting(
            f"--url {endpoint!r} is not the URL of an API.", "It names no http or https host.", example
        )
    if parts.query or parts.fragment or "@" in parts.netloc or port == 0:
        raise InvalidSetting(
            f"--url {endpoint!r} is more than the base URL of an API.",
            "/items is put behind it, so it has no query, fragment or user name.",
            example,
        )
    if not endpoint.isascii() or any(character.isspace() for character in endpoint):
        raise InvalidSetting(
            f"--url {endpoint!r} holds a space or a letter that is not ASCII.", "", "Percent-encode it."
        )
    return parts
