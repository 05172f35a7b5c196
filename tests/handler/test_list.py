"""GET /items: pages, limits and cursors."""

import json
from typing import Any

import pytest

from tests.handler.conftest import Exchange, Gateway, Harness


def fill(gateway: Gateway, count: int, **attributes: Any) -> set[str]:
    ids = {f"item-{number}" for number in range(count)}
    for item_id in ids:
        assert gateway.item("PUT", item_id, attributes).status == 201
    return ids


@pytest.mark.parametrize(
    ("limit", "sizes"), [("3", [0]), ("3", [2]), ("3", [3]), ("3", [3, 3, 1]), ("1000", [4]), (None, [30])]
)
def test_pages_are_full_and_link_to_the_next_only_if_there_is_one(
    gateway: Gateway, limit: str | None, sizes: list[int]
) -> None:
    ids = fill(gateway, sum(sizes))
    pages = [reply.json for reply in gateway.pages({"limit": limit} if limit else {})]
    assert [len(page) for page in pages] == sizes
    assert {item["itemId"] for page in pages for item in page} == ids


def scans_nothing(exchange: Exchange) -> None:
    """Reply with an empty page that is not the last one."""
    page = {"Items": [], "Count": 0, "LastEvaluatedKey": {"itemId": {"S": "item-0"}}}
    exchange.reply(200, json.dumps(page).encode())


def test_a_page_continues_after_an_empty_page_of_dynamodb(harness: Harness) -> None:
    ids = fill(harness.gateway, 5)
    harness.dynamodb.operations.clear()
    harness.dynamodb.faults = [scans_nothing]
    reply = harness.gateway("GET", "/items")
    after_item_0 = {item["itemId"] for item in reply.json}
    assert harness.dynamodb.operations == ["Scan", "Scan"]
    assert "item-0" not in after_item_0
    assert after_item_0 < ids


def test_an_empty_page_has_a_next_link_if_time_runs_out(harness: Harness) -> None:
    harness.dynamodb.faults = [scans_nothing]
    reply = harness.gateway("GET", "/items", seconds=1.5)
    assert (reply.status, reply.json) == (200, [])
    assert reply.next_query


@pytest.mark.parametrize("text", ['"' * 300_000, "x" * 380_000, "\0" * 300_000, "😀" * 90_000])
def test_a_page_stays_below_lambdas_6_mb(harness: Harness, text: str) -> None:
    """However much escaping enlarges the text."""
    ids = fill(harness.gateway, 20, text=text)
    pages = list(harness.gateway.pages({}))
    assert max(len(json.dumps(page.raw)) for page in pages) <= 6_291_556
    assert sorted(item["itemId"] for page in pages for item in page.json) == sorted(ids)


@pytest.mark.parametrize("limit", ["0", "1001", "-1", "1.0", "x", "", "01", "1,2", " 1", "٣", "9" * 5000])
def test_an_invalid_limit_is_a_400(gateway: Gateway, limit: str) -> None:
    reply = gateway("GET", "/items", query={"limit": limit})
    assert reply.error == (400, "limit must be an integer from 1 to 1000")


@pytest.mark.parametrize("cursor", ["", "x", "AAAA", "AAAAAA", "AAAAAGE", "é", "/w==", "lwFCT2EvYg==", "\ud800"])
def test_an_invalid_cursor_is_a_400(gateway: Gateway, cursor: str) -> None:
    reply = gateway("GET", "/items", query={"next": cursor})
    assert reply.error == (400, "next is not a valid cursor: use the URL in the Link header")


def test_a_cursor_of_another_table_is_a_400(harness: Harness, new_harness: Any) -> None:
    other = new_harness()
    fill(other.gateway, 2)
    query = other.gateway("GET", "/items", query={"limit": "1"}).next_query
    assert other.gateway("GET", "/items", query=query).status == 200
    assert harness.gateway("GET", "/items", query=query).status == 400


def test_a_cursor_works_after_its_item_is_deleted(gateway: Gateway) -> None:
    fill(gateway, 3)
    first = gateway("GET", "/items", query={"limit": "1"})
    gateway.item("DELETE", first.json[0]["itemId"])
    assert gateway("GET", "/items", query=first.next_query).status == 200
