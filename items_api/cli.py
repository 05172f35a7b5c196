"""The entry point: a lazy group that imports only the module of the command that runs."""

from __future__ import annotations

import importlib
import os
import signal
import sys
from contextlib import contextmanager, suppress

import click

from items_api import __version__
from items_api.commands.group import Context, Group

TYPE_CHECKING = False  # importing `typing` would slow down --help
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

INTERRUPTED = 130

# Title -> name -> one-line help, in the order of use. A command is the object of its name in `commands/NAME.py`.
COMMANDS = {
    "Deploy": {
        "up": "Create the stack or update it to match the settings.",
        "status": "Compare the stack with the settings.",
        "smoke": "Test the API over HTTP.",
        "rollback": "Make the previous release live again.",
        "down": "Delete the stack and verify that nothing remains.",
    },
    "Find": {
        "list": "List every stack in the account and region.",
        "url": "Print the endpoint of the stack.",
        "logs": "Show the function's log, one line per request.",
        "gc": "Delete the stacks that have expired.",
    },
    "Items": {
        "dump": "Write all items to a file.",
        "load": "Write the items of a file into the table.",
    },
    "Elsewhere": {
        "serve": "Run the API as an HTTP server, without Lambda and API Gateway.",
        "export": "Export the stack as code, without calling AWS.",
    },
    "This computer": {
        "local": "Start, stop, inspect or reset the local AWS.",
    },
}


class LazyGroup(Group):
    """Loads a command when it is needed, as in https://click.palletsprojects.com/en/stable/complex/#lazy-loading."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return [name for commands in COMMANDS.values() for name in commands]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name == "help":
            return show_help
        if cmd_name not in self.list_commands(ctx):
            return None
        with _ending_when_interrupted():
            module = importlib.import_module(f"items_api.commands.{cmd_name}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def sections(self) -> dict[str, dict[str, str]]:
        return COMMANDS


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Options can also come from ITEMS_API_<OPTION> variables and items-api.toml in the current folder. "
    "For the options of a command, run: items-api help COMMAND. Start with: items-api up --local",
)
@click.version_option(__version__, prog_name="items-api")
def cli(**_output: bool) -> None:
    """Deploy a serverless CRUD API to AWS, without CloudFormation or a state file."""


@contextmanager
def _ending_when_interrupted() -> Iterator[None]:
    """Ctrl-C ends the process inside the block: Python can lose a KeyboardInterrupt while it imports a module."""
    raising = [n for n in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(n) is signal.default_int_handler]
    for number in raising:
        signal.signal(number, signal.SIG_DFL)
    try:
        yield
    finally:
        for number in raising:
            signal.signal(number, signal.default_int_handler)


class Help(click.Command):
    context_class = Context


@click.command(cls=Help, name="help")
@click.argument("path", nargs=-1, metavar="[COMMAND]...")
@click.pass_context
def show_help(context: click.Context, path: tuple[str, ...]) -> None:
    """Show the help of a command, such as `items-api help export sam`."""
    shown = context.find_root()
    for name in path:
        if not isinstance(shown.command, Group):
            raise click.UsageError(f"{shown.command_path} has no commands.", shown)
        _, command, _ = shown.command.resolve_command(shown, [name])
        shown = Context(command or cli, info_name=name, parent=shown)
    click.echo(shown.get_help())


def main() -> None:
    """Run the program and exit with the right code, however it ends."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a canceled CI job ends like Ctrl-C
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # the process was started with the stream closed
            setattr(sys, name, open(os.devnull, "w"))  # noqa: PTH123, SIM115 - for the whole run
    try:
        code = _run()
    except (click.Abort, KeyboardInterrupt):
        click.echo("\nInterrupted.", err=True)  # the cursor is behind ^C
        code = INTERRUPTED
    except OSError as error:  # help, a version or a usage error with stdout on a full disk
        code = 1
        with suppress(OSError):
            click.echo(f"Error: could not write the output: {error.strerror}.", err=True)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    if code == INTERRUPTED:
        # Reads may still be running. No one needs their results, but a normal exit would wait for them.
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)
    sys.exit(code)


def _run() -> Any:
    try:
        return cli.main(prog_name="items-api", standalone_mode=False)
    except click.ClickException as error:
        # The module takes 40 ms to load, so it is loaded only when needed.
        boundary = importlib.import_module("items_api.commands.boundary")
        boundary.report_usage_error(error, sys.argv)
        return error.exit_code
