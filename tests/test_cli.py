"""The table of commands is lazy and matches the commands."""

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from items_api.cli import COMMANDS, cli


def loaded_by(*arguments: str) -> set[str]:
    """The top-level packages and own modules that a command line imports."""
    script = (
        "import sys; from items_api.cli import cli; cli.main(sys.argv[1:], standalone_mode=False);"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True)
    return {name if name.startswith("items_api.") else name.partition(".")[0] for name in done.stderr.split()}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_table_has_each_commands_name_and_help(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command
    assert command.name == name
    assert (command.help or "").startswith(COMMANDS[name].removesuffix("."))


def test_help_lists_the_commands_in_the_order_of_use() -> None:
    assert list(COMMANDS) == ["up", "status", "smoke", "down", "logs", "export", "local"]
    lines = CliRunner().invoke(cli, ["--help"]).stdout.splitlines()
    start = lines.index("Commands:") + 1
    assert [line.split()[0] for line in lines[start : start + len(COMMANDS)]] == list(COMMANDS)


def test_version_is_printed() -> None:
    assert CliRunner().invoke(cli, ["--version"]).stdout.startswith("items-api, version ")


def test_help_imports_no_command() -> None:
    own = {name for name in loaded_by("--help") if name.startswith("items_api.")}
    assert own == {"items_api.cli"}


@pytest.mark.parametrize("command", ["up", "status", "down"])
def test_the_help_of_a_command_imports_neither_boto3_nor_rich(command: str) -> None:
    loaded = loaded_by(command, "--help")
    assert not loaded & {"boto3", "botocore", "rich", "ministack"}
    assert not loaded & {f"items_api.commands.{name}" for name in COMMANDS if name != command}
