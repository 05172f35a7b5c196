"""`dump` and `load`: what they print, and their exit codes."""

import gzip
import json
import os
import re
import signal
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.aws import ErrorResponse, Process
from tests.commands.conftest import Run, document
from tests.items.conftest import stored


def emptied() -> None:
    client = boto3.client("dynamodb")
    for key in stored():
        client.delete_item(TableName="Items", Key={"itemId": {"S": key}})


def test_a_dump_to_a_file_and_a_load_of_it(deployed: Run, tmp_path: Path) -> None:
    before = stored()
    result = deployed("dump", "items.jsonl")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == (
        "Stack items in account 123456789012, region us-east-1\nWrote 3 items (291 bytes) to items.jsonl.\n"
    )
    emptied()
    result = deployed("load", "items.jsonl")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (
        "Stack items in account 123456789012, region us-east-1\nWrote 3 items into the table Items.\n"
    )
    assert stored() == before
    assert [path.name for path in tmp_path.iterdir()] == ["items.jsonl"]


def test_a_dump_to_stdout_has_only_the_file_there(deployed: Run) -> None:
    for arguments in (["dump"], ["dump", "-"]):
        result = deployed(*arguments)
        lines = [json.loads(line) for line in result.stdout.splitlines()]
        assert (lines[0], len(lines), lines[-1]["items"]) == ({"items-api-dump": 1, "format": "plain"}, 5, 3)
        assert "Wrote 3 items (291 bytes) to stdout.\n" in result.stderr


def test_a_pipe_from_one_stack_to_another(deployed: Run) -> None:
    before = stored()
    content = deployed("dump", "--typed").stdout
    emptied()
    result = deployed("load", "-", input=content)
    assert (result.exit_code, result.stderr, stored()) == (0, "", before)


@pytest.mark.parametrize(
    ("cut", "said"),
    [
        (lambda text: text[: text.rindex("{")], "It has a header, but its last line is not a trailer:"),
        (lambda text: text.replace("xx", "xy"), "It does not match its trailer."),
    ],
)
def test_a_pipe_that_was_incomplete_fails_at_its_end(deployed: Run, cut: Any, said: str) -> None:
    content = deployed("dump").stdout
    result = deployed("load", input=cut(content))
    assert result.exit_code == 1
    assert f"Error: The input was not a complete dump.\n  Why:  {said}" in result.stderr
    assert " At least 3 items were written.\n" in result.stderr
    assert document(deployed("load", "--json", input=cut(content)))["written"] == 3


def test_a_pipe_that_is_interrupted_says_how_many_items_were_written(deployed: Run, process: Process) -> None:
    process.faults.at("dynamodb.BatchWriteItem", 26, lambda: os.kill(os.getpid(), signal.SIGINT))
    result = deployed("load", input="".join(f'{{"itemId":"{number}"}}\n' for number in range(800)))
    assert result.exit_code == 130
    found = re.search(r"Why:  Not all items were transferred. At least (\d+) items were written.\n", result.stderr)
    assert found
    assert 0 < int(found[1]) <= len(stored())


def test_rejected_lines_of_a_pipe_go_to_a_file_of_their_own(deployed: Run, tmp_path: Path) -> None:
    header = '{"items-api-dump":1,"format":"plain"}'
    (tmp_path / "stdin.rejected").write_text("mine")
    result = deployed("load", input=f'{{"itemId":"a"}}\n{header}\nnonsense\n{{"itemId":"b"}}\n')
    name = f"stdin-{os.getpid()}.rejected"
    assert (result.exit_code, f"Rejected 2 lines: see {name}.\n" in result.stdout) == (1, True)
    assert (
        document(deployed("load", "--json", input=f"{header}\nnonsense\n"))["rejected_file"]
        == f"stdin-{os.getpid()}-2.rejected"
    )
    assert sorted(json.loads(line)["line"] for line in (tmp_path / name).read_text().splitlines()) == [2, 3]
    assert (tmp_path / "stdin.rejected").read_text() == "mine"


def test_rejected_lines_of_a_pipe_are_mentioned_if_the_load_fails(deployed: Run) -> None:
    result = deployed("load", input='{"items-api-dump":1,"format":"plain"}\nnonsense\n{"itemId":"b"}\n')
    assert (result.exit_code, "but its last line is not a trailer" in result.stderr) == (1, True)
    assert f"Warning: Rejected 1 line: see stdin-{os.getpid()}.rejected.\n" in result.stderr


@pytest.mark.parametrize("name", ["items.jsonl.gz", "ITEMS.GZ"])
def test_the_name_of_the_file_decides_about_compression(deployed: Run, tmp_path: Path, name: str) -> None:
    result = deployed("dump", name)
    content = (tmp_path / name).read_bytes()
    assert f"Wrote 3 items ({len(content)} bytes, 291 bytes uncompressed) to {name}.\n" in result.stderr
    assert len(gzip.decompress(content).splitlines()) == 5
    emptied()
    assert deployed("load", name).exit_code == 0
    assert len(stored()) == 3


def test_lines_without_header_and_trailer_are_loaded_with_a_warning(deployed: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.jsonl").write_text('{"itemId":"a"}\n{"itemId":"b","n":1.50}\n')
    result = deployed("load", "mine.jsonl")
    assert (result.exit_code, result.stderr) == (
        0,
        "Warning: mine.jsonl has no header and no trailer, so it was not verified that it is complete.\n",
    )
    assert stored()["b"] == {"itemId": {"S": "b"}, "n": {"N": "1.5"}}
    (tmp_path / "typed.jsonl").write_text('{"itemId":{"S":"c"},"tags":{"SS":["x"]}}\n')
    assert deployed("load", "typed.jsonl").exit_code == 1
    assert deployed("load", "typed.jsonl", "--typed").exit_code == 0
    assert stored()["c"]["tags"] == {"SS": ["x"]}


def test_rejected_lines_are_an_error_that_names_their_file(deployed: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.jsonl").write_text('{"itemId":"a"}\nnonsense\n')
    result = deployed("load", "mine.jsonl", "--quiet")
    assert (result.exit_code, result.stdout) == (1, "Rejected 1 line: see mine.jsonl.rejected.\n")
    report = document(deployed("load", "mine.jsonl", "--json"))
    found = [report[key] for key in ("ok", "files", "written", "kept", "rejected", "rejected_file")]
    assert found == [False, ["mine.jsonl"], 1, 0, 1, "mine.jsonl.rejected"]


def test_only_new_keeps_existing_items(deployed: Run) -> None:
    deployed("dump", "items.jsonl")
    boto3.client("dynamodb").delete_item(TableName="Items", Key={"itemId": {"S": "item-1"}})
    result = deployed("load", "items.jsonl", "--only-new")
    assert "Wrote 1 item into the table Items.\nKept 2 items that already existed.\n" in result.stdout


def test_a_load_from_a_pipe_works_in_a_folder_that_is_read_only(deployed: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """There, deleting a file is an error even if there is none."""

    def read_only(self: Path, **_: object) -> None:
        raise OSError(30, os.strerror(30), str(self))

    content = deployed("dump").stdout
    monkeypatch.setattr(Path, "unlink", read_only)
    assert deployed("load", input=content).exit_code == 0


def test_restart_loads_what_the_journal_calls_complete(deployed: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    before = stored()
    deployed("dump", "items.jsonl")
    with monkeypatch.context() as patch:
        patch.setattr("items_api.items.journal.Journal.delete", lambda _: None)
        deployed("load", "items.jsonl")
    journal = Path("items.jsonl.load-journal")
    content = re.sub("20[0-9-]+ [0-9:]+ UTC", "2026-01-02 03:04 UTC", journal.read_text())
    journal.write_text(content)
    emptied()
    result = deployed("load", "items.jsonl")
    assert result.stderr == (
        "Warning: Continuing the load that was started at 2026-01-02 03:04 UTC, after 3 items. --restart starts over.\n"
    )
    assert (result.exit_code, stored()) == (0, {})
    journal.write_text(content)
    result = deployed("load", "items.jsonl", "--restart")
    assert (result.exit_code, result.stderr, stored()) == (0, "", before)


def test_a_dump_that_continues_says_since_when(deployed: Run, process: Process) -> None:
    process.faults.at("dynamodb.Scan", 1, ErrorResponse("AccessDeniedException", "no"), 9)
    deployed("dump", "items.jsonl")
    process.faults.clear()
    result = deployed("dump", "items.jsonl")
    assert re.search(
        r"^Warning: Continuing the dump that was started at 20..-..-.. ..:.. UTC, after 0 items. --force starts over.$",
        result.stderr,
        re.MULTILINE,
    )
