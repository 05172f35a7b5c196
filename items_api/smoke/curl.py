"""HTTP requests that can be sent over a persistent connection or shown as a curl command."""

from __future__ import annotations

import re
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
    from collections.abc import Mapping, Sequence
    from urllib.parse import SplitResult

# The default content type of curl -d.
FORM = "application/x-www-form-urlencoded"
_WITHOUT_SCHEME = re.compile(r"[a-z0-9][a-z0-9.-]*(:[0-9]+)?(/[a-z0-9._~/-]*)?", re.IGNORECASE)
NO_RESPONSE = (OSError, HTTPException)  # ssl.SSLError and TimeoutError are OSErrors


@dataclass(frozen=True)
class Request:
    """`url` is absolute and percent-encoded; `headers` are in addition to curl's defaults."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: str | None = None

    def curl(self, *options: str, authorization: Sequence[str] = ()) -> str:
        """The curl command for a POSIX shell. `authorization` are shell words in front of the others."""
        words: list[str] = []
        if self.method != "GET":
            words += ["-X", self.method]
        words.append(self.url)
        for name, value in self.headers:
            words += ["-H", f"{name}: {value}"]
        if self.body is not None:
            words += ["-d", self.body]
        return " ".join(["curl", *options, *authorization, shlex.join(words)])


@dataclass(frozen=True)
class Response:
    """Header names are lower case; `ms` is the time from the first byte sent to the last byte received."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    ms: float


class Connection:
    """Sends requests to one endpoint as curl would, over a connection that is reopened when the server closes it.

    TLS certificates are verified. `HTTPS_PROXY` and `NO_PROXY` are respected.
    """

    def __init__(self, endpoint: str, *, timeout: float = 35.0) -> None:
        # An HTTP API times out after 30 s, so it always responds within 35 s.
        self._parts = parse_endpoint(endpoint)
        self._timeout = timeout
        self._connection: HTTPConnection | None = None

    def __call__(self, request: Request) -> Response:
        """Send the request. Raises the exceptions in `NO_RESPONSE`."""
        reused = self._connection is not None
        try:
            return self._exchange(request)
        except (RemoteDisconnected, ConnectionError):
            if not reused:
                raise
        return self._exchange(request)  # the server may close an idle connection at any time

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _exchange(self, request: Request) -> Response:
        connection = self._connection or self._open()
        self._connection = None  # reused only after a complete response
        target = urlsplit(request.url)
        headers = {"Host": target.netloc, "Accept": "*/*", "User-Agent": "items-api-smoke", **dict(request.headers)}
        body = None if request.body is None else request.body.encode()
        if body is not None and not any(name.lower() == "content-type" for name in headers):
            headers["Content-Type"] = FORM
        path = f"{target.path or '/'}?{target.query}" if target.query else target.path or "/"
        try:
            start = time.perf_counter()
            connection.request(request.method, path, body, headers)
            reply = connection.getresponse()
            content = reply.read()
        except BaseException:  # even on Ctrl-C: the rest of the response would be read as the next one
            connection.close()
            raise
        self._connection = connection
        received = {name.lower(): value for name, value in reply.getheaders()}
        return Response(reply.status, received, content, 1000 * (time.perf_counter() - start))

    def _open(self) -> HTTPConnection:
        host, port = str(self._parts.hostname), self._parts.port
        if self._parts.scheme == "http":
            return HTTPConnection(host, port, timeout=self._timeout)
        context = ssl.create_default_context()
        proxy = None if proxy_bypass(host) else getproxies().get("https")
        if not proxy:
            return HTTPSConnection(host, port, timeout=self._timeout, context=context)
        via = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        connection = HTTPSConnection(str(via.hostname), via.port, timeout=self._timeout, context=context)
        connection.set_tunnel(host, port)
        return connection


def parse_endpoint(endpoint: str) -> SplitResult:
    """Split the base URL of an API, or raise InvalidSetting for `--url`."""

    def invalid(why: str) -> InvalidSetting:
        example = "https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com"
        if _WITHOUT_SCHEME.fullmatch(endpoint):
            example = f"http{'' if endpoint.startswith(('127.', 'localhost')) else 's'}://{endpoint}"
        todo = f"Use a URL like {example}."
        return InvalidSetting("is not the base URL of an API.", why, todo, setting="url", value=endpoint)

    try:
        parts = urlsplit(endpoint)
        port = parts.port
    except ValueError as error:
        raise invalid(f"It is not a valid URL: {error}.") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise invalid("It does not start with http:// or https:// and a host name.")
    if parts.query or parts.fragment or "@" in parts.netloc or port == 0:
        raise invalid("It must not have a query, a fragment, a user name or port 0.")
    if not endpoint.isascii() or any(character.isspace() for character in endpoint):
        raise invalid("It contains a space or a non-ASCII character, which must be percent-encoded.")
    return parts
