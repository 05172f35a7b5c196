"""`up --protect`, and what `down` asks before it deletes items."""

from pathlib import Path

import boto3
import pytest

from tests.commands.conftest import Run, document


def protected() -> bool:
    return boto3.client("dynamodb").describe_table(TableName="Items")["Table"]["DeletionProtectionEnabled"]


def test_down_on_a_protected_stack_fails_before_the_first_delete(run: Run) -> None:
    run("up", "--protect")
    result = run("down", "--yes", "--json")
    assert (result.exit_code, document(result)["error"]["type"]) == (1, "Protected")
    assert run("status").exit_code == 0
    assert run("down", "--yes", "--keep-table").exit_code == 0
    assert protected()


def test_only_the_command_line_turns_the_protection_off(run: Run, tmp_path: Path) -> None:
    run("up", "--protect")
    assert run("up").stdout.count("= unchanged") == 7
    (tmp_path / "items-api.toml").write_text("protect = false\n")
    for environment in ({}, {"ITEMS_API_PROTECT": "0"}):
        result = run("up", "--yes", env=environment)
        assert (result.exit_code, protected()) == (1, True)
        assert "To turn them off, add --no-protect." in result.stderr
    result = run("up", "--dry-run", env={"ITEMS_API_PROTECT": "0"})
    assert (result.exit_code, "this would fail." in result.stderr) == (3, True)
    assert "To turn them off, add --no-protect." in " ".join(result.stderr.split())
    result = run("up", "--no-protect", "--dry-run")
    assert (result.exit_code, "up would ask first." in result.stderr) == (3, True)
    assert run("up", "--no-protect").exit_code == 1
    assert run("up", "--no-protect", "--yes").exit_code == 0
    assert not protected()


def test_a_deleted_table_with_recovery_leaves_a_backup_and_down_says_so(run: Run) -> None:
    said = "DynamoDB keeps a free backup of the table for 35 days, because it had point-in-time recovery."
    run("up", "--protect")
    boto3.client("dynamodb").update_table(TableName="Items", DeletionProtectionEnabled=False)
    lines = run("down", "--yes").stdout.splitlines()
    assert lines[-2:] == ["Nothing remains.", said]
    run("up")
    assert said not in run("down", "--yes").stdout


@pytest.mark.parametrize("items", [0, 1])
def test_without_a_terminal_down_needs_yes_whether_or_not_there_are_items(run: Run, items: int) -> None:
    run("up")
    for number in range(items):
        boto3.client("dynamodb").put_item(TableName="Items", Item={"itemId": {"S": str(number)}})
    result = run("down")
    assert (result.exit_code, "Add --yes to confirm." in result.stderr) == (1, True)
