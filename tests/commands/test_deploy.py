"""`up`, `status` and `down`: exit codes, the JSON contract, and plain lines in a pipe."""

import re

import boto3
import pytest

from tests.aws import Account, ErrorResponse, Fault, Process
from tests.commands.conftest import Run, document

TYPES = [
    "AWS::DynamoDB::Table",
    "AWS::IAM::Role",
    "AWS::Logs::LogGroup",
    "AWS::Lambda::Function",
    "AWS::Lambda::Alias",
    "AWS::ApiGatewayV2::Api",
    "AWS::Lambda::Permission",
]
ENVELOPE = ["command", "name", "account", "region", "endpoint", "ok"]
RESOURCE_KEYS = {"type", "name", "arn", "drift", "seconds", "error", "notes"}


def test_every_resource_is_in_the_document(run: Run) -> None:
    for command, word, values in (
        (("up", "--json"), "change", {"created"}),
        (("status", "--json"), "state", {"ok"}),
        (("up", "--json"), "change", {"unchanged"}),
        (("down", "--json", "--yes"), "change", {"deleted"}),
        (("down", "--json", "--yes"), "change", {"absent"}),
    ):
        result = run(*command)
        report = document(result)
        assert list(report)[:6] == ENVELOPE
        assert list(report)[-1] == "error"
        assert (result.exit_code, report["command"], report["ok"], report["error"]) == (0, command[0], True, None)
        assert (report["name"], report["account"], report["region"]) == ("items", "123456789012", "us-east-1")
        assert (report["endpoint"] is None) is (command[0] == "down")
        assert [resource["type"] for resource in report["resources"]] == TYPES
        for resource in report["resources"]:
            assert resource.keys() == RESOURCE_KEYS | {word}
            assert isinstance(resource["seconds"], float)
        assert {resource[word] for resource in report["resources"]} == values


def test_drift_is_listed_field_by_field_and_is_exit_3(run: Run) -> None:
    run("up")
    for command in (("status",), ("up", "--dry-run")):
        result = run(*command, "--json", "--memory", "512")
        drift = [d for resource in document(result)["resources"] for d in resource["drift"]]
        assert (result.exit_code, drift) == (
            3,
            [
                {"field": "remembered.memory", "have": None, "want": "512"},
                {"field": "memory", "have": 256, "want": 512},
                {"field": "memory", "have": 256, "want": 512},
            ],
        )


def test_a_dry_run_writes_nothing_and_its_exit_code_says_whether_changes_are_pending(
    run: Run, account: Account
) -> None:
    assert run("up", "--dry-run").exit_code == 3
    assert account.journal.writes() == []
    run("up")
    account.journal.clear()
    assert run("up", "--dry-run").exit_code == 0
    assert account.journal.writes() == []


def test_status_of_a_missing_stack_is_exit_4_and_of_a_partial_one_exit_3(run: Run) -> None:
    assert run("status").exit_code == 4
    run("up")
    boto3.client("dynamodb").delete_table(TableName="Items")
    result = run("status", "--json")
    assert result.exit_code == 3
    assert document(result)["resources"][0]["state"] == "missing"


def test_status_has_details(run: Run) -> None:
    run("up")
    assert document(run("status", "--json"))["details"]["table"]["items"] == 0
    assert "Function  256 MB" in run("status").stdout


def test_in_a_pipe_lines_are_plain_and_the_endpoint_has_a_line_of_its_own(run: Run) -> None:
    output = run("up").stdout
    assert re.search(r"^https://\w+\.execute-api\.us-east-1\.amazonaws\.com$", output, re.MULTILINE)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", output)
    assert "Stack items in account 123456789012, region us-east-1" in output.splitlines()[0]


def test_quiet_prints_only_the_endpoint(run: Run) -> None:
    assert re.fullmatch(r"https://\S+\n", run("up", "--quiet").stdout)


def test_quiet_does_not_hide_an_error(run: Run, process: Process) -> None:
    process.faults.at("iam.PutRolePolicy", 1, Fault.DENIED)
    result = run("up", "--quiet")
    assert result.exit_code == 1
    assert "needs iam:PutRolePolicy" in result.stdout


def test_explain_shows_each_write_and_no_read(run: Run) -> None:
    lines = [line for line in run("up", "--explain").stdout.splitlines() if line.startswith("$ ")]
    assert any(line.startswith("$ aws dynamodb create-table --table-name Items") for line in lines)
    assert lines[0] == "$ export AWS_DEFAULT_REGION=us-east-1"
    assert len(lines) == 1 + 18
    assert not any(verb in line for line in lines for verb in (" get-", " list-", " describe-"))
    assert "$ aws" not in run("up", "--explain").stdout


def test_a_dry_run_explains_what_up_would_send(run: Run, account: Account) -> None:
    lines = [line for line in run("up", "--dry-run", "--explain").stdout.splitlines() if line.startswith("$ ")]
    assert lines[0] == "$ export AWS_DEFAULT_REGION=us-east-1"
    assert len(lines) == 1 + 18
    assert lines[9].startswith("$ API_ID=$(aws apigatewayv2 create-api --name items-http-api ")
    assert lines[9].endswith(" --query ApiId --output text)")
    assert lines[11] == (
        """$ aws apigatewayv2 create-route --api-id "$API_ID" --route-key 'POST /items' """
        """--target "integrations/$INTEGRATION_ID\""""
    )
    assert account.journal.writes() == []


def test_down_without_a_terminal_needs_yes(run: Run) -> None:
    run("up")
    result = run("down", "--json")
    assert result.exit_code == 1
    error = document(result)["error"]
    assert "including the table Items and its 0 items." in error["why"]
    assert "--yes" in error["todo"]
    assert boto3.client("dynamodb").describe_table(TableName="Items")


def test_down_asks_without_a_count_if_the_table_cannot_be_read(run: Run, process: Process) -> None:
    run("up")
    absent = ErrorResponse("ResourceNotFoundException", "Requested resource not found", 400)
    process.faults.at("dynamodb.Scan", 1, absent, times=9)
    assert "they cannot be counted right now" in document(run("down", "--json"))["error"]["why"]


def test_a_plan_that_removes_a_restriction_needs_yes_without_a_terminal(run: Run) -> None:
    run("up", "--throttle-rate", "5")
    assert "raise the throttle rate from 5 to 100" in run("up", "--throttle-rate", "100").stderr
    assert run("up", "--throttle-rate", "100", "--yes").exit_code == 0


def test_an_alias_of_someone_else_is_deleted_only_after_a_question(run: Run) -> None:
    run("up")
    lambda_ = boto3.client("lambda")
    lambda_.create_alias(FunctionName="items-api", Name="blue", FunctionVersion="1")
    refused = run("up")
    assert refused.exit_code == 1
    assert "This would delete the alias blue of the function, which may have other callers. It needs" in refused.stderr
    assert {alias["Name"] for alias in lambda_.list_aliases(FunctionName="items-api")["Aliases"]} == {"blue", "live"}
    assert run("up", "--yes").exit_code == 0
    assert {alias["Name"] for alias in lambda_.list_aliases(FunctionName="items-api")["Aliases"]} == {"live"}


def test_keep_table_says_what_remains(run: Run) -> None:
    run("up")
    assert "Nothing remains except the table Items." in run("down", "--yes", "--keep-table").stdout


def test_what_remains_is_listed_and_is_exit_1(run: Run, process: Process) -> None:
    run("up")
    process.faults.at("lambda.DeleteFunction", 1, Fault.DENIED)
    result = run("down", "--yes")
    assert result.exit_code == 1
    assert "Still exists: Lambda function items-api" in result.stdout
    assert "needs lambda:DeleteFunction" in result.stdout


def test_down_names_the_owner_of_a_foreign_role_and_claims_only_its_own_stack(run: Run) -> None:
    run("up", "--region", "eu-west-1")
    output = run("down", "--yes").stdout
    assert "not deleted: The IAM role items-api-role belongs to the stack items in region eu-west-1." in output
    assert "Nothing of this stack remains." in output


def test_a_dry_run_and_status_explain_what_they_show(run: Run) -> None:
    run("up")
    dry_run = run("up", "--dry-run", "--memory", "512").stdout
    assert "  ~ will be updated Lambda function   items-api\n      memory: 256 → 512\n" in dry_run
    assert dry_run.endswith("\nDry run: 3 of 7 resources will be created or updated. Nothing was changed.\n")
    assert run("up", "--dry-run").stdout.endswith("\nDry run: all 7 resources match the settings.\n")
    assert "current value → configured value" in run("status", "--memory", "512").stdout
    assert "→" not in run("status").stdout


def test_a_failed_up_says_that_the_stack_is_not_complete(run: Run, process: Process) -> None:
    process.faults.at("iam.PutRolePolicy", 1, Fault.DENIED)
    output = run("up").stdout
    assert output.endswith("\nThe stack is not complete. Fix the cause and run the command again.\n")


def test_values_from_aws_cannot_control_the_terminal(run: Run) -> None:
    run("up")
    boto3.client("lambda").update_function_configuration(FunctionName="items-api", Handler="\x1b[2J\x1b]0;owned\x07")
    for output in (run("status").stdout, run("status", "--json").stdout):
        assert "x1b[2J" in output.replace("u001b", "x1b")
        assert "\x1b" not in output


def test_a_dry_run_estimates_the_bill(run: Run) -> None:
    lines = run("up", "--dry-run", "--estimate", "1M").stdout.splitlines()
    assert lines[-9].startswith("Estimate for 1,000,000 requests per month, at prices of ")
    assert lines[-2] == "  total                  $1.82"
    bill = document(run("up", "--dry-run", "--estimate", "250k", "--json"))["estimate"]
    assert (bill["requests"], bill.keys()) == (250_000, {"requests", "services", "total", "prices_of"})
    assert "estimate" not in document(run("up", "--dry-run", "--json"))


@pytest.mark.parametrize("text", ["", "M", "1T", "-1", "many"])
def test_an_estimate_needs_a_number_and_a_dry_run(run: Run, text: str) -> None:
    assert run("up", "--dry-run", "--estimate", text).exit_code == 2
    result = run("up", "--estimate", "1M")
    assert (result.exit_code, "--estimate needs --dry-run." in result.stderr) == (2, True)
