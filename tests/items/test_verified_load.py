"""A load writes only what it has verified, and continues where it was killed."""

import gzip
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import boto3
import pytest

from items_api.aws.errors import ServiceError
from items_api.errors import CannotLoad, CannotLock, CannotResume
from items_api.items import Loaded
from items_api.items.files import open_load
from tests.aws import Account, Fault, ProcessKilled
from tests.items.conftest import dump, emptied, item, item_table, load, numbered, plain, put, stored


def complete(tmp_path: Path, account: Account, name: str = "items.jsonl") -> Path:
    put(*(item(number) for number in range(20)))
    dump(item_table(account), tmp_path / name)
    emptied()
    return tmp_path / name


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda content: content[: content.rindex(b"{")], "It has a header, but its last line is not a trailer"),
        (lambda content: content + b"\n", "It has a header, .*or lines were added at its end"),
        (lambda content: content.replace(b"xxx", b"yyy", 1), "Its content does not match its trailer"),
        (lambda content: content.replace(b'"items": 20', b'"items": 19'), "Its content does not match its trailer"),
        (lambda content: content.replace(b'"sha256": "', b'"sha256": "0'), "Its content does not match its trailer"),
        (lambda content: content.replace(b'dump": 1, "f', b'dump": 9, "f'), "Its content does not match its trailer"),
    ],
)
def test_nothing_is_written_from_a_file_that_is_incomplete_or_damaged(
    account: Account, tmp_path: Path, change: Callable[[bytes], bytes], why: str
) -> None:
    path = complete(tmp_path, account)
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(CannotLoad, match=f"Nothing was written. {why}"):
        load(item_table(account), path)
    assert (stored(), account.journal.of("dynamodb.BatchWriteItem")) == ({}, [])


def test_a_compressed_file_with_another_name_is_an_error(account: Account, tmp_path: Path) -> None:
    path = complete(tmp_path, account, "items.jsonl.gz").rename(tmp_path / "items.jsonl")
    with pytest.raises(
        CannotLoad, match=r"items.jsonl is compressed. Nothing was written. Only a file whose name ends in .gz"
    ):
        load(item_table(account), path)
    assert not (tmp_path / "items.jsonl.rejected").exists()


def test_nothing_is_written_from_a_truncated_compressed_file(account: Account, tmp_path: Path) -> None:
    path = complete(tmp_path, account, "items.jsonl.gz")
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(CannotLoad, match="is truncated"):
        load(item_table(account), path)
    assert stored() == {}


def test_a_file_that_is_replaced_during_the_load_is_loaded_as_it_was_verified(account: Account, tmp_path: Path) -> None:
    path = plain(tmp_path / "f", *numbered(500))
    session = account.session()
    session.faults.at("dynamodb.BatchWriteItem", 2, lambda: plain(tmp_path / "new", {"itemId": "other"}).replace(path))
    assert load(item_table(account, session), path).written == 500
    assert stored().keys() == {f"item-{number}" for number in range(500)}


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content.replace(b'"n": 4', b'"n": 5'),
        lambda content: content[:9000],
        lambda content: content + b'{"itemId":"more"}\n',
    ],
)
@pytest.mark.parametrize("name", ["f.jsonl", "f.jsonl.gz"])
def test_a_file_that_changes_during_the_load_is_an_error(
    account: Account, tmp_path: Path, change: Callable[[bytes], bytes], name: str
) -> None:
    path = plain(tmp_path / "f", *numbered(3000))
    if name.endswith("gz"):
        path.write_bytes(gzip.compress(path.read_bytes(), 0))
    path = path.rename(tmp_path / name)
    session = account.session()
    session.faults.at("dynamodb.BatchWriteItem", 3, lambda: path.write_bytes(change(path.read_bytes())))
    with pytest.raises(
        CannotLoad, match=r"f.jsonl\S* changed during the load. What was loaded is not what was verified"
    ):
        load(item_table(account, session), path)
    assert path.with_name(f"{name}.load-journal").exists()


def test_two_loads_cannot_read_one_file(account: Account, tmp_path: Path) -> None:
    path = plain(tmp_path / "f", *numbered(5))
    with closing(open_load(item_table(account), path)), pytest.raises(CannotLock, match="Another command is working"):
        load(item_table(account), path)


@pytest.mark.parametrize("only_new", [False, True])
@pytest.mark.parametrize("nth", [1, 2, 9, 20])
def test_a_killed_load_continues_and_nothing_is_missing(
    account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nth: int, *, only_new: bool
) -> None:
    monkeypatch.setattr("items_api.items.load._COMMIT_SECONDS", 0)
    monkeypatch.setattr("items_api.items.source._FIRST_STEP", 2000)
    path = plain(tmp_path / "f", *numbered(600), {"itemId": 5})
    session = account.session()
    operation = "dynamodb.PutItem" if only_new else "dynamodb.BatchWriteItem"
    session.faults.at(operation, nth, Fault.KILLED_AFTER)
    with pytest.raises(ProcessKilled):
        load(item_table(account, session), path, only_new=only_new)
    done = load(item_table(account), path, only_new=only_new)
    assert (done.written + done.kept, done.rejected) == (600, 1)
    assert stored().keys() == {f"item-{number}" for number in range(600)}
    assert len((tmp_path / "f.rejected").read_text().splitlines()) == 1
    assert not (tmp_path / "f.load-journal").exists()


def test_a_load_does_not_continue_with_another_file(account: Account, tmp_path: Path) -> None:
    path = plain(tmp_path / "f", *numbered(100))
    session = account.session()
    session.faults.at("dynamodb.BatchWriteItem", 2, Fault.KILLED_BEFORE)
    with pytest.raises(ProcessKilled):
        load(item_table(account, session), path)
    plain(path, *numbered(99))
    with pytest.raises(
        CannotResume, match=r"f has changed since then. Restore its original content. To start over, add --restart"
    ):
        load(item_table(account), path)


def test_a_load_that_was_killed_after_its_last_item_is_complete(account: Account, tmp_path: Path) -> None:
    path = plain(tmp_path / "f", *numbered(50), {"itemId": 5})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("items_api.items.journal.Journal.delete", lambda _: None)
        load(item_table(account), path)
    account.journal.clear()
    assert load(item_table(account), path) == Loaded(written=50, rejected=1)
    assert account.journal.of("dynamodb.BatchWriteItem") == []
    assert not (tmp_path / "f.load-journal").exists()


def test_a_table_that_is_deleted_during_the_load_is_an_error(account: Account, tmp_path: Path) -> None:
    session = account.session()
    session.faults.at("dynamodb.BatchWriteItem", 2, lambda: boto3.client("dynamodb").delete_table(TableName="Items"))
    with pytest.raises(ServiceError, match="ResourceNotFoundException"):
        load(item_table(account, session), plain(tmp_path / "f", *numbered(500)))
    assert (tmp_path / "f.load-journal").exists()
