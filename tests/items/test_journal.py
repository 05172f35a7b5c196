"""What a journal says if it belongs to other work."""

from pathlib import Path

import pytest

from items_api.errors import CannotResume
from items_api.items.journal import Journal
from items_api.items.lines import Format

WORK = {"version": 1, "table": "arn:a 1", "file": {"size": 1}, "format": Format.PLAIN, "--only-new": False}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"version": 2}, "It was started by another version of items-api. To start over"),
        ({"new": 1}, "It was started by another version of items-api. To start over"),
        ({"table": "arn:a 2"}, "The table has been deleted and created again since then. To start over"),
        (
            {"table": "arn:b 1"},
            "It is for the table arn:b. Check --name, --region, --profile, --endpoint-url and --local. To start over",
        ),
        (
            {"file": {"size": 2}},
            "The file items.jsonl has changed since then. Restore its original content. To start over",
        ),
        ({"format": Format.TYPED}, "It was started with --typed. Run the command exactly as before. To start over"),
        (
            {"format": Format.TYPED, "--only-new": True},
            "It was started with --typed and with --only-new. Run the command exactly as before. To start over",
        ),
    ],
)
def test_a_journal_of_other_work_says_what_differs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, object], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Journal(Path("items.jsonl"), "load", {**WORK, **changes}).write({"counts": 1})
    with pytest.raises(CannotResume) as caught:
        Journal(Path("items.jsonl"), "load", WORK).read()
    assert str(caught.value) == f"The interrupted load cannot be continued. {said}, add --restart."


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"segments": 5}, "It was started by another version of items-api. To start over"),
        ({"format": Format.PLAIN}, "It was started without --typed. Run the command exactly as before. To start over"),
    ],
)
def test_the_journal_of_a_dump_says_the_same(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    work = {"version": 1, "table": "arn:a 1", "format": Format.TYPED, "segments": 4}
    Journal(tmp_path / "f", "dump", {**work, **changes}).write({"length": 1})
    with pytest.raises(CannotResume) as caught:
        Journal(tmp_path / "f", "dump", work).read()
    assert str(caught.value) == f"The interrupted dump cannot be continued. {said}, add --force."


def test_the_same_work_continues(tmp_path: Path) -> None:
    Journal(tmp_path / "f", "load", WORK).write({"counts": 1})
    assert Journal(tmp_path / "f", "load", WORK).read() == {"counts": 1}
