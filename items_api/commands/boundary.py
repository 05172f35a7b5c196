"""The boundary of every command: a `Result` or an error becomes output and an exit code."""

from __future__ import annotations

import errno
import signal
import threading
import traceback
from typing import Any

import click

from items_api.commands.options import defaults_from_file, variable_of
from items_api.errors import Bug, Interrupted, InvalidSetting, OutputFailed, Problem
from items_api.terminal.result import FAILED, Result, to_json
from items_api.terminal.screen import Screen


class Command(click.Command):
    """A command whose callback takes a `Screen`, then its options, and returns a `Result`.

    `list_key` is the key of the list in its JSON document. The list is empty if the command fails early.
    """

    def __init__(self, *args: Any, list_key: str = "resources", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.list_key = list_key
        for param in self.params:
            if isinstance(param, click.Option):
                param.envvar = variable_of(param)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.default_map = defaults_from_file(ctx)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        if threading.current_thread() is threading.main_thread():
            # A canceled CI job sends SIGTERM, which should work like Ctrl-C.
            signal.signal(signal.SIGTERM, signal.default_int_handler)
        screen = Screen(**{name: ctx.params.pop(name) for name in ("json", "quiet", "verbose")})
        result = self._result(ctx, screen)
        # "up", "export sam": the command's path without the program's name.
        command, name = ctx.command_path.partition(" ")[2], ctx.params.get("name", "")
        result.print(screen, command, name)
        if screen.lost is None or screen.lost.errno == errno.EPIPE:  # a closed pipe (`| head`) is no error
            ctx.exit(result.code)
        screen.problem(
            OutputFailed(
                "Could not write the output.",
                f"{screen.lost.strerror}.",
                "Run items-api status to see the stack.",
            )
        )
        ctx.exit(FAILED)

    def _result(self, ctx: click.Context, screen: Screen) -> Result:
        problem: Problem
        try:
            result: Result = ctx.invoke(self.callback, screen, **ctx.params)  # type: ignore[arg-type]
        except (KeyboardInterrupt, click.Abort):
            problem = Interrupted("Interrupted.")
        except Problem as known:
            problem = known
        except (click.ClickException, click.exceptions.Exit):
            raise
        except Exception as error:  # noqa: BLE001 - the last resort: users see one block; --verbose adds the traceback
            problem = Bug(
                f"items-api has a bug: {type(error).__name__}: {error}",
                "This is not your fault.",
                "Run the command again with --verbose and report what it prints.",
            ).with_traceback(error.__traceback__)
        else:
            return result
        if isinstance(problem, Interrupted):
            click.echo(err=True)  # the cursor is behind a prompt or ^C
        if screen.verbose:
            traceback.print_exception(problem)
        document = {"region": ctx.params.get("region"), self.list_key: [], **problem.known}
        return Result(problem.exit_code, ok=False, document=document, error=problem)


def usage_error(error: click.ClickException) -> str:
    """The JSON document of a usage error."""
    context = getattr(error, "ctx", None)
    path = context.command_path.partition(" ")[2] if context else ""
    problem = InvalidSetting(error.format_message(), todo=f"See items-api {path} --help.".replace("  ", " "))
    list_key = getattr(context.command, "list_key", "resources") if context else "resources"
    result = Result(problem.exit_code, ok=False, document={list_key: []}, error=problem)
    return to_json(result.envelope(path, ""))
