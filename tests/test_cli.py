"""The commands as a program sees them: exit codes, one JSON document, plain lines in a pipe; on the modelled AWS."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from items_api.cli import cli
from tests.aws_model import NO_DELAYS, AwsWorld, Fault, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.aws_model import ModelSession

    Run = Callable[..., Result]

TYPES = [
    "AWS::DynamoDB::Table",
    "AWS::IAM::Role",
    "AWS::Logs::LogGroup",
    "AWS::Lambda::Function",
    "AWS::ApiGatewayV2::Api",
    "AWS::Lambda::Permission",
]
REPORT_KEYS = {"command", "name", "account", "region", "endpoint", "ok", "resources", "error"}
RESOURCE_KEYS = {"type", "name", "arn", "drift", "seconds", "error", "notes"}


@pytest.fixture
def world() -> AwsWorld:
    return AwsWorld(delays=NO_DELAYS)


@pytest.fixture
def session(world: AwsWorld) -> ModelSession:
    """What the commands' next boto3.Session is."""
    return world.session()


@pytest.fixture
def run(world: AwsWorld, session: ModelSession, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """`items-api` in an empty folder; its output is a pipe."""

    def new_session(*, region_name: str | None = None, **_: Any) -> ModelSession:
        session.region_name = region_name or "us-east-1"
        return session

    monkeypatch.setattr("items_api.provision.session.boto3", SimpleNamespace(Session=new_session))
    monkeypatch.chdir(tmp_path)
    return lambda *args, **kwargs: CliRunner().invoke(cli, args, **kwargs)


def document(result: Result) -> dict[str, Any]:
    """The one JSON document on stdout."""
    found = json.loads(result.stdout)
    assert isinstance(found, dict)
    return found


def test_up_status_and_down_report_every_resource_by_contract(run: Run) -> None:
    for command, word, values in (
        (("up", "--json"), "change", {"created"}),
        (("status", "--json"), "state", {"ok"}),
        (("up", "--json"), "change", {"unchanged"}),
        (("down", "--json", "--yes"), "change", {"deleted"}),
        (("down", "--json", "--yes"), "change", {"absent"}),
    ):
        result = run(*command)
        report = document(result)
        assert (result.exit_code, report["command"], report["ok"], report["error"]) == (0, command[0], True, None)
        assert report.keys() >= REPORT_KEYS
        assert (report["name"], report["account"], report["region"]) == ("items", "123456789012", "us-east-1")
        assert [resource["type"] for resource in report["resources"]] == TYPES
        for resource in report["resources"]:
            assert resource.keys() >= RESOURCE_KEYS | {word}
            assert isinstance(resource["seconds"], float)
        assert {resource[word] for resource in report["resources"]} == values
        assert (report["endpoint"] is None) is (command[0] == "down")


def test_drift_is_told_field_by_field_and_by_the_exit_code(run: Run) -> None:
    run("up")
    for command in (("status",), ("up", "--dry-run")):
        result = run(*command, "--json", "--memory", "512")
        drift = [d for resource in document(result)["resources"] for d in resource["drift"]]
        assert (result.exit_code, drift) == (3, [{"field": "memory", "have": 256, "want": 512}])


def test_a_dry_run_writes_nothing_and_says_whether_anything_waits(run: Run, world: AwsWorld) -> None:
    assert run("up", "--dry-run").exit_code == 3
    assert world.journal.writes() == []
    run("up")
    world.journal.clear()
    assert run("up", "--dry-run").exit_code == 0
    assert world.journal.writes() == []


def test_status_of_nothing_is_4_and_of_a_part_is_3(run: Run, world: AwsWorld) -> None:
    assert run("status").exit_code == 4
    run("up")
    world.boto("dynamodb").delete_table(TableName="Items")
    result = run("status", "--json")
    assert result.exit_code == 3
    assert document(result)["resources"][0]["state"] == "missing"


def test_in_a_pipe_lines_are_plain_and_the_endpoint_stands_alone(run: Run) -> None:
    output = run("up").stdout
    assert re.search(r"^https://\w+\.execute-api\.us-east-1\.amazonaws\.com$", output, re.MULTILINE)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", output)
    assert "Stack items in account 123456789012, region us-east-1" in output.splitlines()[0]


def test_quiet_leaves_the_endpoint(run: Run) -> None:
    assert re.fullmatch(r"https://\S+\n", run("up", "--quiet").stdout)


def test_explain_shows_each_write_and_no_read(run: Run) -> None:
    lines = [line for line in run("up", "--explain").stdout.splitlines() if line.startswith("$ ")]
    assert any(line.startswith("$ aws dynamodb create-table --table-name Items") for line in lines)
    assert lines[0] == "$ export AWS_DEFAULT_REGION=us-east-1"
    assert len(lines) == 1 + 15
    assert not any(verb in line for line in lines for verb in (" get-", " list-", " describe-"))
    assert "$ aws" not in run("up", "--explain").stdout


def test_names_and_regions_complete(run: Run) -> None:
    def completed(*words: str) -> list[str]:
        line = {"COMP_WORDS": " ".join(("items-api", *words)), "COMP_CWORD": str(len(words))}
        output = run(env={"_ITEMS_API_COMPLETE": "bash_complete", **line}, prog_name="items-api").stdout
        return [entry.split(",")[1] for entry in output.split()]

    run("up", "--name", "team-todo", "--region", "eu-west-1")
    assert completed("up", "--region", "eu-west-") == ["eu-west-1", "eu-west-2", "eu-west-3"]
    assert completed("status", "--region", "eu-west-1", "--name", "t") == ["team-todo"]
    assert completed("st") == ["status"]


def test_down_without_a_terminal_needs_yes(run: Run, world: AwsWorld) -> None:
    run("up")
    result = run("down", "--json")
    assert result.exit_code == 1
    error = document(result)["error"]
    assert "the table Items and its 0 items?" in error["why"]
    assert "--yes" in error["todo"]
    assert world.boto("dynamodb").describe_table(TableName="Items")


def test_a_plan_that_opens_something_up_needs_yes_without_a_terminal(run: Run) -> None:
    run("up", "--throttle-rate", "5")
    assert "lift the throttle rate from 5 to 100" in run("up").stderr
    assert run("up", "--yes").exit_code == 0


def test_keep_table_says_what_is_left(run: Run) -> None:
    run("up")
    assert "Nothing is left but the table Items." in run("down", "--yes", "--keep-table").stdout


def test_something_left_is_listed_and_is_exit_1(run: Run, session: ModelSession) -> None:
    run("up")
    session.faults.at("lambda.DeleteFunction", 1, Fault.DENIED)
    result = run("down", "--yes")
    assert result.exit_code == 1
    assert "Still there: Lambda function items-api" in result.stdout
    assert "lambda:DeleteFunction" in result.stdout


REFUSALS = {
    "AccessDenied": (Refusal("AccessDenied", "User: arn:aws:iam::123456789012:user/dev is not authorized to perform: iam:GetRole on resource: role items-api-role", 403), "iam.GetRole", "needs iam:GetRole"),
    "NoCredentials": (Refusal("ExpiredToken", "The security token included in the request is expired", 403), "sts.GetCallerIdentity", "expired"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSALS)
@pytest.mark.parametrize("command", [("up",), ("status",), ("down", "--yes"), ("smoke",)])
def test_an_error_is_one_block_on_stderr_and_a_document_with_json(
    run: Run, session: ModelSession, kind: str, command: tuple[str, ...]
) -> None:
    refusal, operation, said = REFUSALS[kind]
    if command[0] == "smoke":
        operation = "sts.GetCallerIdentity"
    session.faults.at(operation, 1, refusal, times=9)
    result = run(*command, "--json")
    error = document(result)["error"]
    assert (result.exit_code, error["type"], error.keys()) == (1, kind, {"type", "what", "why", "todo"})
    assert said in error["what"] + error["todo"]
    assert result.stderr.count("Error: ") == 1
    assert "Traceback" not in result.stderr
    assert document(result)["ok"] is False


def test_a_foreign_resource_stops_up_with_a_way_out(run: Run, world: AwsWorld) -> None:
    world.boto("logs").create_log_group(logGroupName="/aws/lambda/items-api")
    result = run("up", "--json")
    assert (result.exit_code, document(result)["error"]["type"]) == (1, "NotOurs")
    assert world.journal.writes() == []


def test_verbose_adds_the_traceback(run: Run, session: ModelSession) -> None:
    session.faults.at("sts.GetCallerIdentity", 1, Fault.DENIED)
    assert "Traceback" in run("status", "--verbose").stderr


def test_a_bug_is_called_one_and_has_a_traceback_only_when_asked(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("items_api.provision.session.boto3", SimpleNamespace(Session=lambda **_: 1 / 0))
    result = run("status", "--json")
    assert (result.exit_code, document(result)["error"]["type"]) == (1, "Bug")
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("up", "--memory", "100"),
        ("up", "--memory", "much"),
        ("up", "--name", "Capital"),
        ("up", "--region", "us-esat-1"),
        ("up", "--tag", "x"),
        ("up", "--endpoint-url", "foo"),
        ("up", "--region", "eusc-de-east-1"),
        ("status", "--watch", "--json"),
        ("up", "--local", "--profile", "x"),
        ("status", "--watch"),
        ("frobnicate",),
        ("logs", "--since", "yesterday-ish"),
    ],
)
def test_wrong_usage_is_exit_2_and_calls_nothing(run: Run, world: AwsWorld, arguments: tuple[str, ...]) -> None:
    assert run(*arguments).exit_code == 2
    assert len(world.journal) == 0


def test_a_region_that_is_misspelt_is_shown_the_right_one(run: Run) -> None:
    assert "us-east-1" in run("up", "--region", "us-esat-1").stderr


def test_a_flag_goes_before_the_environment_before_the_file_before_the_default(
    run: Run, world: AwsWorld, tmp_path: Path
) -> None:
    def memory(*arguments: str, **environment: str) -> int:
        run("up", *arguments, env=environment)
        function = world.boto("lambda").get_function(FunctionName="items-api")
        return int(function["Configuration"]["MemorySize"])

    assert memory() == 256
    (tmp_path / "items-api.toml").write_text('memory = 300\ncors-origin = "https://a.example"\ntag = ["team=web"]\n')
    assert memory() == 300
    assert memory(ITEMS_API_MEMORY="400") == 400
    assert memory("--memory", "500", ITEMS_API_MEMORY="400") == 500
    api = world.boto("apigatewayv2").get_apis()["Items"][0]
    assert (api["CorsConfiguration"]["AllowOrigins"], api["Tags"]["team"]) == (["https://a.example"], "web")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("memroy = 1", "memroy"),
        ("memory = ", "can not be read"),
        ("memory = 512.5", "memory is 512.5"),
        ("memory = true", "memory is True"),
        ("memory = [512]", "a whole number"),
        ("local = 1", "true or false"),
        ("name = 5", "a string in quotes"),
        ("tag = [1]", "a string in quotes"),
    ],
)
def test_a_file_that_is_wrong_is_named(run: Run, tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "items-api.toml").write_text(content)
    result = run("status")
    assert result.exit_code == 2
    assert "items-api.toml" in result.stderr
    assert said in result.stderr


def test_help_lists_the_commands_in_the_order_of_use(run: Run) -> None:
    assert list(cli.commands) == ["up", "status", "smoke", "down", "logs", "export"]
    assert run("--help").exit_code == 0
    assert run("--version").stdout.startswith("items-api, version ")


def test_quiet_does_not_hide_an_error(run: Run, session: ModelSession) -> None:
    session.faults.at("iam.PutRolePolicy", 1, Fault.DENIED)
    result = run("up", "--quiet")
    assert result.exit_code == 1
    assert "needs iam:PutRolePolicy" in result.stdout


def test_what_aws_tells_can_not_steer_the_terminal(run: Run, world: AwsWorld) -> None:
    run("up")
    world.boto("lambda").update_function_configuration(
        FunctionName="items-api", Environment={"Variables": {"TABLE_NAME": "\x1b[2J\x1b]0;owned\x07"}}
    )
    output = run("status").stdout
    assert "\\x1b[2J" in output
    assert "\x1b" not in output


def test_the_way_out_names_the_same_stack(run: Run, session: ModelSession) -> None:
    session.faults.at("iam.PutRolePolicy", 1, Fault.DENIED)
    output = run("up", "--name", "team-todo", "--region", "eu-west-1", "--profile", "my team").stdout
    assert "items-api up --name team-todo --region eu-west-1 --profile 'my team' again" in output


def test_down_asks_without_a_count_where_the_table_can_not_be_read(run: Run, session: ModelSession) -> None:
    run("up")
    session.faults.at(
        "dynamodb.Scan", 1, Refusal("ResourceNotFoundException", "Requested resource not found", 400), times=9
    )
    assert "they were not counted" in document(run("down", "--json"))["error"]["why"]


def test_every_option_reads_a_variable_and_a_key(run: Run, tmp_path: Path) -> None:
    run("up")
    assert run("down", env={"ITEMS_API_YES": "1"}).exit_code == 0
    run("up")
    (tmp_path / "items-api.toml").write_text("yes = true\n")
    assert run("down").exit_code == 0
    assert run("logs", env={"ITEMS_API_SINCE": "yesterday-ish"}).exit_code == 2


def test_down_says_whose_the_role_is_and_that_it_looked_for_its_own_only(run: Run) -> None:
    run("up", "--region", "eu-west-1")
    output = run("down", "--yes").stdout
    assert "left alone: The IAM role items-api-role belongs to the stack items of region eu-west-1." in output
    assert "Nothing of this stack is left." in output


def test_a_dry_run_and_status_end_with_what_to_make_of_them(run: Run) -> None:
    run("up")
    assert "Dry run: 1 of 6 would change. Nothing was written." in run("up", "--dry-run", "--memory", "512").stdout
    assert "what is there → what is configured" in run("status", "--memory", "512").stdout
    assert "→" not in run("status").stdout
