"""The boundary of every command: a `Result` or an error becomes output and an exit code."""

from __future__ import annotations

import errno
import os
import traceback
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from items_api.commands.group import Context, Group
from items_api.commands.known import knowing
from items_api.commands.options import file_options, target_in
from items_api.commands.sources import defaults_from_file, source, unknown_variables, variable_of
from items_api.errors import Interrupted, InvalidSetting, OutputFailed, Problem
from items_api.terminal.result import FAILED, Result
from items_api.terminal.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_NO_RESOURCES: Mapping[str, Any] = {"resources": []}


class Command(click.Command):
    """A command whose callback takes a `Screen`, then its options, and returns a `Result`.

    `empty` has the keys of its JSON document, and the values that they have if the command fails early. A `bare`
    command prints one value on stdout, and everything else on stderr. One with `stream` prints documents by itself.
    """

    context_class = Context

    def __init__(
        self,
        *args: Any,
        empty: Mapping[str, Any] = _NO_RESOURCES,
        bare: bool = False,
        stream: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.stream = stream
        self.empty = empty
        self._bare = bare
        for param in self.params:
            if isinstance(param, click.Option):
                param.envvar = variable_of(param)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            ctx.default_map = defaults_from_file(ctx, file_options())
        except InvalidSetting as problem:
            ctx.obj = problem  # for `invoke`, so that --help and completion work in every folder
        try:
            return super().parse_args(ctx, args)
        except click.BadParameter as error:
            if error.param and ctx.get_parameter_source(error.param.name or "") is ParameterSource.ENVIRONMENT:
                error.param_hint = str(error.param.envvar)
            raise

    def invoke(self, ctx: click.Context) -> Any:
        output = {name: _is_on(ctx, name) for name in ("json", "quiet", "verbose")}
        for name in output:
            del ctx.params[name]
        screen = Screen(**output, stream=self.stream or ctx.params.get("follow", False), bare=self._bare)
        for text in unknown_variables(ctx):
            screen.warning(text)
        result = self._result(ctx, screen)
        # "up", "export sam": the command's path without the program's name.
        result.print(screen, ctx.command_path.partition(" ")[2], ctx.params.get("name"))
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
            if isinstance(problem, InvalidSetting) and problem.setting:
                problem.locate(source(ctx, problem.setting, problem.value))
            if screen.verbose:
                traceback.print_exception(problem)
            document = {"region": ctx.params.get("region"), **self.empty, **problem.known}
            return Result(problem.exit_code, ok=False, document=document, error=problem)


class CommandGroup(Group):
    """A group of such commands."""

    command_class = Command


def _is_on(ctx: click.Context | None, flag: str) -> bool:
    """Whether the flag is set in the command or in a group in front of it."""
    return ctx is not None and (bool(ctx.params.get(flag)) or _is_on(ctx.parent, flag))


def report_usage_error(error: click.ClickException, arguments: Sequence[str]) -> None:
    """Print an error of click in the same way as every other error: the options may not have been parsed."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "items-api"
    command = context.command if context else None
    empty, stream = (command.empty, command.stream) if isinstance(command, Command) else (_NO_RESOURCES, False)
    message = error.format_message()
    what = message if message.endswith((".", "?")) else f"{message}."
    problem = InvalidSetting(what, todo=f"See {path} --help.")
    result = Result(problem.exit_code, ok=False, document=empty, error=problem)
    json, follow = _is_requested(arguments, "--json"), _is_requested(arguments, "--follow", "-f")
    result.print(Screen(json=json, stream=stream or follow), path.partition(" ")[2], None)


def _is_requested(arguments: Sequence[str], flag: str, *short: str) -> bool:
    """Whether the flag is on the command line or in its variable; click may not have got to it."""
    if not {flag, *short}.isdisjoint(arguments):
        return True
    with suppress(click.BadParameter):  # it may be the error
        return click.BOOL.convert(os.environ.get(f"ITEMS_API_{flag.removeprefix('--').upper()}") or "0", None, None)
    return False
