"""The HTTP contract of docs/http.md, one request at a time, on moto's DynamoDB."""

from __future__ import annotations

import base64
import json
import re
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from items_api.handler import ROUTES

if TYPE_CHECKING:
    from tests.handler.conftest import Harness, Gateway

LINK = re.compile(r'</items\?(?:limit=(?P<limit>\d+)&)?next=(?P<next>[A-Za-z0-9_-]+)>; rel="next"')
AWKWARD_IDS = [
    "a/b",
    "//",
    "100%",
    "%2F",
    "%252F",
    "a b",
    "a+b",
    "é",
    "😀",
    ".",
    "..",
    "a?b#c",
    "a&b=c",
    "\n\0",
    "x" * 2048,
]


def test_the_tutorials_curl_lines_work(gateway: Gateway) -> None:
    """`curl -d` announces a form, so the gateway hands the JSON over in base64."""
    created = gateway("POST", "/items", b'{"itemId":"1","name":"Widget"}')
    assert (created.status, created.text) == (201, '{"itemId":"1","name":"Widget"}')
    found = gateway("GET", "/items/1")
    assert (found.status, found.text) == (200, '{"itemId":"1","name":"Widget"}')
    assert found.headers == {"content-type": "application/json"}


def test_post_creates_or_replaces_and_says_where(gateway: Gateway) -> None:
    for name in ("first", "second"):
        reply = gateway("POST", "/items", json.dumps({"itemId": "1", "name": name}))
        assert (reply.status, reply.headers["location"]) == (201, "/items/1")
    assert gateway("GET", "/items/1").json == {"itemId": "1", "name": "second"}


def test_post_without_an_id_makes_one(gateway: Gateway) -> None:
    """A random UUID, another one each time."""
    ids = []
    for _ in range(20):
        reply = gateway("POST", "/items", '{"name":"Widget"}')
        ids.append(reply.json["itemId"])
        assert gateway("GET", reply.headers["location"]).json == {"itemId": ids[-1], "name": "Widget"}
    assert {uuid.UUID(item_id).version for item_id in ids} == {4}
    assert {uuid.UUID(item_id).variant for item_id in ids} == {uuid.RFC_4122}
    assert len(set(ids)) == 20
    assert ids == [str(uuid.UUID(item_id)) for item_id in ids]


@pytest.mark.parametrize("item_id", AWKWARD_IDS)
def test_any_id_goes_around_through_its_location(gateway: Gateway, item_id: str) -> None:
    """Percent-encoded by RFC 3986 and decoded once, an id is exactly what was sent, on every method."""
    created = gateway("POST", "/items", json.dumps({"itemId": item_id}))
    location = created.headers["location"]
    assert re.fullmatch(r"/items/(?:[A-Za-z0-9._~-]|%[0-9A-F]{2})+", location)
    assert location.rpartition("/")[2] not in {".", ".."}
    assert gateway("GET", location).json == {"itemId": item_id}
    assert gateway("PUT", location, '{"name":"Widget"}').json == {"itemId": item_id, "name": "Widget"}
    assert gateway.item("GET", item_id).status == 200
    assert gateway("DELETE", location).status == 204
    assert gateway.item("GET", item_id).status == 404


def test_an_item_that_is_not_there_is_a_404(gateway: Gateway) -> None:
    reply = gateway("GET", "/items/1")
    assert (reply.status, reply.json) == (404, {"error": "Not found"})


def test_put_creates_then_replaces(gateway: Gateway) -> None:
    assert gateway.item("PUT", "1", {"name": "first", "old": True}).status == 201
    replaced = gateway.item("PUT", "1", {"itemId": "1", "name": "second"})
    assert (replaced.status, replaced.json) == (200, {"itemId": "1", "name": "second"})
    assert gateway.item("GET", "1").json == {"itemId": "1", "name": "second"}


@pytest.mark.parametrize("other", ["2", "", 1, None])
def test_put_refuses_another_id_in_the_body(gateway: Gateway, other: Any) -> None:
    reply = gateway.item("PUT", "1", {"itemId": other})
    assert (reply.status, reply.json) == (400, {"error": "The itemId in the body is not the one in the path"})
    assert gateway.item("GET", "1").status == 404


def test_delete_answers_204_without_a_body_also_when_nothing_was_there(gateway: Gateway) -> None:
    gateway.item("PUT", "1", {})
    for _ in range(2):
        reply = gateway.item("DELETE", "1")
        assert (reply.status, reply.text, reply.headers) == (204, "", {})
    assert gateway.item("GET", "1").status == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("header", ["if-match", "if-none-match"])
def test_conditional_headers_hold_or_are_a_412(gateway: Gateway, method: str, there: bool, header: str) -> None:
    """`If-Match: *` wants the item there, `If-None-Match: *` wants it not to be; a 412 changes nothing."""
    if there:
        gateway.item("PUT", "1", {"name": "old"})
    path = "/items" if method == "POST" else "/items/1"
    body = None if method == "DELETE" else '{"itemId":"1","name":"new"}'
    reply = gateway(method, path, body, {header: " * "})
    if (header == "if-match") == there:
        success = {"POST": 201, "PUT": 200 if there else 201, "DELETE": 204}
        assert reply.status == success[method]
    else:
        assert reply.status == 412
        assert "condition" in reply.json["error"]
        after = gateway.item("GET", "1")
        assert (after.status, after.json.get("name")) == ((200, "old") if there else (404, None))


def test_both_conditions_at_once_never_hold(gateway: Gateway) -> None:
    both = {"if-match": "*", "if-none-match": "*"}
    assert gateway("PUT", "/items/1", "{}", both).status == 412
    gateway.item("PUT", "1", {})
    assert gateway("PUT", "/items/1", "{}", both).status == 412


@pytest.mark.parametrize("value", ['"etag"', "", "*, *", 'W/"1"'])
def test_an_entity_tag_is_refused_not_ignored(gateway: Gateway, value: str) -> None:
    reply = gateway("PUT", "/items/1", "{}", {"if-match": value})
    assert (reply.status, reply.json) == (400, {"error": "if-match takes only *: items have no entity tags"})


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (None, "The body is empty: send a JSON object"),
        ("", "The body is empty: send a JSON object"),
        (b"", "The body is empty: send a JSON object"),
        ("[1]", "The body must be a JSON object"),
        (b"\xff\xfe", "The body is not UTF-8"),
        (b'{"name":"\xed\xa0\x80"}', "The body is not UTF-8"),
        ('{"itemId":1}', "itemId must be a string"),
        ('{"itemId":null}', "itemId must be a string"),
        ('{"itemId":""}', "itemId must not be empty"),
        (json.dumps({"itemId": "é" * 1025}), "itemId is 2050 bytes of UTF-8, more than 2048"),
        ('{"price":1e400}', "price is outside of 1E-130 to 9.99E+125"),
    ],
)
def test_a_bad_body_is_a_400_and_nothing_is_sent_to_dynamodb(
    harness: Harness, body: str | bytes | None, why: str
) -> None:
    reply = harness.gateway("POST", "/items", body)
    assert (reply.status, reply.json) == (400, {"error": why})
    assert harness.dynamodb.operations == []


def test_base64_that_is_none_is_a_400(harness: Harness) -> None:
    event = {
        "rawPath": "/items",
        "requestContext": {"http": {"method": "POST"}},
        "isBase64Encoded": True,
    }
    for body in ("{}", "e30", "é", "\ud800"):
        reply = harness.api.handle({**event, "body": body})
        assert reply["statusCode"] == 400
        assert "base64" in reply["body"]
    assert harness.api.handle({**event, "body": base64.b64encode(b"{}").decode()})["statusCode"] == 201


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_an_id_too_long_for_a_key_is_a_400_on_every_method(gateway: Gateway, method: str) -> None:
    reply = gateway.item(method, "x" * 2049, {} if method == "PUT" else None)
    assert (reply.status, reply.json) == (400, {"error": "itemId is 2049 bytes of UTF-8, more than 2048"})


def test_an_item_over_400_kb_is_a_413_and_is_not_written(gateway: Gateway) -> None:
    reply = gateway.item("PUT", "1", {"text": "x" * 500_000})
    assert (reply.status, reply.json) == (413, {"error": "The item is larger than DynamoDB's 400 KB, names included"})
    assert gateway.item("GET", "1").status == 404


def fill(gateway: Gateway, count: int, **attributes: Any) -> set[str]:
    ids = {f"item-{number}" for number in range(count)}
    for item_id in ids:
        assert gateway.item("PUT", item_id, attributes).status == 201
    return ids


def walk(gateway: Gateway, query: dict[str, str]) -> list[list[str]]:
    """The ids of every page, following the links."""
    pages = []
    while True:
        reply = gateway("GET", "/items", query=query)
        assert reply.status == 200
        pages.append([item["itemId"] for item in reply.json])
        if "link" not in reply.headers:
            return pages
        link = LINK.fullmatch(reply.headers["link"])
        assert link
        assert link["limit"] == query.get("limit")
        query = {name: value for name, value in link.groupdict().items() if value is not None}


@pytest.mark.parametrize(
    ("count", "limit", "sizes"), [(0, 3, [0]), (2, 3, [2]), (3, 3, [3]), (7, 3, [3, 3, 1]), (4, 1000, [4])]
)
def test_pages_are_full_and_link_on_only_when_more_follows(
    gateway: Gateway, count: int, limit: int, sizes: list[int]
) -> None:
    ids = fill(gateway, count)
    pages = walk(gateway, {"limit": str(limit)})
    assert [len(page) for page in pages] == sizes
    assert {item_id for page in pages for item_id in page} == ids


def test_without_a_limit_everything_that_fits_comes_at_once(gateway: Gateway) -> None:
    ids = fill(gateway, 30)
    assert [set(page) for page in walk(gateway, {})] == [ids]


def test_a_page_goes_on_over_dynamodbs_own_pages(harness: Harness) -> None:
    """DynamoDB's page ends early, even empty, with more to come: the reply's page does not."""
    ids = fill(harness.gateway, 5)
    harness.dynamodb.operations.clear()
    nothing = json.dumps({"Items": [], "Count": 0, "LastEvaluatedKey": {"itemId": {"S": "item-0"}}}).encode()

    harness.dynamodb.faults = [lambda exchange: exchange.reply(200, nothing)]
    reply = harness.gateway("GET", "/items")
    after_item_0 = {item["itemId"] for item in reply.json}
    assert harness.dynamodb.operations == ["Scan", "Scan"]
    assert "item-0" not in after_item_0
    assert after_item_0 < ids


def test_an_empty_page_is_linked_on_when_the_time_is_up(harness: Harness) -> None:
    nothing = json.dumps({"Items": [], "Count": 0, "LastEvaluatedKey": {"itemId": {"S": "item-0"}}}).encode()
    harness.dynamodb.faults = [lambda exchange: exchange.reply(200, nothing)]
    reply = harness.gateway("GET", "/items", seconds=1.5)
    assert (reply.status, reply.json) == (200, [])
    assert LINK.fullmatch(reply.headers["link"])


@pytest.mark.parametrize("text", ['"' * 300_000, "x" * 380_000, "\0" * 300_000, "😀" * 90_000])
def test_a_page_is_cut_below_lambdas_6_mb(harness: Harness, text: str) -> None:
    """However the text grows in JSON within JSON, each page fits, holds something, and links to the rest."""
    ids = fill(harness.gateway, 20, text=text)
    query: dict[str, str] = {}
    seen: list[str] = []
    while True:
        event = {"rawPath": "/items", "requestContext": {"http": {"method": "GET"}}, "queryStringParameters": query}
        reply = harness.api.handle(event)
        assert len(json.dumps(reply)) <= 6_291_556
        seen += [item["itemId"] for item in json.loads(reply["body"])]
        link = LINK.fullmatch(reply["headers"].get("link", ""))
        if link is None:
            break
        query = {"next": link["next"]}
    assert sorted(seen) == sorted(ids)


def test_the_largest_item_still_fits_a_reply(harness: Harness) -> None:
    """DynamoDB keeps 1E+125 in 3 bytes of a list and spells it out in 126: 17 MB for an item of 400 KB."""
    numbers = [{"N": "1" + "0" * 125}] * 136_000
    item = {"Item": {"itemId": {"S": "1"}, "n": {"L": numbers}}}
    harness.dynamodb.faults = [lambda exchange: exchange.reply(200, json.dumps(item).encode())]
    reply = harness.gateway.item("GET", "1")
    assert reply.status == 200
    assert len(reply.text) < 6_000_000


@pytest.mark.parametrize("limit", ["0", "1001", "-1", "1.0", "x", "", "01", "1,2", " 1", "٣", "9" * 5000])
def test_a_limit_out_of_range_is_a_400(gateway: Gateway, limit: str) -> None:
    reply = gateway("GET", "/items", query={"limit": limit})
    assert (reply.status, reply.json) == (400, {"error": "limit must be a whole number from 1 to 1000"})


@pytest.mark.parametrize("cursor", ["", "x", "AAAA", "AAAAAA", "AAAAAGE", "é", "/w==", "lwFCT2EvYg==", "\ud800"])
def test_a_cursor_that_was_not_given_out_is_a_400(gateway: Gateway, cursor: str) -> None:
    reply = gateway("GET", "/items", query={"next": cursor})
    assert (reply.status, reply.json) == (400, {"error": "next is not a cursor that this API gave out"})


def test_a_cursor_of_another_table_is_a_400(harness: Harness, new_harness: Any) -> None:
    other = new_harness()
    fill(other.gateway, 2)
    link = LINK.fullmatch(other.gateway("GET", "/items", query={"limit": "1"}).headers["link"])
    assert link
    assert other.gateway("GET", "/items", query={"next": link["next"]}).status == 200
    assert harness.gateway("GET", "/items", query={"next": link["next"]}).status == 400


def test_a_cursor_outlives_the_item_it_points_behind(gateway: Gateway) -> None:
    """The item may go between two pages."""
    fill(gateway, 3)
    first = gateway("GET", "/items", query={"limit": "1"})
    gateway.item("DELETE", first.json[0]["itemId"])
    link = LINK.fullmatch(first.headers["link"])
    assert link
    assert gateway("GET", "/items", query={"limit": "2", "next": link["next"]}).status == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("PATCH", "/items/1", 405, "GET, PUT, DELETE"),
        ("POST", "/items/1", 405, "GET, PUT, DELETE"),
        ("HEAD", "/items", 405, "POST, GET"),
        ("DELETE", "/items", 405, "POST, GET"),
        ("get", "/items", 405, "POST, GET"),
        ("GET", "/", 404, None),
        ("GET", "/items/", 404, None),
        ("GET", "/item", 404, None),
        ("GET", "items", 404, None),
        ("GET", "/prod/other", 404, None),
    ],
)
def test_what_no_route_covers_is_a_405_with_allow_or_a_404(
    gateway: Gateway, method: str, path: str, status: int, allow: str | None
) -> None:
    """An HTTP API never passes these on; a direct invocation may."""
    reply = gateway(method, path)
    assert (reply.status, reply.headers.get("allow")) == (status, allow)
    assert set(reply.json) == {"error"}


def test_every_route_is_answered(harness: Harness) -> None:
    for route in ROUTES:
        method, _, path = route.partition(" ")
        reply = harness.gateway(method, path.replace("{id+}", "1"), "{}" if method in {"POST", "PUT"} else None)
        assert reply.status in {200, 201, 204, 404}
        assert harness.log[-1]["route"] == route


def test_behind_a_base_path_the_id_comes_from_the_path_parameters(harness: Harness) -> None:
    """A custom domain's base path stays in `rawPath`."""
    harness.gateway.item("PUT", "a/b", {})
    event = {
        "rawPath": "/prod/items/a/b",
        "pathParameters": {"id": "a/b"},
        "requestContext": {"http": {"method": "GET"}},
    }
    assert json.loads(harness.api.handle(event)["body"]) == {"itemId": "a/b"}
