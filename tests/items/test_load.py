"""A load writes every item, whatever DynamoDB refuses on the way, and says which lines it could not."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from items_api.errors import CannotChange, TimedOut
from items_api.items import Format, Loaded
from items_api.items.rate import Rate
from tests.aws import Account, ErrorResponse, Fault, ProcessSession
from tests.items.conftest import (
    create_table,
    dump,
    emptied,
    item,
    item_table,
    load,
    numbered,
    plain,
    put,
    stored,
    typed_items,
)

Requests = list[dict[str, Any]]


@contextmanager
def processing(session: ProcessSession, accepts: Callable[[Requests], Requests]) -> Iterator[None]:
    """DynamoDB processes only those requests of each batch that are accepted."""
    left: dict[int, Requests] = {}

    def before(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        requests = json.loads(params["RequestItems"]["Items"])
        accepted = accepts(requests)
        left[id(context)] = [request for request in requests if request not in accepted]
        # A batch cannot be empty, so this one writes what another one has written.
        accepted = accepted or [{"PutRequest": {"Item": {"itemId": {"S": "filler"}}}}]
        params["RequestItems"] = {"Items": json.dumps(accepted).encode()}

    def after(parsed: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        if unprocessed := left.pop(id(context)):
            parsed["UnprocessedItems"] = {"Items": unprocessed}

    with registered(session, "before-parameter-build", before), registered(session, "after-call", after):
        yield


@contextmanager
def registered(session: ProcessSession, event: str, handler: Callable[..., Any]) -> Iterator[None]:
    """Call this around moto and its layers for each BatchWriteItem."""
    events, name = session.client("dynamodb").meta.events, f"{event}.dynamodb.BatchWriteItem"
    (events.register_first if event.startswith("before") else events.register_last)(name, handler)
    try:
        yield
    finally:
        events.unregister(name, handler)


@pytest.mark.parametrize("name", ["items.jsonl", "items.jsonl.gz"])
@pytest.mark.parametrize("file_format", Format)
def test_the_round_trip_is_equal_item_by_item(account: Account, tmp_path: Path, name: str, file_format: Format) -> None:
    put(*(typed_items() if file_format is Format.TYPED else [item(number, 3000) for number in range(300)]))
    before = stored()
    dump(item_table(account), tmp_path / name, file_format)
    emptied()
    assert load(item_table(account), tmp_path / name) == Loaded(written=len(before))
    assert stored() == before
    assert [file.name for file in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("accepted", [0.0, 0.3, 0.9])
def test_unprocessed_items_are_sent_again_until_none_is_left(account: Account, tmp_path: Path, accepted: float) -> None:
    session, calls = account.session(), list[int]()

    def some(requests: Requests) -> Requests:
        calls.append(len(requests))
        return requests[: round(len(requests) * accepted)] if len(calls) % 4 else requests

    with processing(session, some):
        assert load(item_table(account, session), plain(tmp_path / "f", *numbered(200))).written == 200
    assert stored().keys() - {"filler"} == {f"item-{number}" for number in range(200)}
    assert len(calls) > 8


@pytest.mark.parametrize("code", ["ProvisionedThroughputExceededException", "ThrottlingException"])
def test_throttled_batches_are_sent_again(account: Account, tmp_path: Path, code: str) -> None:
    session = account.session()
    for nth in range(1, 6):
        session.faults.at("dynamodb.BatchWriteItem", nth, ErrorResponse(code, "slow down"))
    assert load(item_table(account, session), plain(tmp_path / "f", *numbered(100))).written == 100
    assert len(stored()) == 100


@pytest.mark.parametrize("fault", [Fault.FAILED_AFTER, Fault.CUT_BEFORE, Fault.CUT_AFTER, Fault.TIMED_OUT])
def test_a_lost_response_loses_no_item(account: Account, tmp_path: Path, fault: Fault) -> None:
    session = account.session()
    session.faults.at("dynamodb.BatchWriteItem", 2, fault)
    assert load(item_table(account, session), plain(tmp_path / "f", *numbered(100))).written == 100
    assert len(stored()) == 100


def test_a_table_that_accepts_nothing_for_minutes_ends_the_load(account: Account, tmp_path: Path) -> None:
    session = account.session()
    before = account.clock.now()
    with (
        processing(session, lambda _: []),
        pytest.raises(TimedOut, match=r"has accepted no write to the table Items for 30\d s"),
    ):
        load(item_table(account, session), plain(tmp_path / "f", *numbered(10)))
    assert 300 < account.clock.now() - before < 400


def test_waiting_for_the_rate_is_not_waiting_for_the_table(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    session = account.session()
    session.faults.at("dynamodb.BatchWriteItem", 1, ErrorResponse("ThrottlingException", "slow down"), times=70)
    table = item_table(account, session)
    monkeypatch.setattr(Rate, "wait", lambda *_: account.clock.advance(200.0))
    assert table.write({"1": b'{"itemId":{"S":"1"}}'}, Rate(table.aws, 1.0)) == {}
    assert account.clock.now() > 500  # two waits, and two minutes in which the client tried


def test_a_table_that_throttles_every_batch_for_minutes_ends_the_load(account: Account, tmp_path: Path) -> None:
    """DynamoDB throttles the whole request, and the client has already tried for two minutes each time."""
    session = account.session()
    before = account.clock.now()
    for nth in range(1, 2000):
        session.faults.at("dynamodb.BatchWriteItem", nth, ErrorResponse("ThrottlingException", "slow down"))
    with pytest.raises(TimedOut, match=r"has accepted no write to the table Items for [34]\d\d s"):
        load(item_table(account, session), plain(tmp_path / "f", *numbered(10)))
    assert account.clock.now() - before < 600


def test_bad_lines_go_to_a_file_with_their_numbers_and_reasons_and_the_rest_is_loaded(
    account: Account, tmp_path: Path
) -> None:
    path = tmp_path / "f.jsonl"
    path.write_text('{"itemId":"1"}\n{"itemId":5}\n\nnonsense\n{"itemId":"2"}\n{"name":"x"}')
    assert load(item_table(account), path) == Loaded(written=2, rejected=3)
    rejected = [json.loads(line) for line in (tmp_path / "f.jsonl.rejected").read_text().splitlines()]
    assert [(entry["line"], entry["reason"], entry["text"]) for entry in rejected] == [
        (2, "itemId must be a string", '{"itemId":5}'),
        (4, "The line is not valid JSON: Expecting value: line 1 column 1 (char 0)", "nonsense"),
        (6, "itemId is missing", '{"name":"x"}'),
    ]
    assert sorted(stored()) == ["1", "2"]


def test_only_the_first_line_can_be_a_header_and_only_the_last_one_a_trailer(account: Account, tmp_path: Path) -> None:
    marks: list[Any] = [
        {"items-api-dump": 1, "format": "plain"},
        {"items-api-dump": 1, "items": 1, "sha256": "x"},
        {"items-api-dump": "a list of dumps"},
    ]
    path = plain(tmp_path / "f", {"itemId": "1"}, *marks, {"itemId": "2"})
    assert load(item_table(account), path) == Loaded(written=2, rejected=3)
    rejected = [json.loads(line) for line in (tmp_path / "f.rejected").read_text().splitlines()]
    assert [(entry["line"], entry["reason"]) for entry in rejected] == [
        (number, "The line is the header or the trailer of another dump") for number in (2, 3, 4)
    ]


def test_the_file_of_rejected_lines_is_that_of_the_last_load(account: Account, tmp_path: Path) -> None:
    (tmp_path / "f.rejected").write_text("of an earlier load\n")
    load(item_table(account), plain(tmp_path / "f", {"itemId": 1}))
    assert len((tmp_path / "f.rejected").read_text().splitlines()) == 1
    load(item_table(account), plain(tmp_path / "f", {"itemId": "1"}))
    assert not (tmp_path / "f.rejected").exists()


def test_an_item_that_dynamodb_rejects_is_one_rejected_line(account: Account, tmp_path: Path) -> None:
    """It rejects the whole batch, so the others are sent again one by one."""
    session, message = account.session(), "Item size has exceeded the maximum allowed size"

    def reject(params: dict[str, Any], **_: Any) -> Any:
        invalid = b'"item-7"' in params["body"]
        return (
            (SimpleNamespace(status_code=400), ErrorResponse("ValidationException", message).parsed())
            if invalid
            else None
        )

    with registered(session, "before-call", reject):
        done = load(item_table(account, session), plain(tmp_path / "f", *numbered(60)))
    assert done == Loaded(written=59, rejected=1)
    (rejected,) = (tmp_path / "f.rejected").read_text().splitlines()
    assert (json.loads(rejected)["line"], json.loads(rejected)["reason"]) == (8, message)
    assert len(stored()) == 59


def test_existing_items_are_replaced_or_kept(account: Account, tmp_path: Path) -> None:
    path = plain(tmp_path / "f", *numbered(50))
    put(item(7), item(8))
    assert load(item_table(account), path, only_new=True) == Loaded(written=48, kept=2)
    assert stored()["item-7"] == item(7)
    assert load(item_table(account), path) == Loaded(written=50)
    assert stored()["item-7"] == {"itemId": {"S": "item-7"}, "n": {"N": "7"}}


def test_an_item_that_is_twice_in_a_batch_is_written(account: Account, tmp_path: Path) -> None:
    path = plain(tmp_path / "f", {"itemId": "1", "n": 1}, {"itemId": "1", "n": 2}, {"itemId": "2"})
    assert load(item_table(account), path).written == 3
    assert sorted(stored()) == ["1", "2"]


def test_a_table_with_another_key_is_an_error(quick_account: Account) -> None:
    boto3.client("dynamodb").create_table(
        TableName="Items",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "N"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    with pytest.raises(CannotChange, match=r"The table Items has the key pk \(N\)"):
        item_table(quick_account)


def test_lines_that_an_index_cannot_hold_are_rejected(quick_account: Account, tmp_path: Path) -> None:
    create_table("owner")
    path = plain(tmp_path / "f", {"itemId": "1", "owner": 5}, {"itemId": "2", "owner": "alice"}, {"itemId": "3"})
    assert load(item_table(quick_account), path) == Loaded(written=2, rejected=1)
    assert "owner must be a string" in (tmp_path / "f.rejected").read_text()


@pytest.mark.parametrize("units", [0.5, 1, 3])
def test_the_rate_limits_the_write_units_that_were_used_in_a_second(
    account: Account, tmp_path: Path, units: float
) -> None:
    """Each item is expected to use one unit, and `units` is what DynamoDB says."""
    session, before = account.session(), account.clock.now()

    def used(parsed: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        parsed["ConsumedCapacity"] = [{"TableName": "Items", "CapacityUnits": context["units"]}]

    def count(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        context["units"] = units * len(json.loads(params["RequestItems"]["Items"]))

    with registered(session, "before-parameter-build", count), registered(session, "after-call", used):
        load(item_table(account, session), plain(tmp_path / "f", *numbered(300)), rate=10)
    # The first batches start before DynamoDB has said anything, and nobody waits after the last one.
    assert 250 * units <= 10 * (account.clock.now() - before) <= 325 * units
