"""The HTTP contract as a list of claims. Each check raises `Unexpected` if its claim is false.

A check creates the items that it needs, with ids of this run, so the checks are independent. The exception is the
tutorial's item 1: it is written only if it does not exist or is the same, and deleted only if this run created it. No
attribute that can have an index has a value other than text: the names of the others contain a colon.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from items_api.smoke import cors
from items_api.smoke.api import (
    JSON,
    Api,
    Unexpected,
    compact,
    expect_body,
    expect_equal,
    expect_error,
    expect_status,
    parsed,
    path_of,
    shortened,
)
from items_api.smoke.claims import Claim
from items_api.smoke.pages import MAX_PAGES, next_page, pages

if TYPE_CHECKING:
    from collections.abc import Callable

    from items_api.smoke.claims import CheckFunction

TUTORIAL = '{"itemId":"1","name":"Widget"}'
# DynamoDB's limits: 38 digits, 1E-130 to 9.99…E+125.
EXACT_NUMBERS = (
    '"smoke:digits":12345678901234567890123456789012345678,"smoke:fraction":-3.1415926535897932384626433832795028841,'
    '"smoke:tenth":0.1,"smoke:largest":9.9999999999999999999999999999999999999E+125,"smoke:smallest":1E-130'
)


CLAIMS: list[Claim] = []  # checked in the order of this file, and then those of cors.py


def claim(name: str, *, is_tutorial: bool = False) -> Callable[[CheckFunction], CheckFunction]:
    def register(check: CheckFunction) -> CheckFunction:
        CLAIMS.append(Claim(name, check, is_tutorial))
        return check

    return register


@claim("POST from the tutorial creates item 1", is_tutorial=True)
def tutorial_create(api: Api) -> str | None:
    existing = api.current_item("1")
    if existing not in (None, json.loads(TUTORIAL)):
        body = compact({"itemId": api.new_id("tutorial"), "name": "Widget"})
        expect_status(api.send("POST", "/items", body), 201)
        return "used another id, because a different item 1 already exists"
    if existing is None:
        api.written_ids.add("1")
    expect_body(api.send("POST", "/items", TUTORIAL), 201, json.loads(TUTORIAL))
    return None


@claim("GET from the tutorial returns item 1", is_tutorial=True)
def tutorial_read(api: Api) -> None:
    response = api.send("GET", "/items/1")
    expect_status(response, 200)
    item = parsed(response)
    if "1" in api.written_ids:
        expect_equal("body", item, json.loads(TUTORIAL))
    elif not isinstance(item, dict) or item.get("itemId") != "1":
        # The tutorial's $default route passes no id to the function, which then lists all items.
        raise Unexpected(f"expected item 1, got {shortened(response.body)}")


@claim("POST creates an item and returns its location")
def create(api: Api) -> None:
    item: dict[str, Any] = {
        "itemId": api.new_id("create"),
        "name": "Widget",
        "smoke:tags": ["a", None, True],
        "smoke:size": {"w": 2},
    }
    response = api.send("POST", "/items", compact(item), JSON)
    expect_body(response, 201, item)
    expect_equal("Location", response.headers.get("location"), path_of(item["itemId"]))
    expect_equal("item", api.current_item(item["itemId"]), item)


@claim("POST without an itemId generates one")
def create_without_id(api: Api) -> None:
    response = api.send("POST", "/items", '{"name":"nameless"}', JSON)
    expect_status(response, 201)
    item = parsed(response)
    item_id = item.get("itemId") if isinstance(item, dict) else None
    if not isinstance(item_id, str) or not item_id:
        raise Unexpected(f"expected an item with an itemId, got {shortened(response.body)}")
    api.written_ids.add(item_id)
    expect_equal("Location", response.headers.get("location"), path_of(item_id))


@claim("GET returns an item")
def read(api: Api) -> None:
    item = api.create_item("read", name="Gadget")
    response = api.send("GET", path_of(item["itemId"]))
    expect_body(response, 200, item)


@claim("GET returns 404 for a missing item")
def read_missing(api: Api) -> None:
    response = api.send("GET", path_of(f"{api.id_prefix}-missing"))
    expect_body(response, 404, {"error": "Not found"})


@claim("GET /items lists a new item")
def list_new_item(api: Api) -> str | None:
    item = api.create_item("list")
    for number, page in enumerate(pages(api, "/items?limit=1000"), 1):
        if item in page:
            return f"on page {number}"
    if not next_page(api):
        raise Unexpected(f"expected {item['itemId']} in the list, but no page contains it")
    return f"not on the first {MAX_PAGES} pages of a large table"


@claim("GET /items returns pages")
def list_in_pages(api: Api) -> None:
    api.create_item("page-1")
    api.create_item("page-2")
    found = pages(api, "/items?limit=1")
    first = next(found)
    expect_equal("items on a page with limit=1", len(first), 1)
    if not next_page(api):
        raise Unexpected('expected a Link header with rel="next", because there are at least two items; got none')
    second = next(found)
    if first == second:
        raise Unexpected("expected a different item on the next page, got the same one")


@claim("PUT replaces an item")
def replace(api: Api) -> None:
    item = api.create_item("replace", name="old", color="red")
    replacement = {"itemId": item["itemId"], "name": "new"}
    expect_body(api.send("PUT", path_of(item["itemId"]), compact(replacement), JSON), 200, replacement)
    expect_equal("item", api.current_item(item["itemId"]), replacement)


@claim("PUT creates an item")
def replace_creates(api: Api) -> None:
    item_id = api.new_id("put")
    response = api.send("PUT", path_of(item_id), '{"name":"new"}', JSON)
    expect_status(response, 201)
    expect_equal("item", api.current_item(item_id), {"itemId": item_id, "name": "new"})


@claim("PUT rejects a different itemId in the body")
def reject_different_id(api: Api) -> None:
    item = api.create_item("mismatch", name="old")
    body = compact({"itemId": api.new_id("other"), "name": "new"})
    expect_error(api.send("PUT", path_of(item["itemId"]), body, JSON), 400)
    expect_equal("item", api.current_item(item["itemId"]), item)


@claim("PATCH merges into an item and keeps the rest")
def patch_merges(api: Api) -> None:
    item = api.create_item("patch", **{"name": "old", "smoke:size": {"w": 2, "h": 3}, "color": "red"})
    patch = {"name": "new", "smoke:size": {"w": None}, "color": None}
    expected = {"itemId": item["itemId"], "name": "new", "smoke:size": {"h": 3}}
    expect_body(api.send("PATCH", path_of(item["itemId"]), compact(patch), JSON), 200, expected)
    expect_equal("item", api.current_item(item["itemId"]), expected)


@claim("PATCH of a missing item returns 404 and creates nothing")
def patch_missing(api: Api) -> None:
    item_id = api.new_id("patch-missing")
    expect_status(api.send("PATCH", path_of(item_id), '{"name":"new"}', JSON), 404)
    expect_equal("item", api.current_item(item_id), None)


def _tag(api: Api, path: str) -> str:
    tag = api.setup_request("GET", path).headers.get("etag")
    if not tag:
        raise Unexpected("GET returned no ETag")
    return tag


@claim("If-Match with an old ETag protects a newer item")
def if_match_tag(api: Api) -> None:
    path = path_of(api.create_item("tag", name="first")["itemId"])
    old = _tag(api, path)
    api.setup_request("PUT", path, '{"name":"second"}')
    new = _tag(api, path)
    if old == new:
        raise Unexpected(f"a PUT did not change the ETag {old}")
    response = api.send("PUT", path, '{"name":"third"}', JSON, ("if-match", old))
    expect_error(response, 412)
    expect_equal("ETag", response.headers.get("etag"), new)
    expect_status(api.setup_request("PUT", path, '{"name":"third"}', ("if-match", new)), 200)


@claim("If-None-Match with the current ETag returns 304")
def not_modified(api: Api) -> None:
    path = path_of(api.create_item("unmodified")["itemId"])
    response = api.send("GET", path, None, ("if-none-match", _tag(api, path)))
    expect_status(response, 304)
    expect_equal("body", response.body, b"")


@claim("DELETE deletes an item and returns 204 even if it is missing")
def delete_twice(api: Api) -> None:
    item = api.create_item("delete")
    for _ in range(2):
        response = api.send("DELETE", path_of(item["itemId"]))
        expect_status(response, 204)
        expect_equal("body", response.body, b"")
        expect_equal("item", api.current_item(item["itemId"]), None)


def _rejects(body: str) -> CheckFunction:
    return lambda api: expect_error(api.send("POST", "/items", body, JSON), 400)


claim("POST rejects malformed JSON")(_rejects('{"itemId":'))
claim("POST rejects an array")(_rejects("[1,2]"))
claim("POST rejects a numeric itemId")(_rejects('{"itemId":5}'))


@claim("GET /items rejects limit=0")
def reject_limit(api: Api) -> None:
    expect_error(api.send("GET", "/items?limit=0"), 400)


@claim("GET /items rejects an attribute without an index")
def reject_attribute(api: Api) -> None:
    expect_error(api.send("GET", f"/items?{api.id_prefix}=1"), 400)


@claim("If-None-Match: * protects an existing item")
def if_none_match(api: Api) -> None:
    item = api.create_item("once", name="first")
    second = compact({**item, "name": "second"})
    expect_error(api.send("PUT", path_of(item["itemId"]), second, JSON, ("if-none-match", "*")), 412)
    expect_error(api.send("POST", "/items", second, JSON, ("if-none-match", "*")), 412)
    expect_equal("item", api.current_item(item["itemId"]), item)


@claim("If-Match: * requires an existing item")
def if_match(api: Api) -> None:
    item_id = api.new_id("absent")
    expect_error(api.send("DELETE", path_of(item_id), None, ("if-match", "*")), 412)
    expect_error(api.send("PUT", path_of(item_id), '{"name":"new"}', JSON, ("if-match", "*")), 412)
    expect_equal("item", api.current_item(item_id), None)


@claim("POST stores numbers exactly")
def exact_numbers(api: Api) -> None:
    body = f'{{"itemId":"{api.new_id("numbers")}",{EXACT_NUMBERS}}}'
    sent = json.loads(body, parse_float=Decimal)
    expect_body(api.send("POST", "/items", body, JSON), 201, sent)
    expect_equal("item", api.current_item(sent["itemId"]), sent)


@claim("POST rejects a number with 39 digits")
def reject_39_digits(api: Api) -> None:
    item_id = api.new_id("digits")
    body = f'{{"itemId":"{item_id}","n":{"1" * 39}}}'
    expect_error(api.send("POST", "/items", body, JSON), 400)
    expect_equal("item", api.current_item(item_id), None)


@claim("GET returns an item with special characters in its id")
def non_ascii_id(api: Api) -> None:
    item = api.create_item("grün 東京 & co", name="Straße")
    expect_body(api.send("GET", path_of(item["itemId"])), 200, item)
    location = api.setup_request("POST", "/items", compact(item)).headers.get("location", "")
    expect_equal("Location, decoded", unquote(location), f"/items/{item['itemId']}")


CLAIMS += cors.CLAIMS
