"""GET /items?owner=alice: the items with this value, from the index on the attribute."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.handler.conftest import Exchange, Harness

TOO_LONG = "ü" * 1025  # 2,050 bytes


@pytest.fixture
def harness(new_harness: Callable[..., Harness]) -> Harness:
    """An API with indexes on `owner` and `status`."""
    return new_harness("owner", "status")


def ids(replies: list[Any]) -> list[str]:
    return sorted(item["itemId"] for reply in replies for item in reply.json)


@pytest.mark.parametrize("value", ["alice", "Ünï ☂", "a&b=c,d+e/f", "%2e", "*", "x" * 2048])
@pytest.mark.parametrize("limit", [None, "1", "3", "1000"])
def test_a_query_returns_all_items_with_the_value_and_no_others(
    harness: Harness, value: str, limit: str | None
) -> None:
    for number in range(7):
        harness.gateway.item("PUT", f"match-{number}", {"owner": value, "status": "open"})
        harness.gateway.item("PUT", f"other-{number}", {"owner": f"{value}."[-2048:] if number else "bob"})
    harness.gateway.item("PUT", "without", {"name": "no owner"})
    query = {"owner": value} | ({"limit": limit} if limit else {})
    pages = list(harness.gateway.pages(query))
    assert ids(pages) == [f"match-{number}" for number in range(7)]
    assert all(len(page.json) <= int(limit or 1000) for page in pages)


def test_a_query_never_scans_the_table(harness: Harness) -> None:
    harness.gateway.item("PUT", "1", {"owner": "alice"})
    harness.dynamodb.operations.clear()
    reply = harness.gateway("GET", "/items", query={"owner": "alice"})
    assert (reply.json, harness.dynamodb.operations) == ([{"itemId": "1", "owner": "alice"}], ["Query"])


def test_items_of_a_query_show_no_revision(harness: Harness) -> None:
    harness.gateway.item("PUT", "1", {"owner": "alice", "n": 1})
    assert harness.gateway("GET", "/items", query={"owner": "alice"}).json == [
        {"itemId": "1", "owner": "alice", "n": 1}
    ]


def test_a_query_without_results_is_an_empty_array(harness: Harness) -> None:
    reply = harness.gateway("GET", "/items", query={"owner": "nobody"})
    assert (reply.status, reply.json, reply.next_query) == (200, [], {})


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (
            {"color": "red"},
            "The API has no index on color: to add one, run items-api up --index owner --index status --index color",
        ),
        ({"co lor": "red"}, '"co lor" is not a parameter of GET /items'),
        ({"": "red"}, '"" is not a parameter of GET /items'),
        ({"itemId": "1"}, "To get an item by its itemId, use GET /items/{id}"),
        ({"owner": "a", "status": "b"}, "Only one attribute can select items: use owner or status"),
        ({"owner": ""}, "owner has no value: use ?owner=VALUE"),
        ({"owner": TOO_LONG}, "The value of owner is too long: no item can have it"),
        ({"owner": "a", "limit": "0"}, "limit must be an integer from 1 to 1000"),
        ({"owner": "a", "next": "x"}, "next is not a valid cursor: use the URL in the Link header"),
    ],
)
def test_a_query_that_cannot_be_answered_is_a_400(harness: Harness, query: dict[str, str], message: str) -> None:
    assert harness.gateway("GET", "/items", query=query).error == (400, message)
    assert harness.dynamodb.operations == []


@pytest.mark.parametrize(
    ("query", "raw"),
    [
        ({"owner": "a,b"}, "owner=a&owner=b"),
        ({"owner": "a,b"}, "owner=a&%6Fwner=b"),
        ({"owner": "a", "limit": "1,2"}, "owner=a&limit=1&limit=2"),
    ],
)
def test_a_repeated_parameter_is_a_400_although_the_gateway_joins_its_values(
    harness: Harness, query: dict[str, str], raw: str
) -> None:
    reply = harness.gateway("GET", "/items", query=query, raw_query=raw)
    assert reply.error == (400, "A query parameter occurs more than once: use each one once")


def test_a_value_with_a_comma_is_no_repetition(harness: Harness) -> None:
    harness.gateway.item("PUT", "1", {"owner": "a,b"})
    assert ids([harness.gateway("GET", "/items", query={"owner": "a,b"}, raw_query="&owner=a,b&")]) == ["1"]


@pytest.mark.parametrize("query", [{}, {"owner": "bob"}, {"status": "alice"}])
def test_a_cursor_works_only_for_its_own_query(harness: Harness, query: dict[str, str]) -> None:
    for number in range(3):
        harness.gateway.item("PUT", str(number), {"owner": "alice"})
    cursor = harness.gateway("GET", "/items", query={"owner": "alice", "limit": "1"}).next_query["next"]
    assert harness.gateway("GET", "/items", query={**query, "next": cursor}).status == 400


def test_an_api_with_five_indexes_does_not_suggest_another_one(new_harness: Callable[..., Harness]) -> None:
    reply = new_harness(*"abcde").gateway("GET", "/items", query={"owner": "a"})
    message = "The API has no index on owner: it has indexes on a, b, c, d, e, and cannot have more"
    assert reply.error == (400, message)


def test_an_api_without_indexes_says_how_to_add_one(new_harness: Callable[..., Harness]) -> None:
    reply = new_harness().gateway("GET", "/items", query={"owner": "a"})
    assert reply.error == (400, "The API has no index on owner: to add one, run items-api up --index owner")


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (5, "must be a string"),
        (None, "must be a string"),
        (["alice"], "must be a string"),
        ({}, "must be a string"),
        (True, "must be a string"),
        ("", "must not be empty"),
        (TOO_LONG, "is 2050 bytes long in UTF-8; the maximum is 2048"),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_a_value_that_an_index_cannot_hold_is_a_400_that_names_it(
    harness: Harness, method: str, value: object, problem: str
) -> None:
    harness.gateway.item("PUT", "1", {"owner": "alice"})
    body = {"itemId": "1", "owner": value}
    reply = harness.gateway("POST", "/items", _json(body)) if method == "POST" else _item(harness, method, body)
    if method == "PATCH" and value is None:  # removes the attribute, and the item from the index
        assert reply.json == {"itemId": "1"}
        assert harness.gateway("GET", "/items", query={"owner": "alice"}).json == []
        return
    assert reply.error == (400, f"owner {problem}, because the API has an index on owner")
    assert harness.gateway.item("GET", "1").json["owner"] == "alice"


def _json(body: object) -> str:
    return json.dumps(body)


def _item(harness: Harness, method: str, body: dict[str, Any]) -> Any:
    return harness.gateway.item(method, body["itemId"], body)


def test_a_patch_of_an_item_that_no_index_can_hold_names_the_attribute(harness: Harness) -> None:
    """Another tool wrote it before the index existed."""
    harness.table._client.call(
        "PutItem", {"TableName": harness.table.name, "Item": {"itemId": {"S": "1"}, "owner": {"N": "5"}}}, 1e12
    )
    assert harness.gateway.item("PATCH", "1", {"n": 1}).error == (
        400,
        "owner must be a string, because the API has an index on owner",
    )
    assert harness.gateway.item("PATCH", "1", {"n": 1, "owner": "alice"}).status == 200


@pytest.mark.parametrize(
    "message",
    [
        "One or more parameter values were invalid: Type mismatch for Index Key team Expected: S Actual: N IndexName: team-index",
        "One or more parameter values are not valid. A value specified for a secondary index key is not supported. The AttributeValue for a key attribute cannot contain an empty string value. IndexName: team-index, IndexKey: team",
    ],
)
def test_an_index_that_this_version_does_not_know_is_a_400_too(harness: Harness, message: str) -> None:
    """Another release may have created it."""

    def rejects(exchange: Exchange) -> None:
        exchange.reject(400, "ValidationException", message)

    harness.dynamodb.faults = [rejects]
    assert harness.gateway.item("PUT", "1", {"team": 5}).error == (
        400,
        "team has a value that an index of the table does not accept",
    )
