"""Groups of commands: help for every width, suggestions, and `-q`, `-v` and `--json` in front of a command."""

from __future__ import annotations

import shutil

import click

TYPE_CHECKING = False  # importing `typing` would slow down --help
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

# Options of every group and of every command in it: `items-api -q up` is the same as `items-api up -q`.
OUTPUT = (
    click.option("--json", is_flag=True, help="Print one JSON document to stdout and everything else to stderr."),
    click.option("--quiet", "-q", is_flag=True, help="Print only results and errors."),
    click.option("--verbose", "-v", is_flag=True, help="Show more details, and the tracebacks of errors."),
)
_MIN_COLUMNS, _MAX_COLUMNS = 40, 100
_SIDE_BY_SIDE = 50  # columns that an option and its help need next to each other
_HYPHEN = "\u2011"  # click wraps lines at a hyphen, but not at this one: `items-api` stays in one piece


class Formatter(click.HelpFormatter):
    """Wraps only between words, in any terminal of at least 40 columns."""

    def __init__(self, indent_increment: int = 2, width: int | None = None, max_width: int | None = None) -> None:
        columns = min(shutil.get_terminal_size().columns, _MAX_COLUMNS)
        super().__init__(indent_increment, width or max(columns, _MIN_COLUMNS) - 2, max_width)

    def write_text(self, text: str) -> None:
        super().write_text(text.replace("-", _HYPHEN))

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        if self.width >= _SIDE_BY_SIDE:
            super().write_dl([(term, text.replace("-", _HYPHEN)) for term, text in rows], col_max, col_spacing)
            return
        for term, text in rows:
            self.write(f"{'':>{self.current_indent}}{term}\n")
            with self.indentation(), self.indentation():
                self.write_text(text)

    def getvalue(self) -> str:
        return super().getvalue().replace(_HYPHEN, "-")


class Context(click.Context):
    formatter_class = Formatter


class Group(click.Group):
    """A group whose commands are listed in the order of the code, each with the first line of its help."""

    context_class = Context

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for option in OUTPUT:
            option(self)

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(self.commands)

    def sections(self) -> dict[str, dict[str, str]]:
        """Title -> name -> one line, for the help."""
        lines = {name: (command.help or "").partition("\n")[0] for name, command in self.commands.items()}
        return {"Commands": lines}

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        sections = self.sections()
        width = max(len(name) for lines in sections.values() for name in lines)
        for title, lines in sections.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), line) for name, line in lines.items()])

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args and not ctx.resilient_parsing:
            click.echo(ctx.get_help(), err=True)
            ctx.exit(2)
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if not (ctx.resilient_parsing or name.startswith("-") or self.get_command(ctx, name)):
            ctx.fail(f"There is no command {name!r}.{suggestion(name, self.list_commands(ctx))}")
        return super().resolve_command(ctx, args)


def suggestion(word: str, known: Iterable[str], prefix: str = "") -> str:
    """`Did you mean up?`, with a leading space, or nothing if no known word is similar. All words have the prefix."""
    from difflib import get_close_matches  # noqa: PLC0415 - takes 0.8 ms to load, 2 % of --help

    near = get_close_matches(word.removeprefix(prefix), [one.removeprefix(prefix) for one in known], n=1)
    return f" Did you mean {prefix}{near[0]}?" if near else ""
