"""What a browser needs: the answer to its preflight request, and the headers of other answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from items_api.smoke.api import Api, Unexpected, expect_status, path_of
from items_api.smoke.claims import Claim

if TYPE_CHECKING:
    from collections.abc import Callable

    from items_api.smoke.curl import Response

METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}
SENT_HEADERS = {"content-type", "if-match", "if-none-match"}
EXPOSED_HEADERS = {"etag", "link", "location"}


def preflight(api: Api) -> None:
    wanted = SENT_HEADERS | api.access.cors_headers
    headers = ",".join(sorted({"content-type", *api.access.cors_headers}))
    requested = ("access-control-request-method", "PUT"), ("access-control-request-headers", headers)
    response = api.send("OPTIONS", "/items", None, ("origin", api.origin), *requested)
    expect_status(response, 204, 200)  # AWS returns either
    _expect_origin_allowed(api, response)
    _expect_values(response, "access-control-allow-methods", METHODS, str.upper)
    _expect_values(response, "access-control-allow-headers", wanted, str.lower)


def cors_headers(api: Api) -> None:
    response = api.send("GET", path_of(f"{api.id_prefix}-missing"), None, ("origin", api.origin))
    _expect_origin_allowed(api, response)
    _expect_values(response, "access-control-expose-headers", EXPOSED_HEADERS, str.lower)


def _expect_origin_allowed(api: Api, response: Response) -> None:
    allowed = response.headers.get("access-control-allow-origin")
    if allowed not in ("*", api.origin):
        raise Unexpected(f"access-control-allow-origin: expected * or {api.origin}, got {allowed or 'none'}")


def _expect_values(response: Response, header: str, expected: set[str], case: Callable[[str], str]) -> None:
    found = {case(value.strip()) for value in response.headers.get(header, "").split(",")} - {""}
    missing = expected - found
    if missing and "*" not in found:
        got = ", ".join(sorted(found)) or "none"
        raise Unexpected(f"{header}: expected {', '.join(sorted(missing))} in the list, got {got}")


CLAIMS = (
    Claim("OPTIONS allows the CORS preflight request of a browser", preflight),
    Claim("GET returns the CORS headers that a browser needs", cors_headers),
)
