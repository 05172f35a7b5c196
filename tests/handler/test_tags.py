"""Entity tags: on every reply with one item, and in If-Match and If-None-Match."""

import json
import time
from typing import Any

import pytest

from items_api.handler.table import REVISION
from tests.handler.conftest import Exchange, Gateway, Harness


def failed(current: str | None) -> tuple[int, str]:
    """The error with the current tag of the item; None if there is no item."""
    return 412, f"Precondition failed: the item {f'exists with the ETag {current}' if current else 'does not exist'}"


def tag(gateway: Gateway) -> str:
    return gateway.item("GET", "1").headers["etag"]


def test_every_reply_with_one_item_has_its_tag_and_each_write_another_one(gateway: Gateway) -> None:
    found = []
    for method, path in (("POST", "/items"), ("PUT", "/items/1"), ("PATCH", "/items/1"), ("POST", "/items")):
        reply = gateway(method, path, '{"itemId":"1"}')
        assert reply.headers["etag"] == tag(gateway)
        found.append(reply.headers["etag"])
    assert len(set(found)) == 4
    assert all(value.startswith('"') and value.endswith('"') for value in found)


def test_lists_have_no_tag_and_never_show_the_revision(gateway: Gateway) -> None:
    gateway.item("PUT", "1", {"a": 1})
    listed = gateway("GET", "/items")
    assert "etag" not in listed.headers
    assert listed.json == [{"itemId": "1", "a": 1}]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_the_name_of_the_revision_is_refused_in_bodies(gateway: Gateway, method: str) -> None:
    gateway.item("PUT", "1", {})
    path = "/items" if method == "POST" else "/items/1"
    reply = gateway(method, path, json.dumps({"itemId": "1", REVISION: "x"}))
    assert reply.error == (400, "items-api:revision is the name of an attribute that this API itself uses")
    assert gateway.item("PUT", "1", {"a": {REVISION: "x"}}).status == 200


def test_a_read_with_the_current_tag_is_a_304_without_a_body(gateway: Gateway) -> None:
    gateway.item("PUT", "1", {})
    current = tag(gateway)
    for value in (current, f"W/{current}", f'"x", {current}', f'W/"x" ,{current},', "*"):
        reply = gateway.item("GET", "1", if_none_match=value)
        assert (reply.status, reply.text, reply.headers) == (304, "", {"etag": current})
    assert gateway.item("GET", "1", if_none_match='"x"').status == 200
    assert gateway.item("GET", "2", if_none_match="*").status == 404


def test_a_read_with_another_tag_in_if_match_is_a_412(gateway: Gateway) -> None:
    gateway.item("PUT", "1", {})
    current = tag(gateway)
    assert gateway.item("GET", "1", if_match=current).status == gateway.item("GET", "1", if_match="*").status == 200
    for value in ('"x"', f"W/{current}"):
        reply = gateway.item("GET", "1", if_match=value)
        assert (reply.error, reply.headers["etag"]) == (failed(current), current)
    assert gateway.item("GET", "2", if_match='"x"').status == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    ("header", "uses_current", "allowed"),
    [("if-match", True, True), ("if-match", False, False), ("if-none-match", True, False),
     ("if-none-match", False, True)],
)  # fmt: skip
def test_a_write_with_a_tag_needs_the_item_in_that_state(
    gateway: Gateway, method: str, header: str, *, uses_current: bool, allowed: bool
) -> None:
    gateway.item("PUT", "1", {"n": 1})
    old = tag(gateway)
    gateway.item("PUT", "1", {"n": 2})
    current = tag(gateway)
    path = "/items" if method == "POST" else "/items/1"
    body = None if method == "DELETE" else '{"itemId":"1","n":3}'
    reply = gateway(method, path, body, {header: current if uses_current else old})
    if allowed:
        assert reply.status == {"POST": 201, "PUT": 200, "PATCH": 200, "DELETE": 204}[method]
    else:
        assert (reply.error, reply.headers["etag"]) == (failed(current), current)
        assert gateway.item("GET", "1").json == {"itemId": "1", "n": 2}


def test_a_tag_for_a_missing_item_is_a_412_without_a_tag(gateway: Gateway) -> None:
    for method in ("PUT", "DELETE"):
        reply = gateway.item(method, "1", {} if method == "PUT" else None, if_match='"x"')
        assert (reply.error, "etag" in reply.headers) == (failed(None), False)
    assert gateway.item("PUT", "1", {}, if_none_match='"x"').status == 201


@pytest.mark.parametrize("value", ["", "x", '"', '"a', "W/x", '"a" "b"', "*, *", '*, "a"', "\x00", '"a\nb"'])
@pytest.mark.parametrize("header", ["if-match", "if-none-match"])
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_what_is_no_tag_is_a_400_that_shows_one(harness: Harness, method: str, header: str, value: str) -> None:
    reply = harness.gateway(method, "/items/1", "{}", {header: value})
    name = {"if-match": "If-Match", "if-none-match": "If-None-Match"}[header]
    assert reply.error == (400, f'{name} must be * or entity tags in double quotes, such as "abc"')
    assert harness.dynamodb.operations == []


def put_by_another_tool(harness: Harness, **attributes: Any) -> None:
    item = {"itemId": {"S": "1"}, **attributes}
    harness.client.call("PutItem", {"TableName": harness.table.name, "Item": item}, time.monotonic() + 20)


def test_an_item_of_another_tool_has_a_tag_from_its_content(harness: Harness) -> None:
    put_by_another_tool(harness, n={"N": "1"}, s={"SS": ["b", "a"]})
    first = tag(harness.gateway)
    put_by_another_tool(harness, s={"SS": ["a", "b"]}, n={"N": "1.0"})
    assert tag(harness.gateway) == first
    put_by_another_tool(harness, s={"SS": ["a", "b"]}, n={"N": "2"})
    assert tag(harness.gateway) != first
    assert harness.gateway.item("PUT", "1", {}, if_match=first).error == failed(tag(harness.gateway))
    assert harness.gateway.item("PATCH", "1", {"x": 1}, if_match=tag(harness.gateway)).status == 200
    assert harness.gateway.item("GET", "1").json == {"itemId": "1", "n": 2, "s": ["a", "b"], "x": 1}


@pytest.mark.parametrize("revision", [{"N": "5"}, {"S": 'a"b'}, {"S": ""}, {"NULL": True}])
def test_an_attribute_of_that_name_with_another_value_does_no_harm(harness: Harness, revision: dict[str, Any]) -> None:
    put_by_another_tool(harness, **{REVISION: revision})
    current = tag(harness.gateway)
    assert current.startswith('"c.')
    assert harness.gateway.item("GET", "1").json == {"itemId": "1"}
    assert harness.gateway.item("PATCH", "1", {"a": 1}, if_match=current).json == {"itemId": "1", "a": 1}


@pytest.mark.parametrize("fault", ["disconnects_after_write", "fails_after_write"])
def test_a_conditional_write_whose_reply_was_lost_succeeds(harness: Harness, fault: str) -> None:
    harness.gateway.item("PUT", "1", {"n": 1})
    current = tag(harness.gateway)
    harness.dynamodb.fail("succeeds", fault)
    reply = harness.gateway.item("PUT", "1", {"n": 2}, if_match=current)
    assert (reply.status, reply.headers["etag"]) == (200, tag(harness.gateway))
    harness.dynamodb.fail("succeeds", fault)
    assert harness.gateway.item("DELETE", "1", if_match=reply.headers["etag"]).status == 204


def is_applied_and_then_followed_by_another_write(exchange: Exchange) -> None:
    """The response to the first one is lost."""
    exchange.execute()
    request = json.loads(exchange.payload)
    other = {**request["Item"], "n": {"N": "3"}, REVISION: {"S": "other"}}
    exchange.payload = json.dumps({"TableName": request["TableName"], "Item": other}).encode()
    exchange.execute()
    exchange.disconnects_before_write()


@pytest.mark.parametrize("header", ["if_none_match", "if_match"])
def test_a_write_is_not_repeated_over_another_one_after_a_lost_response(harness: Harness, header: str) -> None:
    gateway = harness.gateway
    tag = gateway.item("PUT", "1", {"n": 1}).headers["etag"]
    headers = {header: tag if header == "if_match" else '"else"'}
    harness.dynamodb.faults = [Exchange.succeeds, is_applied_and_then_followed_by_another_write]
    reply = gateway.item("PUT", "1", {"n": 2}, **headers)
    assert (reply.status, reply.headers["etag"]) == (412, '"other"')
    assert gateway.item("GET", "1").json["n"] == 3


def test_a_patch_whose_effect_is_unknown_says_so_and_suggests_no_repetition(harness: Harness) -> None:
    gateway = harness.gateway
    gateway.item("PUT", "1", {"n": 1})
    harness.dynamodb.faults = [Exchange.succeeds, is_applied_and_then_followed_by_another_write]
    reply = gateway.item("PATCH", "1", {"n": 2})
    message = "It is unknown whether the patch was applied. Get the item before you try again"
    assert (*reply.error, "retry-after" in reply.headers) == (503, message, False)
    assert gateway.item("GET", "1").json["n"] == 3


@pytest.mark.parametrize("value", [', "x"', '"x",,"y"', ' , "x" ,'])
def test_empty_elements_of_a_list_of_tags_count_as_nothing(harness: Harness, value: str) -> None:
    harness.gateway.item("PUT", "1", {})
    assert harness.gateway.item("GET", "1", if_match=value).status == 412
    assert harness.gateway.item("GET", "1", if_none_match=value).status == 200
