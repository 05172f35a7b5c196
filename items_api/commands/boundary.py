"""The boundary of every command: a `Result` or an error becomes output and an exit code."""

from __future__ import annotations

import errno
import traceback
from typing import Any

import click

from items_api.commands.known import knowing
from items_api.commands.options import defaults_from_file, target_in, variable_of
from items_api.errors import Interrupted, InvalidSetting, OutputFailed, Problem
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
        try:
            ctx.default_map = defaults_from_file(ctx)
        except InvalidSetting as problem:
            ctx.obj = problem  # for `invoke`, so that --help and completion work in every folder
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        output = {name: ctx.params.pop(name) for name in ("json", "quiet", "verbose")}
        screen = Screen(**output, stream=ctx.params.get("follow", False))
        result = self._result(ctx, screen)
        # "up", "export sam": the command's path without the program's name.
        command, name = ctx.command_path.partition(" ")[2], ctx.params.get("name")
        result.print(screen, command, name)
        if screen.lost and screen.lost.errno != errno.EPIPE and not result.error:  # `| head` is no error
            todo = f"The command was completed; items-api status{target_in(ctx.params).flags} shows the stack."
            screen.problem(OutputFailed("Could not write the output.", f"{screen.lost.strerror}.", todo))
            ctx.exit(FAILED)
        ctx.exit(result.code)

    def _result(self, ctx: click.Context, screen: Screen) -> Result:
        try:
            with knowing():
                if ctx.obj:
                    raise ctx.obj
                result: Result = ctx.invoke(self.callback, screen, **ctx.params)  # type: ignore[arg-type]
                return result
        except Problem as problem:
            if isinstance(problem, Interrupted):
                click.echo(err=True)  # the cursor is behind a prompt or ^C
            if screen.verbose:
                traceback.print_exception(problem)
            document = {"region": ctx.params.get("region"), self.list_key: [], **problem.known}
            return Result(problem.exit_code, ok=False, document=document, error=problem)


class Group(click.Group):
    """A group of such commands, listed in the order of their file."""

    command_class = Command

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(self.commands)


def usage_error(error: click.ClickException) -> str:
    """The JSON document of a usage error."""
    context = getattr(error, "ctx", None)
    path = context.command_path.partition(" ")[2] if context else ""
    problem = InvalidSetting(error.format_message(), todo=f"See items-api {path} --help.".replace("  ", " "))
    list_key = getattr(context.command, "list_key", "resources") if context else "resources"
    result = Result(problem.exit_code, ok=False, document={list_key: []}, error=problem)
    return to_json(result.envelope(path, ""))
