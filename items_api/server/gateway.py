"""What API Gateway does before it calls the function: CORS, routes, the throttle, tokens."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, NamedTuple

from items_api.handler import ROUTES
from items_api.handler.request import ITEM_PATH
from items_api.server.tokens import REFRESH_SECONDS, NoKeysError
from items_api.throttle import Bucket

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from items_api.server.events import Headers
    from items_api.server.service import Rules
    from items_api.server.tokens import Tokens

_COLLECTION = ITEM_PATH.rstrip("/")
_ROUTES = frozenset(ROUTES)
_OWN_HOST = re.compile(r"(localhost|[\d.]+|\[[\da-f:.]+\])(:\d+)?", re.IGNORECASE)


class Refusal(NamedTuple):
    """A reply instead of the function's: `{"message": …}` and some headers. `error` is for the log."""

    status: int
    message: str
    error: str
    headers: Sequence[tuple[bytes, bytes]] = ()


BAD_REQUEST = Refusal(400, "Bad Request", "InvalidHttp")
NOT_FOUND = Refusal(404, "Not Found", "NoRoute")
THROTTLED = Refusal(429, "Too Many Requests", "Throttled")
NO_TOKEN = Refusal(401, "Unauthorized", "NoToken", [(b"www-authenticate", b"Bearer")])
WRONG_TOKEN = Refusal(
    401,
    "Unauthorized",
    "InvalidToken",
    [(b"www-authenticate", b'Bearer scope="" error="invalid_token" error_description="the token is invalid"')],
)
NO_KEYS = Refusal(503, "Service Unavailable", "NoKeys", [(b"retry-after", b"%d" % REFRESH_SECONDS)])
NO_SCOPE = Refusal(403, "Forbidden", "MissingScope")
WRONG_HOST = Refusal(403, "The Host header must be localhost or an IP address", "HostName")
HEADERS_TOO_LARGE = Refusal(431, "Request Header Fields Too Large", "HeadersTooLarge")


def route_of(method: str, path: str) -> str | Refusal:
    """The key of the route that a request matches, such as `GET /items/{id+}`, or the reply if there is none.

    API Gateway's reply is a 404 also if other methods have a route. A 405 says more, and HTTP requires it.
    """
    if path == _COLLECTION:
        template = _COLLECTION
    elif path.startswith(ITEM_PATH) and path != ITEM_PATH:
        template = f"{ITEM_PATH}{{id+}}"
    else:
        return NOT_FOUND
    route = f"{method} {template}"
    if route in _ROUTES:
        return route
    allowed = ", ".join(known.partition(" ")[0] for known in ROUTES if known.endswith(f" {template}"))
    return Refusal(405, "Method Not Allowed", "NoMethod", [(b"allow", allowed.encode())])


def is_own_host(host: str) -> bool:
    """Whether a Host header is `localhost` or an IP address: a web page could give this computer another name.

    https://en.wikipedia.org/wiki/DNS_rebinding
    """
    return bool(_OWN_HOST.fullmatch(host))


class Gateway:
    """Enforces the rules of an API. The throttle is that of this process."""

    def __init__(self, rules: Rules, tokens: Tokens | None, clock: Callable[[], float] = time.monotonic) -> None:
        """`tokens` verifies those that the API needs, if it needs any."""
        self._rules = rules
        self._tokens = tokens
        self.needs_token = tokens is not None
        self._clock = clock
        self._bucket = Bucket(rules.burst, clock())
        self._origins = frozenset(rules.origins)
        exposed = [(b"access-control-expose-headers", ",".join(rules.exposed).encode())] if rules.exposed else []
        self._exposed: Headers = exposed
        self._allowed: Headers = [
            (b"access-control-allow-methods", ",".join(rules.methods).encode()),
            (b"access-control-allow-headers", ",".join(rules.headers).encode()),
        ]

    @property
    def problem(self) -> str:
        """Why no request can be answered; an empty text if there is no reason."""
        return NO_KEYS.error if self._tokens and not self._tokens.has_keys else ""

    def preflight(self, method: str, headers: Mapping[str, str]) -> Headers | None:
        """The headers of the reply to a preflight request; None for other requests."""
        if method != "OPTIONS" or "origin" not in headers or "access-control-request-method" not in headers:
            return None
        allowed = self.cors(headers["origin"])
        return [*allowed, *self._allowed] if allowed else []

    def cors(self, origin: str | None) -> Headers:
        """The headers that let a page of this origin read a reply."""
        if origin is None:
            return []
        if "*" in self._origins:
            origin = "*"
        elif origin not in self._origins and f"{origin.partition('://')[0]}://*" not in self._origins:
            return []
        return [(b"access-control-allow-origin", origin.encode("latin-1")), *self._exposed]

    def throttled(self) -> Refusal | None:
        """The reply to a request to a route, if there are too many."""
        allowed = self._bucket.take(self._rules.rate, self._rules.burst, self._clock())
        return None if allowed else THROTTLED

    async def unauthorized(self, route: str | Refusal, headers: Mapping[str, str]) -> Refusal | None:
        """The reply to a request without the token that its route needs."""
        authorization = headers.get("authorization")
        if not authorization or not self._tokens:
            return NO_TOKEN
        try:
            scopes = await self._tokens.scopes(authorization)
        except NoKeysError:
            return NO_KEYS
        if scopes is None:
            return WRONG_TOKEN
        needed = self._rules.scopes.get(str(route), ())
        return NO_SCOPE if needed and not any(scope in scopes for scope in needed) else None
