"""`down --backup` deletes nothing before the backup is complete and verified."""

import json
from dataclasses import replace
from pathlib import Path

import boto3
import pytest

from items_api.items.output import Output
from items_api.items.source import _Plain
from tests.aws import Account, ErrorResponse, Process
from tests.commands.conftest import Run
from tests.items.conftest import stored


def test_down_writes_a_verified_backup_before_it_deletes(deployed: Run, tmp_path: Path) -> None:
    before = stored()
    result = deployed("down", "--yes", "--backup", "backup.jsonl.gz")
    assert result.exit_code == 0
    assert "to backup.jsonl.gz.\n" in result.stdout
    assert result.stdout.endswith("Nothing remains.\n")
    deployed("up")
    assert deployed("load", "backup.jsonl.gz").exit_code == 0
    assert stored() == before


def test_a_backup_that_cannot_be_read_deletes_nothing(deployed: Run, process: Process) -> None:
    process.faults.at("dynamodb.Scan", 1, ErrorResponse("AccessDeniedException", "no"), 9)
    result = deployed("down", "--yes", "--backup", "backup.jsonl")
    assert (result.exit_code, "access denied. Nothing was deleted." in result.stderr) == (1, True)
    assert deployed("status").exit_code == 0


def test_a_backup_does_not_overwrite_a_file(deployed: Run, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    result = deployed("down", "--yes", "--backup", "mine")
    assert (result.exit_code, "already exists. Nothing was deleted." in result.stderr) == (1, True)
    assert "If this one is a complete backup of an earlier run, omit --backup.\n" in result.stderr
    (tmp_path / "mine").rename(tmp_path / "other.partial")
    result = deployed("down", "--yes", "--backup", "other")
    assert (result.exit_code, "Next: Choose another file, or rename this one.\n" in result.stderr) == (1, True)
    assert ((tmp_path / "other.partial").read_text(), deployed("status").exit_code) == ("mine", 0)


def test_a_backup_needs_a_file(deployed: Run) -> None:
    result = deployed("down", "--backup", "-")
    assert (result.exit_code, "--backup needs a file" in result.stderr) == (2, True)
    result = deployed("down", "--yes", "--backup", "/dev/full")
    assert result.exit_code == 1
    assert "Error: /dev/full is not a regular file. Nothing was deleted.\n" in result.stderr
    assert "  Next: Choose another file. To write to a device" in result.stderr


def test_a_backup_does_not_continue_an_interrupted_dump(deployed: Run, process: Process, tmp_path: Path) -> None:
    """What was in the table then may have changed."""
    process.faults.at("dynamodb.Scan", 1, ErrorResponse("AccessDeniedException", "no"), 9)
    assert deployed("dump", "--typed", "backup.jsonl").exit_code == 1
    journal = tmp_path / "backup.jsonl.dump-journal"
    document = json.loads(journal.read_text())
    assert document["done"]["length"] > 0
    document["done"]["segments"] = {}  # it looks as if nothing was left to be read
    journal.write_text(json.dumps(document))
    process.faults.clear()
    result = deployed("down", "--yes", "--backup", "backup.jsonl")
    assert (result.exit_code, "Wrote 3 items" in result.stdout) == (0, True)


def test_a_backup_that_cannot_be_verified_deletes_nothing(deployed: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk returns something else than what was written."""
    read = _Plain.read
    with monkeypatch.context() as patch:
        patch.setattr(_Plain, "read", lambda source: read(source)[1:])
        result = deployed("down", "--yes", "--backup", "backup.jsonl")
    assert (result.exit_code, "is not a complete dump." in result.stderr) == (1, True)
    assert deployed("status").exit_code == 0


def test_a_backup_that_was_emptied_deletes_nothing(deployed: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def emptied(output: Output) -> None:
        output._stream.truncate(0)
        output._stream.close()

    monkeypatch.setattr(Output, "close", emptied)
    result = deployed("down", "--yes", "--backup", "backup.jsonl")
    assert (result.exit_code, "It is empty." in result.stderr) == (1, True)
    assert deployed("status").exit_code == 0


def test_a_backup_of_a_stack_without_a_table_is_no_error(deployed: Run, tmp_path: Path) -> None:
    boto3.client("dynamodb").delete_table(TableName="Items")
    result = deployed("down", "--yes", "--backup", "backup.jsonl")
    assert (result.exit_code, "The stack has no table, so there is no backup.\n" in result.stdout) == (0, True)
    assert not (tmp_path / "backup.jsonl").exists()


def test_a_backup_of_a_table_that_is_being_deleted_is_no_error(
    deployed: Run, account: Account, process: Process, tmp_path: Path
) -> None:
    """As after a `down --backup` that was interrupted during the deletion."""
    account.delays = replace(account.delays, table_deleting=60.0)
    boto3.client("dynamodb").delete_table(TableName="Items")
    process.faults.at("lambda.RemovePermission", 1, account.rest)
    result = deployed("down", "--yes", "--backup", "backup.jsonl")
    assert (result.exit_code, "is already being deleted, so there is no backup.\n" in result.stdout) == (0, True)
    assert not (tmp_path / "backup.jsonl").exists()


def test_a_table_that_is_deleted_during_its_backup_leaves_the_rest_to_the_next_down(
    deployed: Run, process: Process
) -> None:
    process.faults.at("dynamodb.Scan", 1, ErrorResponse("ResourceNotFoundException", "not found"), 9)
    result = deployed("down", "--yes", "--backup", "backup.jsonl")
    assert result.exit_code == 1
    assert "Items: it was deleted. This command deleted nothing.\n" in result.stderr
    assert "  Next: To delete what is left of the stack, run the command again.\n" in result.stderr


def test_a_backup_of_a_table_with_another_key_names_the_way_without(run: Run) -> None:
    tags = {"managed-by": "items-api", "items-api:stack": "items", "items-api:region": "us-east-1"}
    boto3.client("dynamodb").create_table(
        TableName="Items",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
    )
    result = run("down", "--yes", "--backup", "backup.jsonl")
    assert result.exit_code != 0
    assert "  Next: To delete the stack without a backup, omit --backup.\n" in result.stderr
