"""The HTTP contract, claim by claim: each sends what it is about and raises `Unexpected` if the API does otherwise.

Each makes the items it needs, under ids of this run, so none depends on another. The one item that is not this run's
own is the tutorial's item 1: it is written only where there is none or the very same, and removed only if this run
made it. Somebody else's item 1 is left alone.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from items_api.smoke.api import (
    JSON,
    Api,
    Unexpected,
    compact,
    parsed,
    path_of,
    short,
    want,
    want_refusal,
    want_status,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from items_api.smoke.curl import Response

    Claim = Callable[[Api], str | None]  # may return a fact worth telling

TUTORIAL = '{"itemId":"1","name":"Widget"}'
METHODS = {"GET", "POST", "PUT", "DELETE"}
SENT_HEADERS = {"content-type", "if-match", "if-none-match"}
EXPOSED_HEADERS = {"link", "location"}
MAX_PAGES = 50  # of 1000 items: no reason to read somebody's large table to its end
# DynamoDB's own bounds: 38 digits, 1E-130 to 9.99…E+125.
EXACT_NUMBERS = (
    '"digits":12345678901234567890123456789012345678,"fraction":-3.1415926535897932384626433832795028841,'
    '"tenth":0.1,"largest":9.9999999999999999999999999999999999999E+125,"smallest":1E-130'
)
CLAIMS: list[tuple[str, Claim]] = []  # in the order in which they are checked: that of this file


def claim(words: str) -> Callable[[Claim], Claim]:
    def enter(check: Claim) -> Claim:
        CLAIMS.append((words, check))
        return check

    return enter


@claim("the tutorial's POST creates item 1")
def tutorial_create(api: Api) -> str | None:
    there = api.now("1")
    if there not in (None, json.loads(TUTORIAL)):
        body = compact({"itemId": api.new_id("tutorial"), "name": "Widget"})
        want_status(api.send("POST", "/items", body), 201)
        return "item 1 is somebody's own and is left alone: sent with another id"
    if there is None:
        api.written.add("1")
    response = api.send("POST", "/items", TUTORIAL)
    want_status(response, 201)
    want("body", parsed(response), json.loads(TUTORIAL))
    return None


@claim("the tutorial's GET reads it")
def tutorial_read(api: Api) -> None:
    response = api.send("GET", "/items/1")
    want_status(response, 200)
    item = parsed(response)
    if "1" in api.written:
        want("body", item, json.loads(TUTORIAL))
    elif not isinstance(item, dict) or item.get("itemId") != "1":
        # The tutorial's own fault: behind its $default route this lists everything.
        raise Unexpected(f"expected item 1, got {short(response.body)}")


@claim("POST creates and says where")
def create(api: Api) -> None:
    item: dict[str, Any] = {
        "itemId": api.new_id("create"),
        "name": "Widget",
        "tags": ["a", None, True],
        "size": {"w": 2},
    }
    response = api.send("POST", "/items", compact(item), JSON)
    want_status(response, 201)
    want("body", parsed(response), item)
    want("Location", response.headers.get("location"), path_of(item["itemId"]))
    want("item", api.now(item["itemId"]), item)


@claim("POST without an itemId makes one")
def create_without_id(api: Api) -> None:
    response = api.send("POST", "/items", '{"name":"nameless"}', JSON)
    want_status(response, 201)
    item = parsed(response)
    made = item.get("itemId") if isinstance(item, dict) else None
    if not isinstance(made, str) or not made:
        raise Unexpected(f"expected an item with an itemId, got {short(response.body)}")
    api.written.add(made)
    want("Location", response.headers.get("location"), path_of(made))


@claim("GET reads")
def read(api: Api) -> None:
    item = api.have("read", name="Gadget")
    response = api.send("GET", path_of(item["itemId"]))
    want_status(response, 200)
    want("body", parsed(response), item)


@claim("GET of a missing item is 404")
def read_missing(api: Api) -> None:
    response = api.send("GET", path_of(f"{api.run}-nobody"))
    want_status(response, 404)
    want("body", parsed(response), {"error": "Not found"})


@claim("GET lists until it is found")
def list_until_found(api: Api) -> str | None:
    item = api.have("list")
    for number, page in enumerate(_pages(api, "/items?limit=1000"), 1):
        if item in page:
            return f"on page {number}"
    if not _next(api):
        raise Unexpected(f"expected {item['itemId']} in the list, got to its end without it")
    return f"not among the first {MAX_PAGES} pages of a large table"


@claim("GET lists in pages")
def list_in_pages(api: Api) -> None:
    api.have("page-1")
    api.have("page-2")
    pages = _pages(api, "/items?limit=1")
    first = next(pages)
    want("items on a page with limit=1", len(first), 1)
    if not _next(api):
        raise Unexpected('expected a Link with rel="next", for there are at least two items; got none')
    second = next(pages)
    if first == second:
        raise Unexpected("expected another item on the next page, got the same")


def _pages(api: Api, path: str) -> Iterator[list[Any]]:
    following: str | None = path
    for _ in range(MAX_PAGES):
        if following is None:
            return
        response = api.send("GET", following)
        want_status(response, 200)
        page = parsed(response)
        if not isinstance(page, list):
            raise Unexpected(f"expected a JSON array, got {short(response.body)}")
        yield page
        following = _next(api)


def _next(api: Api) -> str | None:
    """The path and query that the last response's Link header (RFC 8288) names as the next page."""
    link = api.response.headers.get("link", "") if api.response else ""
    found = re.search(r'<([^>]*)>\s*;[^,]*\brel="?next"?', link)
    if not found:
        return None
    target = urlsplit(found[1])
    # The link may or may not repeat the path that the endpoint itself has.
    return f"{target.path.removeprefix(urlsplit(api.endpoint).path)}?{target.query}"


@claim("PUT replaces")
def replace(api: Api) -> None:
    item = api.have("replace", name="old", size=1)
    fresh = {"itemId": item["itemId"], "name": "new"}
    response = api.send("PUT", path_of(item["itemId"]), compact(fresh), JSON)
    want_status(response, 200)
    want("body", parsed(response), fresh)
    want("item", api.now(item["itemId"]), fresh)


@claim("PUT creates")
def replace_creates(api: Api) -> None:
    item_id = api.new_id("put")
    response = api.send("PUT", path_of(item_id), '{"name":"new"}', JSON)
    want_status(response, 201)
    want("item", api.now(item_id), {"itemId": item_id, "name": "new"})


@claim("PUT with another itemId is refused")
def replace_with_another_id(api: Api) -> None:
    item = api.have("mismatch", name="old")
    body = compact({"itemId": api.new_id("other"), "name": "new"})
    want_refusal(api.send("PUT", path_of(item["itemId"]), body, JSON), 400)
    want("item", api.now(item["itemId"]), item)


@claim("DELETE twice is 204 twice")
def delete_twice(api: Api) -> None:
    item = api.have("delete")
    for _ in range(2):
        response = api.send("DELETE", path_of(item["itemId"]))
        want_status(response, 204)
        want("body", response.body, b"")
        want("item", api.now(item["itemId"]), None)


@claim("malformed JSON is refused")
def refuse_malformed_json(api: Api) -> None:
    want_refusal(api.send("POST", "/items", '{"itemId":', JSON), 400)


@claim("an array is refused")
def refuse_array(api: Api) -> None:
    want_refusal(api.send("POST", "/items", "[1,2]", JSON), 400)


@claim("a number as itemId is refused")
def refuse_numeric_id(api: Api) -> None:
    want_refusal(api.send("POST", "/items", '{"itemId":5}', JSON), 400)


@claim("limit=0 is refused")
def refuse_limit(api: Api) -> None:
    want_refusal(api.send("GET", "/items?limit=0"), 400)


@claim("If-None-Match: * keeps what is there")
def if_none_match(api: Api) -> None:
    item = api.have("once", name="first")
    late = compact({**item, "name": "second"})
    want_refusal(api.send("PUT", path_of(item["itemId"]), late, JSON, ("if-none-match", "*")), 412)
    want_refusal(api.send("POST", "/items", late, JSON, ("if-none-match", "*")), 412)
    want("item", api.now(item["itemId"]), item)


@claim("If-Match: * makes nothing new")
def if_match(api: Api) -> None:
    item_id = api.new_id("absent")
    want_refusal(api.send("DELETE", path_of(item_id), None, ("if-match", "*")), 412)
    want_refusal(api.send("PUT", path_of(item_id), '{"name":"new"}', JSON, ("if-match", "*")), 412)
    want("item", api.now(item_id), None)


@claim("numbers come back exact")
def exact_numbers(api: Api) -> None:
    body = f'{{"itemId":"{api.new_id("numbers")}",{EXACT_NUMBERS}}}'
    sent = json.loads(body, parse_float=Decimal)
    response = api.send("POST", "/items", body, JSON)
    want_status(response, 201)
    want("body", parsed(response), sent)
    want("item", api.now(sent["itemId"]), sent)


@claim("39 digits are refused")
def refuse_39_digits(api: Api) -> None:
    item_id = api.new_id("digits")
    body = f'{{"itemId":"{item_id}","n":{"1" * 39}}}'
    want_refusal(api.send("POST", "/items", body, JSON), 400)
    want("item", api.now(item_id), None)


@claim("an id may be any text")
def non_ascii_id(api: Api) -> None:
    item = api.have("grün 東京 & co", name="Straße")
    response = api.send("GET", path_of(item["itemId"]))
    want_status(response, 200)
    want("body", parsed(response), item)
    location = api.aside("POST", "/items", compact(item)).headers.get("location", "")
    want("Location, decoded", unquote(location), f"/items/{item['itemId']}")


@claim("a browser's preflight passes")
def preflight(api: Api) -> None:
    asked = ("access-control-request-method", "PUT"), ("access-control-request-headers", "content-type")
    response = api.send("OPTIONS", "/items", None, ("origin", api.origin), *asked)
    # Seen as either, on AWS itself.
    want_status(response, 204, 200)
    _want_origin_allowed(api, response)
    _want_words(response, "access-control-allow-methods", METHODS, str.upper)
    _want_words(response, "access-control-allow-headers", SENT_HEADERS, str.lower)


@claim("a browser may read the reply")
def cors_on_a_reply(api: Api) -> None:
    response = api.send("GET", path_of(f"{api.run}-nobody"), None, ("origin", api.origin))
    _want_origin_allowed(api, response)
    _want_words(response, "access-control-expose-headers", EXPOSED_HEADERS, str.lower)


def _words(header: str | None) -> set[str]:
    return {word.strip() for word in (header or "").split(",") if word.strip()}


def _want_origin_allowed(api: Api, response: Response) -> None:
    allowed = response.headers.get("access-control-allow-origin")
    if allowed not in ("*", api.origin):
        raise Unexpected(f"access-control-allow-origin: expected * or {api.origin}, got {allowed or 'none'}")


def _want_words(response: Response, header: str, expected: set[str], case: Callable[[str], str]) -> None:
    found = {case(word) for word in _words(response.headers.get(header))}
    missing = expected - found
    if missing and "*" not in found:
        raise Unexpected(
            f"{header}: expected {', '.join(sorted(missing))} too, got {', '.join(sorted(found)) or 'none'}"
        )
