"""The gateway refuses what API Gateway refuses, with its status, body and headers."""

import asyncio
from typing import Any

import pytest

from items_api.server.events import headers_of, path_of
from items_api.server.gateway import NOT_FOUND, Gateway, Refusal, route_of
from items_api.server.service import Rules
from items_api.server.tokens import Tokens
from tests.issuers import AUDIENCE, Issuer

ASKS = {"origin": "https://a.example", "access-control-request-method": "PUT"}
CORS: dict[str, Any] = {"methods": ("GET", "PUT"), "headers": ("content-type",), "exposed": ("etag", "link")}


def gateway(tokens: Tokens | None = None, now: Any = lambda: 0.0, **rules: Any) -> Gateway:
    return Gateway(Rules(**rules), tokens, now)


@pytest.mark.parametrize(
    ("origins", "origin", "answer"),
    [
        (("*",), "https://a.example", b"*"),
        (("https://a.example",), "https://a.example", b"https://a.example"),
        (("https://b.example", "https://a.example"), "https://a.example", b"https://a.example"),
        (("https://*",), "https://a.example", b"https://a.example"),
        (("https://*",), "http://a.example", None),
        (("https://a.example",), "https://a.example:8443", None),
        (("https://a.example",), "null", None),
    ],
)
def test_cors_allows_the_configured_origins(origins: tuple[str, ...], origin: str, answer: bytes | None) -> None:
    found = dict(gateway(origins=origins, **CORS).cors(origin))
    assert found.get(b"access-control-allow-origin") == answer
    assert found.get(b"access-control-expose-headers") == (b"etag,link" if answer else None)
    assert gateway(origins=origins).cors(None) == []


def test_a_preflight_request_has_an_origin_and_names_a_method() -> None:
    rules = gateway(origins=("https://a.example",), **CORS)
    allowed = dict(rules.preflight("OPTIONS", ASKS) or [])
    assert allowed[b"access-control-allow-methods"] == b"GET,PUT"
    assert allowed[b"access-control-allow-headers"] == b"content-type"
    assert rules.preflight("OPTIONS", {**ASKS, "origin": "https://b.example"}) == []
    assert rules.preflight("GET", ASKS) is None
    for name in ASKS:
        assert rules.preflight("OPTIONS", {other: ASKS[other] for other in ASKS if other != name}) is None


@pytest.mark.parametrize(
    ("method", "path", "route"),
    [
        ("GET", "/items", "GET /items"),
        ("POST", "/items", "POST /items"),
        ("PUT", "/items/a/b", "PUT /items/{id+}"),
        ("PATCH", "/items/1", "PATCH /items/{id+}"),
    ],
)
def test_routes_are_those_of_the_api(method: str, path: str, route: str) -> None:
    assert route_of(method, path) == route


@pytest.mark.parametrize("path", ["/", "/items/", "/item", "/itemsets", "/other"])
def test_other_paths_are_not_found(path: str) -> None:
    assert route_of("GET", path) == NOT_FOUND


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/items", b"POST, GET"),
        ("OPTIONS", "/items/1", b"GET, PUT, PATCH, DELETE"),
        ("get", "/items", b"POST, GET"),
    ],
)
def test_other_methods_are_not_allowed(method: str, path: str, allowed: bytes) -> None:
    found = route_of(method, path)
    assert isinstance(found, Refusal)
    assert (found.status, dict(found.headers)) == (405, {b"allow": allowed})


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        (b"/items/a%2Fb", "/items/a/b"),
        (b"/items/50%25", "/items/50%25"),
        (b"/items/%252F", "/items/%252F"),
        (b"/items/%C3%BC%20+", "/items/ü +"),
        (b"/items/%FF", "/items/�"),
        (b"/items/%zz", "/items/%zz"),
        (b"http://localhost:8000/items/1", "/items/1"),  # as a proxy may send it
        (b"HTTPS://localhost/items/http://a", "/items/http://a"),
        (b"http://localhost", ""),
        (b"/http://localhost/items", "/http://localhost/items"),
    ],
)
def test_a_path_is_decoded_except_for_percent_signs(raw: bytes, path: str) -> None:
    assert path_of(raw) == path


def test_repeated_headers_are_joined() -> None:
    found, size = headers_of([(b"if-match", b'"a"'), (b"host", b"h"), (b"if-match", b'"b"')])
    assert (found, size) == ({"if-match": '"a","b"', "host": "h"}, 2 * 11 + 5)


def refusal(rules: Gateway, route: str = "GET /items", **headers: str) -> Refusal | None:
    return asyncio.run(rules.unauthorized(route, headers))


def test_the_throttle_is_a_token_bucket() -> None:
    now = [0.0]
    rules = gateway(now=lambda: now[0], rate=10.0, burst=2.0)
    assert [rules.throttled() is None for _ in range(3)] == [True, True, False]
    now[0] = 0.1
    assert [rules.throttled() is None for _ in range(2)] == [True, False]


def with_tokens(issuer: Issuer) -> Gateway:
    scopes = {"GET /items": ("read",), "POST /items": ("write", "admin")}
    return gateway(Tokens(issuer.url, (AUDIENCE,), print), issuer=issuer.url, scopes=scopes)


def test_a_request_without_a_token_is_told_what_it_needs(issuer: Issuer) -> None:
    found = refusal(with_tokens(issuer))
    assert found
    assert (found.status, found.message, found.headers) == (401, "Unauthorized", [(b"www-authenticate", b"Bearer")])


def test_a_wrong_token_is_a_401(issuer: Issuer) -> None:
    found = refusal(with_tokens(issuer), authorization="Bearer garbage")
    assert found
    assert (found.status, found.message) == (401, "Unauthorized")
    assert b'error="invalid_token"' in dict(found.headers)[b"www-authenticate"]


def test_a_token_that_cannot_be_verified_is_a_503(issuer: Issuer) -> None:
    issuer.answers.clear()
    rules = with_tokens(issuer)
    found = refusal(rules, authorization=f"Bearer {issuer.token()}")
    assert found
    assert (found.status, found.error, found.headers) == (503, "NoKeys", [(b"retry-after", b"30")])
    assert (rules.problem, gateway().problem) == ("NoKeys", "")


@pytest.mark.parametrize(
    ("route", "scope", "status"),
    [
        ("GET /items", "read", None),
        ("GET /items", "other read", None),
        ("GET /items", ["read"], None),
        ("GET /items", "write", 403),
        ("GET /items", None, 403),
        ("POST /items", "admin", None),
        ("POST /items", "read", 403),
        ("PUT /items/{id+}", None, None),  # needs a token, and no scope
    ],
)
def test_a_token_needs_one_of_the_scopes_of_the_route(
    issuer: Issuer, route: str, scope: object, status: int | None
) -> None:
    token = issuer.token(scope=scope, sub="alice")
    found = refusal(with_tokens(issuer), route, authorization=f"Bearer {token}")
    assert (found.status if found else None, found.message if found else "Forbidden") == (status, "Forbidden")
