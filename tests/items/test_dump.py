"""A dump has every item once, also if it is interrupted."""

import json
from contextlib import closing
from pathlib import Path

import boto3
import pytest

from items_api.errors import CannotDump, CannotLock, CannotResume, OutputFailed
from items_api.items import Dump, Format
from items_api.items.files import open_dump, verified
from items_api.items.rate import Rate
from tests.aws import Account, Fault, ProcessKilled
from tests.items.conftest import create_table, dump, ids_in, item, item_table, put, stored, typed_items


@pytest.mark.parametrize("count", [0, 1, 40])
def test_a_dump_has_every_item_once(account: Account, tmp_path: Path, count: int) -> None:
    put(*(item(number, 100_000) for number in range(count)))  # several pages of 1 MB
    path = tmp_path / "items.jsonl"
    assert dump(item_table(account), path) == count
    assert sorted(ids_in(path)) == sorted(stored())
    assert verified(path).lines == count + 2
    assert [file.name for file in tmp_path.iterdir()] == ["items.jsonl"]


def test_the_table_is_read_in_parallel_segments_and_consistently(account: Account, tmp_path: Path) -> None:
    dump(item_table(account), tmp_path / "items.jsonl")
    scans = [call.parameters for call in account.journal.of("dynamodb.Scan")]
    assert sorted(scan["Segment"] for scan in scans) == [0, 1, 2, 3]
    assert all(scan["ConsistentRead"] and scan["TotalSegments"] == 4 for scan in scans)


def test_neighbors_in_the_file_come_from_different_segments(account: Account, tmp_path: Path) -> None:
    """So that a load of it writes to all partitions of a table at once."""
    put(*(item(number, 1000) for number in range(400)))
    path = tmp_path / "items.jsonl"
    dump(item_table(account), path)
    segments = {key: segment for segment in range(4) for key in ids_of(segment)}
    order = [segments[key] for key in ids_in(path)]
    shortest = min(order.count(segment) for segment in range(4))
    # A page of 65 to 128 lines is written in pieces of two.
    assert all({*order[i : i + 8]} == {0, 1, 2, 3} for i in range(0, 4 * shortest - 8, 8))


def ids_of(segment: int) -> list[str]:
    page = boto3.client("dynamodb").scan(TableName="Items", Segment=segment, TotalSegments=4)
    return [found["itemId"]["S"] for found in page["Items"]]


def test_a_plain_dump_of_a_set_fails_and_names_the_option(account: Account, tmp_path: Path) -> None:
    put(*typed_items())
    with pytest.raises(CannotDump, match=r"has a (string|number|binary) .*Use --typed"):
        dump(item_table(account), tmp_path / "items.jsonl")
    assert dump(item_table(account), tmp_path / "typed.jsonl", Format.TYPED) == 30


@pytest.mark.parametrize("name", ["items.jsonl", "items.jsonl.gz"])
@pytest.mark.parametrize("nth", [1, 3, 7, 9])
def test_a_killed_dump_continues_with_nothing_twice_and_nothing_missing(
    account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, nth: int
) -> None:
    put(*(item(number, 100_000) for number in range(80)))
    monkeypatch.setattr("items_api.items.dump._COMMIT_SECONDS", 0)
    path = tmp_path / name
    for moment in (nth, 1, 2):
        session = account.session()
        session.faults.at("dynamodb.Scan", moment, Fault.KILLED_BEFORE)
        with pytest.raises(ProcessKilled):
            dump(item_table(account, session), path)
        with partial(path).open("ab") as file:
            file.write(b"what was not committed")
    assert dump(item_table(account), path) == 80
    assert verified(path).lines == 82
    if name.endswith("l"):
        assert sorted(ids_in(path)) == sorted(stored())


def test_a_stopped_dump_does_not_read_again_what_it_has_written(
    account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(*(item(number, 100_000) for number in range(80)))
    monkeypatch.setattr("items_api.items.dump._COMMIT_SECONDS", -1)
    table, path = item_table(account), tmp_path / "items.jsonl"
    found = open_dump(table, path, Format.PLAIN)
    job = Dump(table, found.output, Format.PLAIN, Rate(table.aws, None))
    with closing(found.output), closing(job.run()) as events:
        written = next(events)
    table = item_table(account)
    account.journal.clear()
    assert dump(table, path) == 80
    scans = account.journal.of("dynamodb.Scan")
    assert scans
    assert all("ExclusiveStartKey" in call.parameters for call in scans)
    assert sorted(ids_in(path)) == sorted(stored())
    assert 0 < written < 80


def partial(path: Path) -> Path:
    return path.with_name(f"{path.name}.partial")


def interrupted(account: Account, path: Path, *, replace: bool = False) -> None:
    """A dump that has written some items and was killed."""
    put(*(item(number, 100_000) for number in range(40)))
    session = account.session()
    session.faults.at("dynamodb.Scan", 5, Fault.KILLED_BEFORE)
    with pytest.raises(ProcessKilled):
        dump(item_table(account, session), path, replace=replace)
    assert partial(path).stat().st_size > 0


def test_a_dump_of_another_format_does_not_continue_an_interrupted_one(account: Account, tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    interrupted(account, path)
    with pytest.raises(CannotResume, match=r"It was started without --typed. Run the command exactly as before"):
        dump(item_table(account), path, Format.TYPED)


@pytest.mark.parametrize("damage", ["{", "[]", '{"work": {}}', '{"work": {}, "done": {}}'])
def test_a_damaged_journal_is_an_error(account: Account, tmp_path: Path, damage: str) -> None:
    path = tmp_path / "items.jsonl"
    interrupted(account, path)
    (tmp_path / "items.jsonl.dump-journal").write_text(damage)
    with pytest.raises(CannotResume, match="dump-journal is damaged"):
        dump(item_table(account), tmp_path / "items.jsonl")


def test_a_dump_does_not_continue_a_file_that_was_truncated(account: Account, tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    interrupted(account, path)
    partial(path).write_bytes(b"{}")
    with pytest.raises(CannotResume, match="has changed since then"):
        dump(item_table(account), path)


def test_a_file_of_another_program_is_not_overwritten(account: Account, tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    partial(path).write_text("mine")
    for fresh in (False, True):
        with pytest.raises(OutputFailed, match=r"items.jsonl.partial already exists. It is not from an interrupted"):
            dump(item_table(account), path, replace=True, fresh=fresh)
    assert partial(path).read_text() == "mine"


def test_an_old_file_remains_until_the_new_one_is_complete(account: Account, tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    path.write_text("old")
    interrupted(account, path, replace=True)
    assert path.read_text() == "old"
    assert dump(item_table(account), path) == 40  # continues, and still replaces the old file
    assert verified(path).lines == 42


def test_an_interrupted_dump_does_not_replace_a_file_that_came_later(account: Account, tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    interrupted(account, path)
    path.write_text("mine")
    with pytest.raises(OutputFailed, match="already exists"):
        dump(item_table(account), path)
    assert path.read_text() == "mine"


def test_a_symbolic_link_is_followed(account: Account, tmp_path: Path) -> None:
    put(item(1))
    target, link = tmp_path / "target.jsonl", tmp_path / "link.jsonl"
    link.symlink_to(target)
    assert dump(item_table(account), link) == 1
    with pytest.raises(OutputFailed, match="already exists"):
        dump(item_table(account), link)
    assert dump(item_table(account), link, replace=True) == 1
    assert (link.is_symlink(), ids_in(target)) == (True, ["item-1"])


def test_a_fresh_dump_starts_over(account: Account, tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    interrupted(account, path)
    output, _, done = open_dump(item_table(account), path, Format.TYPED, fresh=True)
    output.close()
    assert (done, partial(path).read_bytes()) == (None, b"")


def test_two_dumps_cannot_write_one_file(account: Account, tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    interrupted(account, path)
    with closing(open_dump(item_table(account), path, Format.PLAIN).output):
        before = partial(path).read_bytes()
        with pytest.raises(CannotLock, match="Another command is working on"):
            open_dump(item_table(account), path, Format.PLAIN)
    assert partial(path).read_bytes() == before


@pytest.mark.parametrize("content", [None, b"", b'{"items-api-d'])
def test_a_dump_that_was_killed_before_its_first_commit_starts_again(
    account: Account, tmp_path: Path, content: bytes | None
) -> None:
    put(item(1))
    table, path = item_table(account), tmp_path / "items.jsonl"
    open_dump(table, path, Format.PLAIN).output.close()  # the journal is written before anything else
    if content is None:
        partial(path).unlink()
    else:
        partial(path).write_bytes(content)
    assert dump(table, path) == 1
    assert verified(path).lines == 3


def test_a_dump_that_was_killed_after_it_was_complete_is_complete(account: Account, tmp_path: Path) -> None:
    """The journal is deleted after the file has its name."""
    put(item(1))
    path = tmp_path / "items.jsonl"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("items_api.items.journal.Journal.delete", lambda _: None)
        dump(item_table(account), path)
    assert verified(path).lines == 3
    with pytest.raises(OutputFailed, match=r"already exists. It is complete, although the dump was interrupted."):
        dump(item_table(account), path)
    assert [file.name for file in tmp_path.iterdir()] == ["items.jsonl"]
    assert dump(item_table(account), path, replace=True) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["items.jsonl"]


def test_a_complete_file_that_still_has_both_names_is_not_written_to(account: Account, tmp_path: Path) -> None:
    """The dump was killed after it had linked the new name, and before it removed the old one."""

    class Killed(BaseException):
        pass

    def kill(*_: object, **__: object) -> None:
        raise Killed

    put(item(1))
    path = tmp_path / "items.jsonl"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pathlib.Path.unlink", kill)
        patch.setattr("items_api.items.journal.Journal.write", lambda *_: None)
        with pytest.raises(Killed):
            dump(item_table(account), path)
    complete = path.read_bytes()
    assert partial(path).samefile(path)
    open_dump(item_table(account), path, Format.PLAIN, replace=True, fresh=True).output.close()
    assert path.read_bytes() == complete
    assert dump(item_table(account), path, replace=True) == 1
    assert verified(path).lines == 3


@pytest.mark.parametrize("killed_early", [False, True])
def test_an_old_file_is_not_taken_for_the_new_dump(account: Account, tmp_path: Path, *, killed_early: bool) -> None:
    """A dump that would have replaced it was interrupted, and nothing of it is left."""
    path = tmp_path / "items.jsonl"
    put(item(1))
    dump(item_table(account), path)
    old = path.read_bytes()
    if killed_early:
        open_dump(item_table(account), path, Format.PLAIN, replace=True).output.close()
    else:
        interrupted(account, path, replace=True)
        partial(path).unlink()
    for _ in range(2):
        with pytest.raises(OutputFailed, match="already exists") as found:
            dump(item_table(account), path)
        assert "complete" not in found.value.why
    assert [file.name for file in tmp_path.iterdir()] == ["items.jsonl"]
    assert path.read_bytes() == old


def test_a_file_that_was_changed_is_not_continued(account: Account, tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    interrupted(account, path)
    partial(path).write_bytes(partial(path).read_bytes().replace(b"plain", b"plane"))
    with pytest.raises(CannotResume, match="has changed since then"):
        dump(item_table(account), path)


def test_a_file_that_exists_is_not_overwritten(account: Account, tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    path.write_text("mine")
    with pytest.raises(OutputFailed, match=r"already exists. .* add --force"):
        dump(item_table(account), path)
    with pytest.raises(OutputFailed, match="is a folder"):
        dump(item_table(account), tmp_path)
    assert (path.read_text(), [*tmp_path.iterdir()]) == ("mine", [path])


def test_a_new_table_of_the_same_name_does_not_continue_the_dump(account: Account, tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    interrupted(account, path)
    journal = tmp_path / "items.jsonl.dump-journal"
    document = json.loads(journal.read_text())
    document["work"]["table"] += "-older"
    journal.write_text(json.dumps(document))
    with pytest.raises(CannotResume, match=r"The table has been deleted and created again since then. To start over"):
        dump(item_table(account), path)


@pytest.mark.parametrize("fault", [Fault.THROTTLED, Fault.FAILED_BEFORE, Fault.CUT_AFTER, Fault.TIMED_OUT])
def test_a_page_that_fails_is_read_again(account: Account, tmp_path: Path, fault: Fault) -> None:
    put(*(item(number) for number in range(10)))
    session = account.session()
    session.faults.at("dynamodb.Scan", 2, fault)
    assert dump(item_table(account, session), tmp_path / "items.jsonl") == 10


def test_the_table_may_have_indexes(quick_account: Account, tmp_path: Path) -> None:
    create_table("owner")
    put(item(1, owner={"S": "alice"}))
    table = item_table(quick_account)
    assert table.indexed == ("owner",)
    assert dump(table, tmp_path / "items.jsonl") == 1
