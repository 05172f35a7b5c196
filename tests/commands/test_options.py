"""Where the values of options come from, and which options work only on the command line."""

from pathlib import Path

import boto3
import pytest

from items_api.commands.options import file_options
from tests.aws import Account
from tests.commands.conftest import Run


def test_values_come_from_command_line_variable_file_or_default(run: Run, tmp_path: Path) -> None:
    def memory(*arguments: str, **environment: str) -> int:
        run("up", *arguments, env=environment)
        return boto3.client("lambda").get_function(FunctionName="items-api")["Configuration"]["MemorySize"]

    assert memory() == 256
    (tmp_path / "items-api.toml").write_text('memory = 300\ncors-origin = "https://a.example"\ntag = ["team=web"]\n')
    assert memory() == 300
    assert memory(ITEMS_API_MEMORY="400") == 400
    assert memory("--memory", "500", ITEMS_API_MEMORY="400") == 500
    api = boto3.client("apigatewayv2").get_apis()["Items"][0]
    assert (api["CorsConfiguration"]["AllowOrigins"], api["Tags"]["team"]) == (["https://a.example"], "web")


def test_the_file_may_set_the_target_and_every_setting() -> None:
    assert list(file_options()) == [
        *("name", "region", "profile", "endpoint-url", "local"),
        *("tag", "cors-origin", "memory", "timeout", "log-retention", "throttle-rate", "throttle-burst"),
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("memroy = 1", "cannot set memroy"),
        ("memory = ", "cannot be read"),
        ("memory = 512.5", "memory is 512.5"),
        ("memory = true", "memory is True"),
        ("memory = [512]", "a whole number"),
        ("local = 1", "true or false"),
        ("name = 5", "a string in quotes"),
        ("tag = [1]", "a string in quotes"),
        ("yes = true", "Use --yes on the command line"),
        ("json = true", "Use --json on the command line"),
        ("dry-run = true", "Use --dry-run on the command line"),
        ('output = "x"', "Use --output on the command line"),
    ],
)
def test_an_invalid_file_is_a_usage_error_that_names_it(
    run: Run, account: Account, tmp_path: Path, content: str, said: str
) -> None:
    (tmp_path / "items-api.toml").write_text(content)
    result = run("status")
    assert result.exit_code == 2
    assert "items-api.toml" in result.stderr
    assert said in result.stderr
    assert len(account.journal) == 0


def test_a_file_that_cannot_be_read_is_a_usage_error(run: Run, tmp_path: Path) -> None:
    (tmp_path / "items-api.toml").mkdir()
    assert "items-api.toml cannot be read" in run("status").stderr


def test_neither_the_file_nor_a_variable_confirms_a_deletion(run: Run, tmp_path: Path) -> None:
    run("up")
    assert run("down", env={"ITEMS_API_YES": "1"}).exit_code == 1
    (tmp_path / "items-api.toml").write_text("yes = true\n")
    assert run("down").exit_code == 2
    assert boto3.client("dynamodb").describe_table(TableName="Items")


def test_options_that_are_not_settings_read_a_variable(run: Run) -> None:
    assert run("logs", env={"ITEMS_API_SINCE": "yesterday-ish"}).exit_code == 2
    assert run("status", env={"ITEMS_API_JSON": "1"}).stdout.startswith("{")


def test_names_and_regions_are_completed(run: Run) -> None:
    def completed(*words: str) -> list[str]:
        line = {"COMP_WORDS": " ".join(("items-api", *words)), "COMP_CWORD": str(len(words))}
        output = run(env={"_ITEMS_API_COMPLETE": "bash_complete", **line}, prog_name="items-api").stdout
        return [entry.split(",")[1] for entry in output.split()]

    run("up", "--name", "team-todo", "--region", "eu-west-1")
    assert completed("up", "--region", "eu-west-") == ["eu-west-1", "eu-west-2", "eu-west-3"]
    assert completed("status", "--region", "eu-west-1", "--name", "t") == ["team-todo"]
    assert completed("st") == ["status"]
