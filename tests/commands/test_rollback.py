"""`items-api rollback`, and what `up` and `status` say about it."""

import boto3

from tests.aws import Account
from tests.commands.conftest import Run, document


def test_a_rollback_shows_both_versions_and_what_comes_next(run: Run) -> None:
    run("up")
    run("up", "--memory", "512")
    result = run("rollback", "--yes", "--name", "items")
    assert result.exit_code == 0
    assert result.stdout == (
        "Stack items in account 123456789012, region us-east-1\n"
        "  ~ updated   release                     live\n"
        "      version: 2 → 1\n"
        "To release the current settings again, run items-api up.\n"
    )
    report = document(run("rollback", "--yes", "--json"))
    assert [(d["field"], d["have"], d["want"]) for d in report["resources"][0]["drift"]] == [("version", 1, 2)]


def test_the_undo_of_a_rollback_leaves_nothing_to_do(run: Run) -> None:
    run("up")
    run("up", "--memory", "512")
    question = run("rollback").stderr
    assert "with version 1 (published " in question
    assert " (memory: 512 → 256). It needs confirmation" in question
    run("rollback", "--yes")
    assert "run items-api up" not in run("rollback", "--yes").stdout
    assert run("status").exit_code == 0


def test_a_rolled_back_stack_is_drift_and_up_asks_before_it_releases_the_same_code(run: Run) -> None:
    run("up")
    run("up", "--memory", "512")
    run("rollback", "--yes")
    status = run("status")
    assert status.exit_code == 3
    assert "rolled back from: version 2 → none" in status.stdout
    refused = run("up")
    assert refused.exit_code == 1
    assert (
        "This would release the code of version 2 again, which was rolled back. It needs confirmation" in refused.stderr
    )
    assert run("up", "--yes").exit_code == 0
    assert run("status").exit_code == 0


def test_without_a_terminal_a_rollback_needs_yes(run: Run) -> None:
    run("up")
    run("up", "--memory", "512")
    result = run("rollback")
    assert result.exit_code == 1
    assert "This would replace version 2 (published " in result.stderr
    assert "Add --yes to confirm." in result.stderr


def test_without_a_previous_version_the_existing_ones_are_listed(run: Run) -> None:
    run("up")
    result = run("rollback", "--yes", "--json")
    report = document(result)
    assert (result.exit_code, report["error"]["type"]) == (1, "CannotRollBack")
    assert [version["version"] for version in report["versions"]] == [1]
    assert report["versions"][0].keys() == {"version", "published", "description"}


def test_without_a_release_there_is_nothing_to_roll_back(run: Run) -> None:
    assert "The stack items does not exist or is incomplete." in run("rollback").stderr
    run("up")
    boto3.client("lambda").delete_alias(FunctionName="items-api", Name="live")
    result = run("rollback", "--yes")
    assert (result.exit_code, "It has no release." in result.stderr) == (1, True)


def test_status_shows_both_versions_when_they_were_published_and_from_what(run: Run) -> None:
    run("up")
    run("up", "--memory", "512")
    lines = run("status").stdout.splitlines()
    shown = [line.split(",") for line in lines if line.startswith(("  Release", "  Previous"))]
    assert [line[0] for line in shown] == ["  Release   version 2", "  Previous  version 1"]
    for _, published, code, tool in shown:
        assert published.startswith(" published 2025-01-01 ")
        assert code.startswith(" code ")
        assert tool.startswith(" items-api ")


def test_no_check_releases_without_an_invocation(run: Run, account: Account) -> None:
    assert run("up", "--no-check").exit_code == 0
    assert account.journal.of("lambda.Invoke") == []
    run("up", "--memory", "512")
    assert len(account.journal.of("lambda.Invoke")) == 3
