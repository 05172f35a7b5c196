"""The quick Scan of the local AWS returns what ministack's own Scan returns."""

import random
from collections.abc import Iterator
from typing import Any

import pytest
from ministack.services import dynamodb  # type: ignore[import-untyped]

from items_api.local import scanning


@pytest.fixture
def table() -> Iterator[dict[str, Any]]:
    """A table of ministack in this process, with items of very different sizes in random order."""
    chosen = random.Random(1)
    names = [f"item-{number}" for number in range(3000)] + ["ü", "a/b"]
    chosen.shuffle(names)
    dynamodb._create_table(
        {
            "TableName": "Items",
            "AttributeDefinitions": [{"AttributeName": "itemId", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "itemId", "KeyType": "HASH"}],
            "BillingMode": "PAY_PER_REQUEST",
        }
    )
    found: dict[str, Any] = dynamodb._tables["Items"]
    for name in names:
        size = chosen.choice([1, 10, 2000, 100_000 if name.endswith("7") else 1])
        found["items"][name] = {"__no_sort__": {"itemId": {"S": name}, "text": {"S": "x" * size}}}
    yield found
    del dynamodb._tables["Items"]


@pytest.mark.parametrize(
    "request_", [{}, {"Limit": 7}, {"Limit": 5000}, {"Select": "COUNT"}, {"ReturnConsumedCapacity": "TOTAL"}]
)
@pytest.mark.parametrize("segments", [{}, {"TotalSegments": 4, "Segment": 0}, {"TotalSegments": 4, "Segment": 3}])
@pytest.mark.parametrize("start", [None, "", "item-1500", "item-2999", "ü", "zzz"])
def test_every_page_is_the_same(
    table: dict[str, Any], request_: dict[str, Any], segments: dict[str, Any], start: str | None
) -> None:
    after = {} if start is None else {"ExclusiveStartKey": {"itemId": {"S": start}}}
    request = {"TableName": "Items", **request_, **segments, **after}
    own = dynamodb._scan(dict(request))
    quick = scanning._with_less(dynamodb._scan)(dict(request))
    assert quick == own
    assert len(table["items"]) == 3002


@pytest.mark.parametrize(
    "request_",
    [
        {"TableName": "Missing"},
        {},
        {"TableName": "Items", "TotalSegments": 0, "Segment": 0},
        {"TableName": "Items", "TotalSegments": 4, "Segment": 4},
        {"TableName": "Items", "Segment": 1},
        {"TableName": "Items", "ExclusiveStartKey": {"other": {"S": "1"}}},
        {"TableName": "Items", "ExclusiveStartKey": "1"},
        {"TableName": "Items", "Limit": 0},
        {"TableName": "Items", "IndexName": "missing"},
    ],
)
def test_a_request_that_ministack_rejects_gets_the_same_answer(table: dict[str, Any], request_: dict[str, Any]) -> None:
    def answer(scan: Any) -> Any:
        try:
            return scan(dict(request_))
        except Exception as error:  # noqa: BLE001 - whatever ministack does
            return repr(error)

    assert answer(scanning._with_less(dynamodb._scan)) == answer(dynamodb._scan)
    assert len(table["items"]) == 3002
