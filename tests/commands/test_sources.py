"""Where the values of options come from, and how errors name that place."""

from pathlib import Path

import boto3
import pytest

from items_api.commands.options import file_options
from tests.aws import Account
from tests.commands.conftest import Run, document


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
        *("permissions-boundary", "auth", "jwt-issuer", "jwt-audience", "jwt-read-scope", "jwt-write-scope"),
        *("expires", "protect", "index"),
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            "memroy = 1",
            "line 1: memroy is not a setting.\n  Next: Did you mean memory? Valid keys: auth, cors-origin, ",
        ),
        ("[up]\nmemory = 512", "line 1: up is not a setting.\n  Next: Valid keys: "),
        ("memory = ?", "cannot be read.\n  Why:  Invalid value (at line 1, column 10)."),
        ("memory = 512.5", "line 1: memory = 512.5 is invalid.\n  Next: The value must be a whole number."),
        ("memory = true", "line 1: memory = true is invalid."),
        ("memory = [512]", "line 1: memory = [512] is invalid."),
        ("local = 1", "must be true or false"),
        ("name = 5", "must be a string in quotes"),
        ("tag = [1]", "must be a string in quotes"),
        ("yes = true", "line 1: yes cannot be set in the file.\n  Next: Use --yes on the command line."),
        ("json = true", "Use --json on the command line"),
        ("dry-run = true", "Use --dry-run on the command line"),
        ('output = "x"', "Use --output on the command line"),
        ("# a comment\n\nmemory = 99", "line 3: memory = 99 is out of range."),
        ("memory = 99\nname = 'x'", 'line 2: name = "x" is not a valid stack name.'),
        ('profile = """\nmemory = 1\n"""\n"memory" = 2\n', "line 4: memory = 2 is out of range."),
        ('tag = [\n  "a=1",\n  # memory = 3\n  "b",\n]', 'line 1: tag = "b" is not a tag.'),
        ('\ntag = ["a=1", "A=2"]', "line 2: tag sets keys that differ only in case: a, A."),
        ('endpoint-url = "ftp://x"', 'line 1: endpoint-url = "ftp://x" is not an HTTP URL.'),
        ('local = true\nprofile = "dev"', "line 1: local = true cannot be combined with items-api.toml, line 2: prof"),
    ],
)
def test_an_error_in_the_file_is_a_usage_error_with_its_line(
    run: Run, account: Account, tmp_path: Path, content: str, said: str
) -> None:
    (tmp_path / "items-api.toml").write_text(content)
    result = run("status")
    assert result.exit_code == 2
    assert "Error: items-api.toml" in result.stderr
    assert said in result.stderr
    assert len(account.journal) == 0


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("MEMORY", "99", "ITEMS_API_MEMORY=99 is out of range."),
        ("MEMORY", "abc", "Invalid value for ITEMS_API_MEMORY: 'abc' is not a valid integer."),
        ("LOCAL", "maybe", "Invalid value for ITEMS_API_LOCAL: 'maybe' is not a valid boolean."),
        ("NAME", "Team Todo", "ITEMS_API_NAME='Team Todo' is not a valid stack name."),
        ("TAG", "a=1 b", "ITEMS_API_TAG=b is not a tag."),
        ("CORS_ORIGIN", "* https://a", "ITEMS_API_CORS_ORIGIN='* https://a' combines '*' with other origins."),
        ("ENDPOINT_URL", "http://x:port", "ITEMS_API_ENDPOINT_URL=http://x:port is not an HTTP URL."),
        ("REGION", "us-esat-1", "ITEMS_API_REGION=us-esat-1 is not a region"),
    ],
)
def test_an_error_in_a_variable_names_it(run: Run, name: str, value: str, said: str) -> None:
    result = run("status", env={f"ITEMS_API_{name}": value})
    assert result.exit_code == 2
    assert f"Error: {said}" in result.stderr


def test_an_error_in_the_aws_configuration_names_it(run: Run) -> None:
    result = run("status", env={"AWS_REGION": "us-esat-1"})
    assert "Error: The region us-esat-1 in your AWS configuration is not a region" in result.stderr


def test_an_empty_profile_or_region_counts_as_not_set(run: Run, tmp_path: Path) -> None:
    (tmp_path / "config").write_text("[default]\nregion = eu-west-1\n")
    empty = dict.fromkeys(("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"), "")
    result = run("export", "sam", "--profile", "", "--json", env={"AWS_CONFIG_FILE": str(tmp_path / "config"), **empty})
    assert (document(result)["region"], document(result)["error"]) == ("eu-west-1", None)


def test_the_profile_option_takes_precedence_over_a_variable_whose_profile_does_not_exist(
    run: Run, tmp_path: Path
) -> None:
    (tmp_path / "config").write_text("[profile dev]\nregion = eu-west-1\n")
    environment = {"AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_PROFILE": "nope", "AWS_DEFAULT_REGION": ""}
    # The credentials of a profile replace those in the environment, and this profile has none.
    assert "no usable AWS credentials" in run("status", "--profile", "dev", env=environment).stderr
    assert "The config profile (nope) could not be found" in run("status", env=environment).stderr


def test_an_error_names_the_value_that_takes_precedence(run: Run, tmp_path: Path) -> None:
    (tmp_path / "items-api.toml").write_text("memory = 97\nlocal = true\n")
    assert "ITEMS_API_MEMORY=98 is out" in run("up", env={"ITEMS_API_MEMORY": "98"}).stderr
    assert "--memory 99 is out" in run("up", "--memory", "99", env={"ITEMS_API_MEMORY": "98"}).stderr
    said = "items-api.toml, line 2: local = true cannot be combined with ITEMS_API_PROFILE=dev."
    assert said in run("up", env={"ITEMS_API_PROFILE": "dev"}).stderr


def test_output_options_work_before_and_after_the_command(run: Run) -> None:
    for arguments in ("--json status", "status --json", "--json export openapi -o a", "export --json openapi -o b"):
        assert document(run(*arguments.split()))["command"] in arguments.replace("--json ", "")
    assert run("-q", "up").stdout.count("\n") == 1
    assert "Traceback" in run("-v", "up", "--region", "us-esat-1").stderr


def test_smoke_tests_the_url_or_the_stack_whichever_the_command_line_selects(run: Run, tmp_path: Path) -> None:
    nowhere = "http://127.0.0.1:9"
    (tmp_path / "items-api.toml").write_text("local = true\n")
    result = run("smoke", "--url", nowhere, "--wait", "0", env={"ITEMS_API_NAME": "todo"})
    assert (result.exit_code, result.stdout.splitlines()[0]) == (1, f"Testing {nowhere}")
    (tmp_path / "items-api.toml").unlink()
    assert "The stack todo does not exist" in run("smoke", "--name", "todo", env={"ITEMS_API_URL": nowhere}).stderr


def test_an_unknown_variable_is_a_warning_with_a_suggestion(run: Run) -> None:
    result = run("status", "--json", "--quiet", env={"ITEMS_API_MEMROY": "512", "ITEMS_API_YES": "1"})
    assert (result.exit_code, document(result)["error"]) == (4, None)
    assert result.stderr.startswith(
        "Warning: The variable ITEMS_API_MEMROY has no effect, because there is no such setting. "
        "Did you mean ITEMS_API_MEMORY?\n"
        "Warning: The variable ITEMS_API_YES has no effect, because --yes works only on the command line.\n"
    )


def test_variables_of_other_commands_and_those_without_an_option_are_known(run: Run) -> None:
    known = {f"ITEMS_API_{name}": "1" for name in ("SINCE", "OUTPUT", "HOME", "TOKEN", "LIVE_ACCOUNT")}
    assert run("status", env=known).stderr == ""


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
