"""The API under test, and the assertions of the checks."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from items_api.smoke.access import Access
from items_api.smoke.curl import Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

JSON = ("content-type", "application/json")


class Unexpected(Exception):  # noqa: N818 - a finding, not an error of this program
    """The API violates its contract."""


@dataclass
class Api:
    """The API under test. Records the request that a check reports, and every id that may have been written.

    `send` is for the request that a check is about, `setup_request` for its preparation and verification. A check that
    fails before its own request reports the setup request that failed.
    """

    endpoint: str
    http: Callable[[Request], Response]
    origin: str
    access: Access = field(default_factory=Access)
    id_prefix: str = field(default_factory=lambda: f"smoke-{secrets.token_hex(6)}")
    written_ids: set[str] = field(default_factory=set)
    request: Request | None = None
    response: Response | None = None
    _in_setup: bool = True

    def send(self, method: str, path: str, body: str | None = None, *headers: tuple[str, str]) -> Response:
        self._in_setup = False
        self.request, self.response = Request(method, self.endpoint + path, headers, body), None
        self.response = self._exchange(self.request)
        return self.response

    def send_as(
        self, headers: Callable[[Request], Mapping[str, str]], method: str, path: str, body: str | None = None
    ) -> Response:
        """`send` with other credentials."""
        self._in_setup = False
        self.request, self.response = Request(method, self.endpoint + path, (JSON,), body), None
        self.response = self.http(_with(self.request, headers(self.request)))
        return self.response

    def _exchange(self, request: Request) -> Response:
        """A preflight request of a browser has no credentials."""
        return self.http(request if request.method == "OPTIONS" else _with(request, self.access.headers(request)))

    def setup_request(self, method: str, path: str, body: str | None = None, *headers: tuple[str, str]) -> Response:
        request = Request(method, self.endpoint + path, (*((JSON,) if body else ()), *headers), body)
        if not self._in_setup:
            return self._exchange(request)
        self.request, self.response = request, None
        self.response = self._exchange(request)
        return self.response

    def start_check(self) -> None:
        self.request, self.response, self._in_setup = None, None, True

    def new_id(self, suffix: str) -> str:
        """A unique id. It counts as written immediately, because the response to a write may get lost."""
        item_id = f"{self.id_prefix}-{suffix}"
        self.written_ids.add(item_id)
        return item_id

    def create_item(self, suffix: str, /, **attributes: object) -> dict[str, Any]:
        item: dict[str, Any] = {"itemId": self.new_id(suffix), **attributes}
        expect_status(self.setup_request("PUT", path_of(item["itemId"]), compact(item)), 200, 201)
        return item

    def current_item(self, item_id: str) -> Any:
        response = self.setup_request("GET", path_of(item_id))
        return None if response.status == 404 else parsed(response)  # noqa: PLR2004 - Not Found


def _with(request: Request, headers: Mapping[str, str]) -> Request:
    return replace(request, headers=(*request.headers, *headers.items()))


def path_of(item_id: str) -> str:
    return f"/items/{quote(item_id, safe='')}"


def compact(content: object) -> str:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def parsed(response: Response) -> Any:
    """The JSON in the body, with decimals instead of floats to detect any loss of precision."""
    try:
        return json.loads(response.body, parse_float=Decimal)
    except ValueError:
        raise Unexpected(f"expected JSON, got {shortened(response.body)}") from None


def expect_status(response: Response, *statuses: int) -> None:
    if response.status not in statuses:
        expected = " or ".join(map(str, statuses))
        raise Unexpected(f"expected {expected}, got {response.status} {shortened(response.body)}")


def expect_body(response: Response, status: int, body: object) -> None:
    expect_status(response, status)
    expect_equal("body", parsed(response), body)


def expect_equal(what: str, got: object, expected: object) -> None:
    if got != expected:
        raise Unexpected(f"{what}: expected {shortened(expected)}, got {shortened(got)}")


def expect_error(response: Response, status: int) -> None:
    expect_status(response, status)
    body = parsed(response)
    if not isinstance(body, dict) or not isinstance(body.get("error"), str) or not body["error"]:
        raise Unexpected(f'expected {{"error": "…"}}, got {shortened(response.body)}')


def shortened(value: object) -> str:
    text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    if not text:
        return "nothing"
    return text if len(text) <= 200 else f"{text[:200]}…"  # noqa: PLR2004 - fits a terminal
