"""The errors of `dump` and `load`: what failed, why, and what to do next."""

import gzip
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.aws import ErrorResponse, Process
from tests.commands.conftest import Run, document
from tests.items.conftest import put, stored, typed_items


def test_an_empty_input_is_an_error(deployed: Run, tmp_path: Path) -> None:
    """In a pipeline, the command before it has failed."""
    result = deployed("load", "-", input="")
    assert (result.exit_code, "Error: The input is empty. Nothing was written.\n" in result.stderr) == (1, True)
    (tmp_path / "empty.jsonl").touch()
    result = deployed("load", "empty.jsonl")
    assert (result.exit_code, "  Why:  It is empty.\n" in result.stderr) == (1, True)


def test_a_compressed_pipe_is_an_error(deployed: Run, tmp_path: Path) -> None:
    result = deployed("load", input=gzip.compress(deployed("dump").stdout.encode()))
    assert result.exit_code == 1
    assert result.stderr == (
        "Error: The input is compressed.\n  Why:  Only a file whose name ends in .gz is decompressed.\n"
        "  Next: Load the file by its name, or decompress it before the pipe.\n"
    )
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(
    ("content", "what", "command"),
    [
        ('[{"itemId": "a"}, {"itemId": "b"}]', "is a JSON array", "jq -c '.[]'"),
        ('[\n  {"itemId": "a"}\n]\n', "is a JSON array", "jq -c '.[]'"),
        (f'[{{"itemId": "{"a" * 5_000_000}"}}]', "is a JSON array", "jq -c '.[]'"),
        ('{\n  "Items": []\n}\n', "has a JSON object on several lines", "jq -c '.Items[]'"),
    ],
    ids=["array", "array-on-several-lines", "array-on-a-long-line", "object"],
)
def test_json_that_is_not_one_object_per_line_is_an_error_that_says_how_to_convert_it(
    deployed: Run, tmp_path: Path, content: str, what: str, command: str
) -> None:
    (tmp_path / "mine.json").write_text(content)
    for name, result in {
        "mine.json": deployed("load", "mine.json"),
        "The input": deployed("load", input=content),
    }.items():
        assert result.exit_code == 1
        assert f"Error: {name} {what}." in result.stderr
        assert "  Next: Convert it, for example with jq -c " in result.stderr
        assert command in result.stderr
    assert ([path.name for path in tmp_path.iterdir()], len(stored())) == (["mine.json"], 3)


def test_a_plain_dump_of_a_set_names_the_item_and_the_option(deployed: Run) -> None:
    put(*typed_items())
    result = deployed("dump", "items.jsonl")
    assert result.exit_code == 1
    assert (
        "  Why:  Plain JSON has no such values.\n  Next: Use --typed, which writes DynamoDB's JSON.\n" in result.stderr
    )
    assert deployed("dump", "items.jsonl", "--typed").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["load", "missing.jsonl"], "Error: Could not read the file 'missing.jsonl'.\n  Why:  No such file"),
        (["load", "."], "Error: Could not read the file '.'.\n  Why:  Is a directory"),
        (
            ["dump", "missing/items.jsonl"],
            "Error: Could not find the folder 'missing'.\n  Why:  No such file or directory.",
        ),
        (["dump", ".."], "Error: .. is a folder.\n  Next: Add a file name, such as ../items.jsonl.\n"),
        (
            ["dump", "/dev/null"],
            (
                "Error: /dev/null is not a regular file.\n"
                "  Why:  A dump is written to /dev/null.partial and renamed when it is complete.\n"
                "  Next: Choose another file. To write to a device or a pipe, redirect the stdout of items-api dump.\n"
            ),
        ),
    ],
)
def test_a_path_that_cannot_be_used_is_an_error(deployed: Run, arguments: list[str], said: str) -> None:
    result = deployed(*arguments)
    assert (result.exit_code, said in result.stderr) == (1, True)


@pytest.mark.parametrize("arguments", [("dump", ""), ("load", ""), ("down", "--yes", "--backup", "")])
def test_an_empty_file_name_is_a_usage_error(deployed: Run, arguments: tuple[str, ...]) -> None:
    """In a shell, it comes from a variable that is not set."""
    result = deployed(*arguments)
    assert (result.exit_code, "The file name is empty." in result.stderr) == (2, True)
    assert deployed("status").exit_code == 0


@pytest.mark.parametrize("command", ["dump", "load"])
def test_a_stack_without_a_table_is_an_error(run: Run, tmp_path: Path, command: str) -> None:
    (tmp_path / "f").write_text("")
    result = run(command, "f")
    assert result.exit_code == 1
    assert "Error: The stack items does not exist or is incomplete.\n  Why:  It has no table.\n" in result.stderr


@pytest.mark.parametrize("rate", ["0", "-1", "x", "nan", "inf"])
def test_a_rate_is_a_positive_number(run: Run, rate: str) -> None:
    assert run("dump", "--rate", rate).exit_code == 2


def test_json_and_a_dump_to_stdout_cannot_be_combined(run: Run) -> None:
    assert run("dump", "--json").exit_code == 2


def test_errors_of_aws_name_the_table(deployed: Run, process: Process) -> None:
    process.faults.at(
        "dynamodb.Scan",
        1,
        ErrorResponse("AccessDeniedException", "User: x is not authorized to perform: dynamodb:Scan on resource: y"),
        9,
    )
    result = deployed("dump", "items.jsonl")
    assert result.exit_code == 1
    assert "Error: Could not read the items of the DynamoDB table Items: access denied.\n" in result.stderr
    assert "  Next: Your user or role needs dynamodb:Scan.\n" in result.stderr
    report = document(deployed("dump", "items.jsonl", "--json"))
    assert (report["ok"], report["files"], report["items"]) == (False, [], 0)


@pytest.mark.parametrize(
    ("module", "arguments", "name"),
    [
        ("output", ("dump", "new.jsonl"), "new.jsonl.partial"),
        ("journal", ("load", "items.jsonl"), "items.jsonl.load-journal.new"),
        ("rejected", ("load", "items.jsonl"), "items.jsonl.rejected"),
    ],
)
def test_a_disk_that_is_full_is_an_error_that_names_the_file(
    deployed: Run, monkeypatch: pytest.MonkeyPatch, module: str, arguments: tuple[str, ...], name: str
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, os.strerror(28))

    Path("items.jsonl").write_text('{"itemId":"1"}\nnonsense\n')
    with monkeypatch.context() as patch:
        patch.setattr(f"items_api.items.{module}.os", SimpleNamespace(**{**vars(os), "fsync": full}))
        result = deployed(*arguments)
    assert result.exit_code == 1
    assert (
        f"Error: Could not write the file '{name}'.\n  Why:  No space left on device.\n"
        "  Next: Free some space on the disk. Run the command again; it continues where it left off.\n"
    ) in result.stderr


def test_a_table_that_is_deleted_during_a_load_is_an_error_that_says_so(deployed: Run, process: Process) -> None:
    deployed("dump", "items.jsonl")
    missing = ErrorResponse("ResourceNotFoundException", "Requested resource not found")
    process.faults.at("dynamodb.BatchWriteItem", 1, missing)
    result = deployed("load", "items.jsonl")
    assert result.exit_code == 1
    assert "Error: Could not write the items of the DynamoDB table Items: it was deleted.\n" in result.stderr
    assert "  Next: To create it again, run items-api up. To start over, add --restart.\n" in result.stderr


def test_a_load_from_a_folder_that_is_read_only_names_the_alternative(
    deployed: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(self: Path, *_: object) -> None:
        raise OSError(30, os.strerror(30), str(self))

    deployed("dump", "items.jsonl")
    monkeypatch.setattr("items_api.items.journal.os.open", lambda path, *_: read_only(path))
    result = deployed("load", "items.jsonl")
    assert result.exit_code == 1
    assert "  Why:  Read-only file system.\n" in result.stderr
    assert (
        "  Next: The command writes files beside items.jsonl. This one does not:\n"
        "        items-api load - < items.jsonl\n"
    ) in result.stderr


@pytest.mark.parametrize("command", ["dump", "load"])
def test_the_advice_after_an_error_repeats_no_option_that_starts_over(
    deployed: Run, process: Process, command: str
) -> None:
    deployed("dump", "items.jsonl")
    process.faults.at("dynamodb.Scan", 1, ErrorResponse("InternalServerError", "no", 400), 9)
    process.faults.at("dynamodb.BatchWriteItem", 1, ErrorResponse("InternalServerError", "no", 400), 9)
    option = {"dump": "--force", "load": "--restart"}[command]
    result = deployed(command, "items.jsonl", option)
    assert result.exit_code == 1
    assert f"  Next: Run the command again without {option}; it continues where it left off.\n" in result.stderr
