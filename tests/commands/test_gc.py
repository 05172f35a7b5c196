"""`up --expires`, `list` and `gc`: environments that end."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from mypy_boto3_dynamodb import DynamoDBClient

from items_api.settings import Settings
from tests.aws import Account, Fault, Process, ProcessKilled
from tests.aws.faults import denied
from tests.commands.conftest import Run, document
from tests.provision.drive import up

KEY = "items-api:expires"


def arn(table: str) -> str:
    return f"arn:aws:dynamodb:us-east-1:123456789012:table/{table}"


def tags(table: str = "Items") -> dict[str, str]:
    listed = boto3.client("dynamodb").list_tags_of_resource(ResourceArn=arn(table))["Tags"]
    return {tag["Key"]: tag["Value"] for tag in listed}


def expire(table: str, *, hours: float = -1) -> None:
    """Set the tag by hand."""
    moment = (datetime.now(UTC) + timedelta(hours=hours)).isoformat(timespec="seconds")
    dynamodb().tag_resource(ResourceArn=arn(table), Tags=[{"Key": KEY, "Value": moment}])


def put_item(table: str) -> None:
    dynamodb().put_item(TableName=table, Item={"itemId": {"S": "1"}})


def dynamodb() -> DynamoDBClient:
    return boto3.client("dynamodb", config=Config(retries={"total_max_attempts": 1}))


def names(run: Run) -> list[str]:
    return [stack["name"] for stack in document(run("list", "--json"))["stacks"]]


def test_up_writes_when_the_stack_expires(run: Run) -> None:
    before = datetime.now(UTC)
    assert run("up", "--expires", "3d").exit_code == 0
    expires = datetime.fromisoformat(tags()[KEY])
    assert timedelta(days=3, seconds=-1) <= expires - before < timedelta(days=3, minutes=1)
    assert "The stack expires in 2 d; items-api gc deletes it after that." in run("status").stdout
    assert run("up", "--expires", "3d").stdout.count("= unchanged") == 7
    assert run("up").stdout.count("= unchanged") == 7
    assert run("up", "--expires", "5d").exit_code == 0
    assert datetime.fromisoformat(tags()[KEY]) - expires > timedelta(days=1)


def test_a_short_expiry_is_extended_too(run: Run) -> None:
    run("up", "--expires", "20s")
    first = tags()[KEY]
    time.sleep(3)
    run("up", "--expires", "20s")
    assert tags()[KEY] > first


def test_a_stack_without_expiry_has_no_such_tag(run: Run) -> None:
    run("up")
    assert KEY not in tags()
    assert tags()["items-api:settings"] == "defaults"


@pytest.mark.parametrize("text", ["3", "3x", "-1d", "0s", "1.5d", "999999999d", "tomorrow"])
def test_what_is_no_duration_is_a_usage_error(run: Run, text: str) -> None:
    result = run("up", "--expires", text)
    assert (result.exit_code, f"'{text}' is " in result.stderr) == (2, True)


def test_only_the_command_line_lets_a_stack_live_forever(run: Run, tmp_path: Path) -> None:
    run("up", "--expires", "3d")
    (tmp_path / "items-api.toml").write_text('expires = "never"\n')
    result = run("up", "--yes")
    assert result.exit_code == 1
    assert "To keep it, add --expires never." in result.stderr
    (tmp_path / "items-api.toml").unlink()
    boto3.client("dynamodb").untag_resource(ResourceArn=arn("Items"), TagKeys=["items-api:settings"])
    assert run("up", "--yes").exit_code == 1
    assert run("up", "--expires", "never").exit_code == 1
    assert KEY in tags()
    assert run("up", "--expires", "never", "--yes").exit_code == 0
    assert KEY not in tags()


def test_only_the_command_line_lets_an_existing_stack_expire_or_expire_earlier(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("up")
    monkeypatch.setenv("ITEMS_API_EXPIRES", "3d")
    result = run("up", "--yes")
    assert (result.exit_code, KEY in tags()) == (1, False)
    assert "Nothing was changed: this would let gc delete the stack after 20" in result.stderr
    assert "Only an option on the command line can do that, not a variable." in result.stderr
    assert run("up", "--expires", "3d").exit_code == 1
    assert run("up", "--expires", "3d", "--yes").exit_code == 0
    monkeypatch.setenv("ITEMS_API_EXPIRES", "1d")
    assert run("up", "--yes").exit_code == 1
    monkeypatch.setenv("ITEMS_API_EXPIRES", "5d")
    assert run("up").exit_code == 0


def test_a_lost_tag_is_written_again_without_a_question(run: Run) -> None:
    run("up", "--expires", "3d")
    expires = tags()[KEY]
    boto3.client("dynamodb").untag_resource(ResourceArn=arn("Items"), TagKeys=[KEY])
    assert run("up").exit_code == 0
    assert tags()[KEY] == expires


def test_an_expiry_that_was_extended_by_hand_is_shortened_only_by_an_option(run: Run) -> None:
    run("up", "--expires", "3d")
    expire("Items", hours=30 * 24)
    extended = tags()[KEY]
    assert run("up", "--yes").exit_code == 1
    assert tags()[KEY] == extended
    assert run("up", "--expires", "3d", "--yes").exit_code == 0


def test_a_past_expiry_whose_tag_was_removed_comes_back_only_by_an_option(run: Run) -> None:
    run("up", "--expires", "1s")
    time.sleep(1)
    assert "s ago: the next items-api gc deletes it." in run("status").stdout
    boto3.client("dynamodb").untag_resource(ResourceArn=arn("Items"), TagKeys=[KEY])
    assert run("up", "--yes").exit_code == 1
    assert run("gc", "--dry-run").stdout.endswith("\nNo stack has expired.\n")


def test_list_shows_age_expiry_and_endpoint(run: Run) -> None:
    run("up", "--expires", "3d")
    run("up", "--name", "other")
    stacks = {stack["name"]: stack for stack in document(run("list", "--json"))["stacks"]}
    assert stacks["items"]["expires"] == tags()[KEY]
    assert stacks["other"]["expires"] is None
    assert stacks["items"]["created"].startswith("2025-01-01T00:00:")
    lines = run("list").stdout.splitlines()
    assert lines[1].startswith("  items  https://")
    assert lines[1].endswith("  expires in 2 d")
    expire("Items", hours=-5.5)
    assert run("list").stdout.splitlines()[1].endswith("  expired 5 h ago")


def test_gc_deletes_expired_stacks_and_no_others(run: Run) -> None:
    for name in ("old", "young", "eternal"):
        run("up", "--name", name)
    expire("Old")
    expire("Young", hours=1)
    dry = run("gc", "--dry-run")
    assert dry.exit_code == 3
    assert dry.stdout == (
        "Stacks in account 123456789012, region us-east-1\n"
        "  old  expired 1 h ago\n"
        "Protected stacks and tables that contain items would be kept.\n"
    )
    assert run("gc", "--dry-run", "--with-items").stdout.endswith("\nProtected stacks would be kept.\n")
    refused = run("gc")
    assert refused.exit_code == 1
    assert "This would delete the expired stacks old, except tables that contain items. It needs" in refused.stderr
    assert "the expired stacks old, including all items in their tables. It" in run("gc", "--with-items").stderr
    report = document(run("gc", "--yes", "--json"))
    assert [(s["name"], s["change"], s["error"]) for s in report["stacks"]] == [("old", "deleted", None)]
    assert {resource["change"] for resource in report["stacks"][0]["resources"]} == {"deleted"}
    assert names(run) == ["eternal", "young"]
    assert run("gc", "--dry-run").exit_code == 0
    assert run("gc").stdout.endswith("\nNo stack has expired.\n")


def test_gc_keeps_tables_with_items_unless_it_is_told_otherwise(run: Run) -> None:
    run("up")
    put_item("Items")
    expire("Items")
    result = run("gc", "--yes")
    assert result.exit_code == 0
    assert "kept, because it contains items" in result.stdout
    assert "Nothing remains except the table Items." in result.stdout
    assert document(run("list", "--json"))["stacks"][0]["found"] == ["DynamoDB table"]
    dry = run("gc", "--dry-run")
    assert (dry.exit_code, "  items  expired 1 h ago; only its table is left\n" in dry.stdout) == (3, True)
    assert document(run("gc", "--yes", "--json"))["stacks"][0]["change"] == "kept"
    report = document(run("gc", "--yes", "--with-items", "--json"))
    assert (report["stacks"][0]["change"], names(run)) == ("deleted", [])


def test_only_the_command_line_deletes_items(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run("up")
    put_item("Items")
    expire("Items")
    monkeypatch.setenv("ITEMS_API_WITH_ITEMS", "1")
    result = run("gc", "--yes")
    assert "ITEMS_API_WITH_ITEMS has no effect, because --with-items works only on the command line" in result.stderr
    assert names(run) == ["items"]


def test_an_item_that_is_written_while_gc_runs_is_kept(run: Run, process: Process, account: Account) -> None:
    """The items are counted last, in a consistent read."""
    run("up")
    expire("Items")
    process.faults.at("lambda.DeleteAlias", 1, lambda: put_item("Items"))
    assert document(run("gc", "--yes", "--json"))["stacks"][0]["change"] == "kept"
    [count] = account.journal.of("dynamodb.Scan")
    assert count.parameters["ConsistentRead"]


def test_an_error_with_one_stack_does_not_keep_the_others(run: Run, process: Process) -> None:
    for name in ("aaa", "bbb"):
        run("up", "--name", name)
        expire(name.capitalize())
    second = process.counts["dynamodb.DescribeTable"] + 2
    process.faults.at("dynamodb.DescribeTable", second, denied("dynamodb", "dynamodb:DescribeTable", arn("Aaa")))
    stacks = document(run("gc", "--yes", "--json"))["stacks"]
    assert [(stack["name"], stack["change"]) for stack in stacks] == [("aaa", "failed"), ("bbb", "deleted")]
    assert stacks[0]["error"]["what"] == "Could not read the DynamoDB table Aaa: access denied."


def test_a_tag_without_a_time_zone_is_in_utc(run: Run) -> None:
    run("up", "--expires", "3d")
    dynamodb().tag_resource(ResourceArn=arn("Items"), Tags=[{"Key": KEY, "Value": "2020-01-01"}])
    assert " expired " in run("list").stdout
    assert run("up", "--expires", "3d").exit_code == 0
    dynamodb().tag_resource(ResourceArn=arn("Items"), Tags=[{"Key": KEY, "Value": "2020-01-01"}])
    assert run("gc", "--yes").exit_code == 0
    assert names(run) == []


def test_a_stack_that_is_extended_while_gc_deletes_it_keeps_its_table(run: Run, process: Process) -> None:
    run("up")
    expire("Items")
    process.faults.at("lambda.DeleteAlias", 1, lambda: expire("Items", hours=5))
    result = run("gc", "--yes", "--json")
    [stack] = document(result)["stacks"]
    assert (result.exit_code, stack["change"], stack["error"]["type"]) == (1, "failed", "ChangedMeanwhile")
    assert stack["error"]["what"] == "The stack items was extended while it was being deleted."
    assert tags()[KEY] > datetime.now(UTC).isoformat()


def test_gc_does_not_touch_what_an_up_creates_meanwhile(run: Run, process: Process, account: Account) -> None:
    """Everything was deleted, and gc looks again. An `up` was faster."""
    run("up")
    expire("Items")
    expires = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    gone: list[bool] = []

    def create_it_again() -> None:
        if not gone and not account.leftovers():
            gone.append(True)
            up(account, settings=Settings(expires=expires))

    first = process.counts["dynamodb.DescribeTable"] + 1
    process.faults.at("dynamodb.DescribeTable", first, create_it_again, times=20)
    result = run("gc", "--yes", "--json")
    assert (result.exit_code, document(result)["stacks"][0]["error"]["type"]) == (1, "ChangedMeanwhile")
    assert {resource["state"] for resource in document(run("status", "--json"))["resources"]} == {"ok"}


def test_gc_does_not_delete_a_protected_stack_and_goes_on_with_the_others(run: Run) -> None:
    run("up", "--name", "aaa", "--protect")
    run("up", "--name", "bbb")
    put_item("Aaa")
    expire("Aaa")
    expire("Bbb")
    result = run("gc", "--yes", "--json")
    report = document(result)
    assert result.exit_code == 1
    assert document(run("list", "--json"))["stacks"][0]["complete"]
    assert [(s["name"], s["change"]) for s in report["stacks"]] == [("aaa", "failed"), ("bbb", "deleted")]
    error = report["stacks"][0]["error"]
    assert error["type"] == "Protected"
    assert "run items-api up --name aaa --no-protect first." in error["todo"]
    assert "run items-api down --name aaa --keep-table." in error["todo"]
    assert names(run) == ["aaa"]


def test_gc_reads_the_tag_again_before_it_deletes(run: Run, process: Process) -> None:
    """Someone extends the second stack while the first one is being deleted."""
    for name in ("aaa", "bbb"):
        run("up", "--name", name)
        expire(name.capitalize())
    process.faults.at("apigatewayv2.DeleteApi", 1, lambda: expire("Bbb", hours=5))
    result = run("gc", "--yes", "--json")
    stacks = document(result)["stacks"]
    assert result.exit_code == 0
    assert [(s["name"], s["change"]) for s in stacks] == [("aaa", "deleted"), ("bbb", "skipped")]
    assert "It no longer expires. It was not deleted." in result.stderr
    assert names(run) == ["bbb"]


def test_after_ctrl_c_the_document_says_what_was_deleted(run: Run, process: Process) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    for name in ("aaa", "bbb"):
        run("up", "--name", name)
        expire(name.capitalize())
    process.faults.at("apigatewayv2.DeleteApi", 2, interrupt)
    result = run("gc", "--yes", "--json")
    error = document(result)["error"]
    assert (result.exit_code, error["what"], error["why"]) == (130, "Interrupted.", "Done: aaa. Unfinished: bbb.")
    changes = [(stack["name"], stack["change"]) for stack in document(result)["stacks"]]
    assert changes == [("aaa", "deleted"), ("bbb", "failed")]


@pytest.mark.parametrize("operation", ["lambda.DeleteFunction", "iam.DeleteRole", "logs.DeleteLogGroup"])
def test_after_a_gc_that_was_killed_the_next_one_finds_the_rest(run: Run, process: Process, operation: str) -> None:
    """The table, which has the expiry, is deleted last."""
    run("up")
    expire("Items")
    process.faults.at(operation, 1, Fault.KILLED_BEFORE)
    with pytest.raises(ProcessKilled):
        run("gc", "--yes", catch_exceptions=False)
    process.killed.clear()
    assert names(run) == ["items"]
    assert run("gc", "--yes").exit_code == 0
    assert names(run) == []
