"""The table of commands is lazy and matches the commands."""

import json
import re
import signal
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import click
import pytest
from click.testing import CliRunner

from items_api.cli import COMMANDS, cli, main

HELP = {name: line for commands in COMMANDS.values() for name, line in commands.items()}
PATHS = [(), ("up",), ("status",), ("smoke",), ("down",), ("logs",), ("export",), ("export", "sam"), ("help",)]


def loaded_by(*arguments: str) -> set[str]:
    """The top-level packages and own modules that a command line imports."""
    script = (
        "import sys; from items_api.cli import cli; cli.main(sys.argv[1:], standalone_mode=False);"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True)
    return {name if name.startswith("items_api.") else name.partition(".")[0] for name in done.stderr.split()}


def shown(*arguments: str, **options: Any) -> str:
    result = CliRunner().invoke(cli, arguments, prog_name="items-api", **options)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize("name", HELP)
def test_the_table_has_each_commands_name_and_help(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command
    assert command.name == name
    assert (command.help or "").startswith(HELP[name].removesuffix("."))


def test_help_lists_the_commands_by_purpose_in_the_order_of_use() -> None:
    sections = shown("--help").split("\n\n")
    commands = {title: [line.split()[0] for line in lines] for title, *lines in map(str.splitlines, sections)}
    assert {title: commands[f"{title}:"] for title in COMMANDS} == {
        "Deploy": ["up", "status", "smoke", "rollback", "down"],
        "Find": ["list", "url", "logs", "gc"],
        "Items": ["dump", "load"],
        "Elsewhere": ["serve", "export"],
        "This computer": ["local"],
    }


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_help_is_complete_at_every_width_and_wraps_only_between_words(path: tuple[str, ...]) -> None:
    widest = shown(*path, "--help", env={"COLUMNS": "200"})
    assert not re.search(r"[^]]\.\.\.", widest)  # [ARGS]... is not cut
    for columns in range(40, 121):
        text = shown(*path, "--help", env={"COLUMNS": str(columns)})
        assert text.split() == widest.split()
        assert max(map(len, text.splitlines())) <= min(columns, 100)


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_help_as_a_command_is_the_same_as_the_option(path: tuple[str, ...]) -> None:
    assert shown("help", *path) == shown(*path, "--help")


def test_without_a_command_help_is_shown_and_is_exit_2() -> None:
    for path in ((), ("export",)):
        result = CliRunner().invoke(cli, path, prog_name="items-api")
        assert (result.exit_code, result.stdout, result.stderr) == (2, "", shown(*path, "--help"))


def test_a_usage_error_is_a_block_like_every_other_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["items-api", "export", "sam", "--outptu", "x"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    assert capsys.readouterr() == (
        "",
        "Error: No such option '--outptu'. Did you mean '--output'?\n  Next: See items-api export sam --help.\n",
    )


@pytest.mark.parametrize(
    ("arguments", "value", "is_json"),
    [("--json", "", True), ("", "1", True), ("", "true", True), ("", "0", False), ("", "maybe", False)],
)
def test_a_usage_error_is_a_document_with_the_option_or_the_variable(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: str, value: str, is_json: bool
) -> None:
    monkeypatch.setattr(sys, "argv", ["items-api", "up", "--bogus", *arguments.split()])
    monkeypatch.setenv("ITEMS_API_JSON", value)
    with pytest.raises(SystemExit):
        main()
    output = capsys.readouterr()
    assert output.err.startswith("Error: No such option '--bogus'.")
    assert bool(output.out) is is_json
    if is_json:
        report = json.loads(output.out)
        assert (report["command"], report["name"], report["resources"]) == ("up", None, [])


@pytest.mark.parametrize(
    ("arguments", "key"), [(("serve", "--port", "x"), "workers"), (("logs", "-f", "--since", "x"), "events")]
)
def test_a_usage_error_of_a_command_that_prints_a_stream_is_a_document_on_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], key: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["items-api", *arguments, "--json"])
    with pytest.raises(SystemExit):
        main()
    [line] = capsys.readouterr().out.splitlines()
    report = json.loads(line)
    assert (report["command"], key in report, "resources" in report) == (arguments[0], True, False)


def test_version_is_printed() -> None:
    assert CliRunner().invoke(cli, ["--version"]).stdout.startswith("items-api, version ")


def test_help_imports_no_command() -> None:
    own = {name for name in loaded_by("--help") if name.startswith("items_api.")}
    assert own == {"items_api.cli", "items_api.commands", "items_api.commands.group"}


@pytest.mark.parametrize("command", ["up", "status", "down"])
def test_the_help_of_a_command_imports_neither_boto3_nor_rich(command: str) -> None:
    loaded = loaded_by(command, "--help")
    assert not loaded & {"boto3", "botocore", "rich", "ministack"}
    assert not loaded & {f"items_api.commands.{name}" for name in HELP if name != command}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("before", "meanwhile"), [(signal.default_int_handler, signal.SIG_DFL), (signal.SIG_IGN, signal.SIG_IGN)]
)
def test_a_signal_is_not_lost_while_a_command_is_imported(
    number: int, before: Any, meanwhile: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python ignores a KeyboardInterrupt that is raised in a callback of its import system."""
    handlers = []

    def import_module(_name: str) -> object:
        handlers.append(signal.getsignal(number))
        return SimpleNamespace(up=click.Command("up"))

    monkeypatch.setattr("items_api.cli.importlib.import_module", import_module)
    usual = signal.signal(number, before)
    try:
        cli.get_command(click.Context(cli), "up")
        handlers.append(signal.getsignal(number))
    finally:
        signal.signal(number, usual)
    assert handlers == [meanwhile, before]
