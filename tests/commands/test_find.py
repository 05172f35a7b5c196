"""`list` and `url`: which stacks exist, and where."""

from pathlib import Path

import boto3
import pytest

from tests.commands.conftest import Run, document


def test_url_prints_only_the_endpoint_on_stdout(run: Run) -> None:
    """So that a shell can use it: curl $(items-api url)/items."""
    run("up")
    [api] = boto3.client("apigatewayv2").get_apis()["Items"]
    found = run("url")
    assert (found.exit_code, found.stdout) == (0, f"{api['ApiEndpoint']}\n")
    report = document(run("url", "--json"))
    assert (report["command"], report["endpoint"], report["ok"]) == ("url", api["ApiEndpoint"], True)


def test_url_of_a_missing_stack_is_exit_4(run: Run) -> None:
    missing = run("url", "--name", "todo")
    assert (missing.exit_code, missing.stdout) == (4, "")
    report = document(run("url", "--json"))
    assert (report["account"], report["error"]["type"]) == ("123456789012", "NoStack")


@pytest.mark.parametrize(
    ("command", "code", "why", "more"),
    [
        ("url", 4, "No HTTP API has its tags.", ""),
        ("smoke", 1, "No HTTP API has its tags.", " To test another API, use --url."),
        ("logs", 1, "The log group /aws/lambda/todo-api does not exist.", ""),
    ],
)
def test_commands_that_need_the_stack_say_in_the_same_words_that_it_is_missing(
    run: Run, command: str, code: int, why: str, more: str
) -> None:
    result = run(command, "--name", "todo", "--region", "eu-west-1")
    assert result.exit_code == code
    assert result.stderr.endswith(
        "Error: The stack todo does not exist or is incomplete.\n"
        f"  Why:  {why}\n"
        "  Next: Check --name and --region. To create or repair the stack, "
        f"run items-api up --name todo --region eu-west-1.{more}\n"
    )


def test_list_shows_every_stack_and_what_an_incomplete_one_lacks(run: Run) -> None:
    run("up")
    run("up", "--name", "team-todo")
    boto3.client("lambda").delete_function(FunctionName="team-todo-api")
    boto3.client("apigatewayv2").create_api(Name="another", ProtocolType="HTTP")
    report = document(run("list", "--json"))
    assert [(stack["name"], stack["complete"], stack["missing"]) for stack in report["stacks"]] == [
        ("items", True, []),
        ("team-todo", False, ["Lambda function"]),
    ]
    assert all(stack["endpoint"].startswith("https://") for stack in report["stacks"])
    assert "team-todo  https://" in run("list").stdout
    assert "incomplete: 4 of 5 resources; missing: Lambda function" in run("list").stdout


def test_of_duplicate_apis_list_and_url_show_the_oldest(run: Run) -> None:
    run("up")
    gateway = boto3.client("apigatewayv2")
    [oldest] = gateway.get_apis()["Items"]
    listed = [oldest]
    while oldest["ApiId"] in (listed[0]["ApiId"], listed[-1]["ApiId"]):  # the order is that of the random IDs
        gateway.create_api(Name="items-http-api", ProtocolType="HTTP", Tags=oldest["Tags"])
        listed = gateway.get_apis()["Items"]
    [stack] = document(run("list", "--json"))["stacks"]
    assert stack["endpoint"] == run("url").stdout.strip() == oldest["ApiEndpoint"]


@pytest.mark.parametrize("kept", ["DynamoDB table", "IAM role", "log group", "Lambda function", "HTTP API"])
def test_list_finds_a_stack_by_any_of_its_resources(run: Run, kept: str) -> None:
    run("up")
    if kept != "DynamoDB table":
        boto3.client("dynamodb").delete_table(TableName="Items")
    if kept != "IAM role":
        boto3.client("iam").delete_role_policy(RoleName="items-api-role", PolicyName="items-table-access")
        boto3.client("iam").delete_role(RoleName="items-api-role")
    if kept != "log group":
        boto3.client("logs").delete_log_group(logGroupName="/aws/lambda/items-api")
    if kept != "Lambda function":
        boto3.client("lambda").delete_function(FunctionName="items-api")
    if kept != "HTTP API":
        gateway = boto3.client("apigatewayv2")
        gateway.delete_api(ApiId=gateway.get_apis()["Items"][0]["ApiId"])
    [stack] = document(run("list", "--json"))["stacks"]
    assert (stack["name"], stack["found"]) == ("items", [kept])


def test_a_stack_of_another_region_is_not_listed(run: Run) -> None:
    run("up", "--region", "eu-central-1")
    assert document(run("list", "--region", "us-east-1", "--json"))["stacks"] == []
    assert [stack["name"] for stack in document(run("list", "--region", "eu-central-1", "--json"))["stacks"]] == [
        "items"
    ]


def test_list_has_no_name_option_and_ignores_a_configured_name(run: Run, tmp_path: Path) -> None:
    run("up")
    refused = run("list", "--name", "items")
    assert (refused.exit_code, "No such option '--name'." in refused.stderr) == (2, True)
    (tmp_path / "items-api.toml").write_text('name = "todo"\n')
    result = run("list", "--json", env={"ITEMS_API_NAME": "blog"})
    report = document(result)
    assert (result.exit_code, report["name"], [stack["name"] for stack in report["stacks"]]) == (0, None, ["items"])
    assert "Warning" not in result.stderr


def test_an_empty_list_is_no_error(run: Run) -> None:
    empty = run("list")
    assert (empty.exit_code, empty.stdout.splitlines()[-1]) == (0, "There is no stack.")
