"""The local AWS before it has ever run; `tests/local/` has the rest."""

import sys
from pathlib import Path

import pytest

from tests.commands.conftest import Run, document

ENVELOPE = ["command", "name", "account", "region", "endpoint", "ok"]


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("ITEMS_API_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.mark.parametrize(("arguments", "code"), [(["status"], 4), (["stop"], 0), (["reset", "--yes"], 0)])
def test_they_do_nothing_if_the_local_aws_never_ran(run: Run, home: Path, arguments: list[str], code: int) -> None:
    result = run("local", *arguments, "--json")
    shown = document(result)
    assert (result.exit_code, list(shown)[:6]) == (code, ENVELOPE)
    assert (shown["command"], shown["name"], shown["stacks"]) == (f"local {arguments[0]}", None, [])
    assert not (home / "local-aws" / "state").exists()


@pytest.mark.parametrize("arguments", [["start"], ["status"], ["stop"], ["reset", "--yes"]])
def test_without_ministack_they_explain_how_to_install_it(
    run: Run, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ministack", None)
    result = run("local", *arguments)
    assert result.exit_code == 1
    assert "Error: The local AWS is not installed." in result.stderr
    assert "Install it with this command:" in result.stderr


def test_an_error_has_the_same_keys(run: Run, home: Path) -> None:
    home.write_text("a file instead of a folder")
    shown = document(run("local", "start", "--json"))
    assert list(shown) == [*ENVELOPE, "stacks", "error"]
    assert shown["error"]["type"] == "LocalUnavailable"


@pytest.mark.parametrize("command", ["url", "smoke", "logs"])
def test_commands_that_need_a_stack_do_not_start_an_empty_local_aws(run: Run, home: Path, command: str) -> None:
    result = run(command, "--local")
    assert "  Why:  The local AWS is empty.\n" in result.stderr
    assert "run items-api up --local." in result.stderr
    assert not (home / "local-aws" / "state").exists()


def test_a_dry_run_plans_for_an_empty_local_aws_without_starting_it(run: Run, home: Path) -> None:
    result = run("up", "--dry-run", "--explain", "--local", "--json")
    assert result.exit_code == 3
    assert {resource["change"] for resource in document(result)["resources"]} == {"created"}
    assert "$ export AWS_ENDPOINT_URL=http://127.0.0.1:PORT\n" in result.stderr
    assert "$ aws dynamodb create-table --table-name Items" in result.stderr
    assert not (home / "local-aws" / "state").exists()


def test_env_prints_nothing_for_the_shell_if_the_local_aws_is_not_running(run: Run) -> None:
    result = run("local", "env")
    assert (result.exit_code, result.stdout) == (4, "")
    assert "The local AWS is not running." in result.stderr
