"""PATCH: a JSON merge patch (RFC 7396), applied to the item as it is at the moment of the write."""

import json
import time
from typing import Any

import pytest

from items_api.handler.dynamodb import ATTEMPTS
from items_api.handler.table import REVISION
from tests.handler.conftest import Gateway, Harness


def test_a_patch_changes_what_it_names_and_returns_the_item(gateway: Gateway) -> None:
    gateway.item("PUT", "1", {"name": "old", "price": 1, "size": {"w": 1, "h": 2}, "gone": True})
    reply = gateway.item("PATCH", "1", '{"name":"new","price":12345678901234567890.5,"size":{"w":null},"gone":null}')
    assert reply.status == 200
    assert gateway.item("GET", "1").json == {
        "itemId": "1",
        "name": "new",
        "price": 12345678901234567890.5,
        "size": {"h": 2},
    }
    assert '"price":12345678901234567890.5' in reply.text


def test_a_patch_of_a_missing_item_is_a_404_and_creates_nothing(gateway: Gateway) -> None:
    for headers in ({}, {"if_match": "*"}, {"if_match": '"x"'}, {"if_none_match": "*"}):
        assert gateway.item("PATCH", "1", {"name": "new"}, **headers).error == (404, "Not found")
    assert gateway.item("GET", "1").status == 404


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (None, "The body is empty: send a JSON object"),
        ("[1]", "The body must be a JSON object"),
        ("null", "The body must be a JSON object"),
        ('{"itemId":null}', "The itemId in the body does not match the id in the path"),
        ('{"itemId":"2"}', "The itemId in the body does not match the id in the path"),
        ('{"a":{"":1}}', "An attribute name in a is empty"),
        ('{"a":{"b":1e400}}', "a.b is outside the range from 1E-130 to 9.99E+125"),
        (f'{{"{REVISION}":"x"}}', f"{REVISION} is the name of an attribute that this API itself uses"),
        ('{"a":' * 33 + "1" + "}" * 33, f"{'.'.join('a' * 33)} is nested deeper than 32 levels"),
    ],
)
@pytest.mark.parametrize("exists", [True, False])
def test_an_invalid_patch_is_a_400_and_changes_nothing(
    gateway: Gateway, body: str | None, why: str, *, exists: bool
) -> None:
    if exists:
        gateway.item("PUT", "1", {"a": {"b": 1}})
    assert gateway.item("PATCH", "1", body).error == (400, why)
    assert gateway.item("GET", "1").json == ({"itemId": "1", "a": {"b": 1}} if exists else {"error": "Not found"})


def test_the_same_item_id_is_allowed_and_changes_nothing(gateway: Gateway) -> None:
    gateway.item("PUT", "1", {"a": 1})
    assert gateway.item("PATCH", "1", {"itemId": "1"}).json == {"itemId": "1", "a": 1}


@pytest.mark.parametrize("kind", ["application/merge-patch+json", "application/json", "text/plain", "", None])
def test_any_content_type_is_a_merge_patch(gateway: Gateway, kind: str | None) -> None:
    gateway.item("PUT", "1", {})
    headers = {} if kind is None else {"content-type": kind}
    assert gateway("PATCH", "/items/1", b'{"a":1}', headers).json == {"itemId": "1", "a": 1}


@pytest.mark.parametrize("kind", ["application/json-patch+json", " Application/JSON-Patch+JSON ; charset=utf-8"])
def test_a_json_patch_is_a_415_that_names_the_right_format(gateway: Gateway, kind: str) -> None:
    gateway.item("PUT", "1", {})
    reply = gateway("PATCH", "/items/1", '[{"op":"remove","path":"/a"}]', {"content-type": kind})
    assert reply.error == (415, "JSON Patch is not supported: send a JSON merge patch (RFC 7396)")
    assert reply.headers["accept-patch"] == "application/merge-patch+json"


def test_a_patch_that_makes_the_item_too_large_is_a_413_and_changes_nothing(gateway: Gateway) -> None:
    gateway.item("PUT", "1", {"a": "x" * 300_000})
    reply = gateway.item("PATCH", "1", {"b": "x" * 200_000})
    assert reply.error == (413, "The item is larger than 400 KB, including attribute names")
    assert set(gateway.item("GET", "1").json) == {"itemId", "a"}


def test_sets_and_binary_values_of_other_tools_keep_their_types(harness: Harness) -> None:
    stored: dict[str, Any] = {"itemId": {"S": "1"}, "tags": {"SS": ["a", "b"]}, "raw": {"B": "AAE="}}
    harness.client.call("PutItem", {"TableName": harness.table.name, "Item": stored}, time.monotonic() + 20)
    assert harness.gateway.item("PATCH", "1", {"n": 1}).status == 200
    found = harness.client.call(
        "GetItem", {"TableName": harness.table.name, "Key": {"itemId": {"S": "1"}}}, time.monotonic() + 20
    )
    found["Item"].pop(REVISION)
    assert found["Item"] == {**stored, "n": {"N": "1"}}


@pytest.mark.parametrize("fault", ["disconnects_after_write", "fails_after_write", "corrupts_reply"])
def test_a_patch_whose_reply_was_lost_is_applied_once(harness: Harness, fault: str) -> None:
    """The resend is refused, and the stored revision is the one that was sent."""
    harness.gateway.item("PUT", "1", {"n": 1})
    harness.dynamodb.fail("succeeds", fault)
    reply = harness.gateway.item("PATCH", "1", {"n": 2})
    assert (reply.status, reply.json) == (200, {"itemId": "1", "n": 2})
    assert reply.headers["etag"] == harness.gateway.item("GET", "1").headers["etag"]
    assert harness.dynamodb.operations[-3:-1] == ["PutItem", "PutItem"]


@pytest.mark.parametrize(
    ("fault", "error", "hint"),
    [
        ("fails_after_write", "MaybeApplied", None),
        ("throttles", "ProvisionedThroughputExceededException", "1"),
    ],
)
def test_a_patch_that_may_have_been_applied_must_not_be_sent_again(
    harness: Harness, fault: str, error: str, hint: str | None
) -> None:
    """No attempt has got a reply. A client that sends the patch again could undo another write."""
    harness.gateway.item("PUT", "1", {"n": 1})
    harness.dynamodb.fail("succeeds", *[fault] * ATTEMPTS)
    reply = harness.gateway.item("PATCH", "1", {"n": 2})
    assert (reply.status, harness.log[-1]["error"], reply.headers.get("retry-after")) == (503, error, hint)


def test_if_it_is_unknown_whether_a_patch_was_applied_it_is_not_applied_again(harness: Harness) -> None:
    """Another write has followed the first attempt, and a second one could undo it."""

    def lost_and_followed_by_another(exchange: Any) -> None:
        exchange.execute()
        other = {"itemId": {"S": "1"}, "n": {"N": "3"}, REVISION: {"S": "other"}}
        exchange.payload = json.dumps({"TableName": harness.table.name, "Item": other}).encode()
        exchange.fails_after_write()

    harness.gateway.item("PUT", "1", {"n": 1})
    harness.dynamodb.faults = [lambda exchange: exchange.succeeds(), lost_and_followed_by_another]
    reply = harness.gateway.item("PATCH", "1", {"n": 2})
    assert reply.status == 503
    assert harness.log[-1]["error"] == "MaybeApplied"
    assert harness.gateway.item("GET", "1").json == {"itemId": "1", "n": 3}
