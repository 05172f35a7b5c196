"""`--index` and `--no-index`, and what `rollback` and `smoke` say about indexes."""

from pathlib import Path

import boto3
import pytest

from tests.commands.conftest import Run, document


def indexes() -> list[str]:
    table = boto3.client("dynamodb").describe_table(TableName="Items")["Table"]
    return sorted(index["IndexName"] for index in table.get("GlobalSecondaryIndexes", []))


def test_the_stack_remembers_its_indexes(run: Run) -> None:
    assert run("up", "--index", "owner", "--index", "status").exit_code == 0
    again = run("up")
    assert (again.exit_code, again.stdout.count("= unchanged")) == (0, 7)
    assert "Settings from the stack: index owner status\n" in again.stdout
    settings = {s["setting"]: (s["value"], s["source"]) for s in document(run("up", "--json"))["settings"]}
    assert settings["index"] == (["owner", "status"], "stack")


@pytest.mark.parametrize("given", [["--no-index"], ["--index", "status"]])
def test_an_index_is_deleted_only_after_a_confirmation(run: Run, given: list[str]) -> None:
    run("up", "--index", "owner")
    refused = run("up", *given)
    assert (refused.exit_code, indexes()) == (1, ["owner-index"])
    assert "This would delete the index owner-index of the table Items" in refused.stderr
    assert "Add --yes to confirm." in refused.stderr
    done = run("up", *given, "--yes")
    assert done.exit_code == 0
    assert [done.stdout.count(f"updated   {title}") for title in ("DynamoDB table", "IAM role")] == [1, 1]
    assert indexes() == (["status-index"] if "status" in given else [])
    assert run("status").exit_code == 0


def test_the_file_and_a_variable_can_declare_indexes(run: Run, tmp_path: Path) -> None:
    run("up", env={"ITEMS_API_INDEX": "owner status"})
    assert indexes() == ["owner-index", "status-index"]
    (tmp_path / "items-api.toml").write_text('index = ["owner"]\n')
    assert run("up", "--yes").exit_code == 0
    assert indexes() == ["owner-index"]


def test_index_and_no_index_cannot_be_combined(run: Run) -> None:
    result = run("up", "--index", "owner", "--no-index")
    assert (result.exit_code, "--index and --no-index cannot be combined." in result.stderr) == (2, True)


def test_six_indexes_are_a_usage_error_before_the_first_call(run: Run) -> None:
    result = run("up", *(word for name in "abcdef" for word in ("--index", name)))
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        "Error: --index is given 6 times.\n"
        "  Why:  Each index makes every write more expensive.\n"
        "  Next: Use up to 5 indexes.\n"
    )


def test_status_shows_an_index_that_is_missing(run: Run) -> None:
    run("up", "--index", "owner")
    boto3.client("dynamodb").update_table(
        TableName="Items", GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "owner-index"}}]
    )
    result = run("status")
    assert (result.exit_code, "indexes.owner-index: none → owner (S), ALL" in result.stdout) == (3, True)


def test_a_rollback_to_a_version_that_needs_a_deleted_index_fails_and_says_so(run: Run) -> None:
    run("up", "--index", "owner", "--index", "status")
    run("up", "--index", "status", "--yes")
    result = run("rollback", "--yes", "--region", "us-east-1")
    assert result.exit_code == 1
    assert result.stderr == (
        "Error: Cannot roll back to version 1: it needs the index on owner.\n"
        "  Why:  The table Items does not have it, or not yet, or the role may not use it.\n"
        "  Next: To use the index on owner again, release the current code with this command:\n"
        "        items-api up --region us-east-1 --index owner --index status\n"
    )
    assert run("status").exit_code == 0


@pytest.mark.parametrize("given", [("--index", "owner"), ("--cors-origin", "https://app.example")])
def test_smoke_takes_settings_only_for_a_url(run: Run, given: tuple[str, str]) -> None:
    result = run("smoke", *given, "--wait", "0")
    refused = f"{given[0]} is for --url. Otherwise, smoke uses the settings of the stack."
    assert (result.exit_code, refused in result.stderr) == (2, True)
