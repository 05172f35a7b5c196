"""The entry point: a lazy group that imports only the module of the command that runs."""

from __future__ import annotations

import importlib
import os
import signal
import sys
from contextlib import suppress

import click

from items_api import __version__

TYPE_CHECKING = False  # importing `typing` would slow down --help
if TYPE_CHECKING:
    from typing import Any

INTERRUPTED = 130

# Name -> one-line help, in the order of use. Each command is the object of that name in `items_api/commands/NAME.py`.
COMMANDS = {
    "up": "Create the stack or update it to match the settings.",
    "status": "Compare the stack with the settings.",
    "smoke": "Test the API over HTTP.",
    "down": "Delete the stack and verify that nothing remains.",
    "logs": "Show the function's log, one line per request.",
    "export": "Export the stack as code, without calling AWS.",
    "local": "Start, stop, inspect or reset the local AWS.",
}


class LazyGroup(click.Group):
    """Loads a command when it is needed, as in https://click.palletsprojects.com/en/stable/complex/#lazy-loading."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(f"items_api.commands.{cmd_name}"), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from the table, without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Options can also come from ITEMS_API_<OPTION> variables and items-api.toml in the current folder. "
    "Start with: items-api up --local",
)
@click.version_option(__version__, prog_name="items-api")
def cli() -> None:
    """Deploy a serverless CRUD API to AWS, without CloudFormation or a state file."""


def main() -> None:
    """Run the program and exit with the right code, however it ends."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a canceled CI job ends like Ctrl-C
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # the process was started with the stream closed
            setattr(sys, name, open(os.devnull, "w"))  # noqa: PTH123, SIM115 - for the whole run
    try:
        code = _run()
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
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
        error.show()
        if "--json" in sys.argv:  # the module takes 40 ms to load, so it is loaded only when needed
            click.echo(importlib.import_module("items_api.commands.boundary").usage_error(error))
        return error.exit_code
