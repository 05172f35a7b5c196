"""What every command and group of commands has in common: how it ends when something is wrong."""

from __future__ import annotations

from typing import Any

import click

from items_api.errors import Bug, Problem


def variable_of(option: str) -> str:
    """`--cors-origin` reads `ITEMS_API_CORS_ORIGIN`."""
    return "ITEMS_API_" + option.removeprefix("--").replace("-", "_").upper()


class Command(click.Command):
    """A command whose options read variables, and whose problems end in one block and, with --json, in a document."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for param in self.params:
            if isinstance(param, click.Option):
                param.envvar = variable_of(next(name for name in param.opts if name.startswith("--")))

    def invoke(self, ctx: click.Context) -> Any:
        """Run it; what it returns is the exit code."""
        import signal  # noqa: PLC0415 - nothing that --help needs
        import threading  # noqa: PLC0415

        if threading.current_thread() is threading.main_thread():
            # Who ends a job in CI means what Ctrl-C means.
            signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            code = super().invoke(ctx)
            ctx.exit(ctx.obj.ended(code))
        except (KeyboardInterrupt, click.Abort):
            click.echo(err=True)  # the terminal's line holds a question or ^C
            problem = ctx.obj.interrupted()
        except Problem as error:
            problem = error
        except (click.ClickException, click.exceptions.Exit):
            raise
        except Exception as bug:  # noqa: BLE001 - the last line before the user, who gets its traceback by --verbose
            problem = Bug(
                f"items-api has met a bug: {type(bug).__name__}: {bug}",
                "Nothing you did should lead here.",
                "Run it again with --verbose and report what it prints.",
            ).with_traceback(bug.__traceback__)
        if ctx.params["verbose"]:
            import traceback  # noqa: PLC0415 - only where it is shown

            traceback.print_exception(problem)
        ctx.obj.fail(problem)
        ctx.exit(problem.exit_code)


class Commands(click.Group):
    command_class = Command

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(self.commands)  # in the order of use, not of the alphabet
