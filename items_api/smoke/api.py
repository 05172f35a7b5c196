"""The API under test, and the words in which a check says what it wants of it."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from items_api.smoke.curl import Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable

JSON = ("content-type", "application/json")


class Unexpected(Exception):  # noqa: N818 - a finding, not a fault of this program
    """The API answered, but not as its contract says."""


@dataclass
class Api:
    """The API under test. Remembers the request that a check is about, and every id that a request may have written.

    `send` is for the request that a check is about, `aside` for what prepares or verifies it. A check that fails
    before its own request is about what prepared it.
    """

    endpoint: str
    exchange: Callable[[Request], Response]
    origin: str
    run: str = field(default_factory=lambda: f"smoke-{secrets.token_hex(6)}")
    written: set[str] = field(default_factory=set)
    request: Request | None = None
    response: Response | None = None
    _preparing: bool = True

    def send(self, method: str, path: str, body: str | None = None, *headers: tuple[str, str]) -> Response:
        self._preparing = False
        self.request, self.response = Request(method, self.endpoint + path, headers, body), None
        self.response = self.exchange(self.request)
        return self.response

    def aside(self, method: str, path: str, body: str | None = None) -> Response:
        request = Request(method, self.endpoint + path, (JSON,) if body else (), body)
        if self._preparing:
            self.request, self.response = request, None
        response = self.exchange(request)
        if self._preparing:
            self.response = response
        return response

    def forget_request(self) -> None:
        self.request, self.response, self._preparing = None, None, True

    def new_id(self, suffix: str) -> str:
        """An id nobody else has. It counts as written from now on, for a write's answer may get lost."""
        made = f"{self.run}-{suffix}"
        self.written.add(made)
        return made

    def have(self, suffix: str, **attributes: object) -> dict[str, Any]:
        """Makes the item that a check needs."""
        item_id = self.new_id(suffix)
        item = {"itemId": item_id, **attributes}
        want_status(self.aside("PUT", path_of(item_id), compact(item)), 200, 201)
        return item

    def now(self, item_id: str) -> Any:
        """What GET gives for an id at this moment: the item, or None."""
        response = self.aside("GET", path_of(item_id))
        return None if response.status == 404 else parsed(response)  # noqa: PLR2004 - Not Found


def path_of(item_id: str) -> str:
    return f"/items/{quote(item_id, safe='')}"


def compact(content: object) -> str:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def parsed(response: Response) -> Any:
    """The body as data. Numbers stay exact: a float would round away what is being checked."""
    try:
        return json.loads(response.body, parse_float=Decimal)
    except ValueError:
        raise Unexpected(f"expected JSON, got {short(response.body)}") from None


def want_status(response: Response, *statuses: int) -> None:
    if response.status not in statuses:
        expected = " or ".join(map(str, statuses))
        raise Unexpected(f"expected {expected}, got {response.status} {short(response.body)}")


def want(what: str, got: object, expected: object) -> None:
    if got != expected:
        raise Unexpected(f"{what}: expected {short(expected)}, got {short(got)}")


def want_refusal(response: Response, status: int) -> None:
    """An error status, and a body that says what is wrong."""
    want_status(response, status)
    body = parsed(response)
    if not isinstance(body, dict) or not isinstance(body.get("error"), str) or not body["error"]:
        raise Unexpected(f'expected {{"error": "…"}}, got {short(response.body)}')


def short(value: object) -> str:
    text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    if not text:
        return "nothing"
    return text if len(text) <= 200 else f"{text[:200]}…"  # noqa: PLR2004 - fits a terminal
