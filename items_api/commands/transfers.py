"""What `dump` and `load` have in common."""

from __future__ import annotations

import os
import sys
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import click

from items_api.aws.errors import AwsError
from items_api.commands.known import knowing
from items_api.commands.target import LOCAL_IS_EMPTY
from items_api.errors import CannotDump, CannotLoad, Interrupted, OutputFailed, Problem
from items_api.items import Dump, Format, ItemTable
from items_api.items.files import format_of, open_dump, verified
from items_api.items.rate import Rate
from items_api.terminal.status import size_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from items_api.commands.target import Target
    from items_api.provision.stack import Stack
    from items_api.terminal.screen import Screen

PIPE = "-"
file_argument = click.argument("file", default=PIPE, metavar="[FILE|-]")


def rate_option(kind: str) -> Callable[[Any], Any]:
    """`kind` is "read" or "write"."""
    return click.option(
        "--rate",
        type=click.FloatRange(min=0, min_open=True, max=1e9),
        metavar="N",
        help=f"Use at most N {kind} units per second, to spare a live table.",
    )


def item_table(stack: Stack | None, target: Target) -> ItemTable:
    """The items of the stack's table. Raises `NoStack` if there is none, and `CannotChange` if it has another key."""
    if stack is None:
        raise target.no_stack(LOCAL_IS_EMPTY)
    stack.look_at(stack.table)
    if not stack.table.owned or stack.table.owned.deleting:
        raise target.no_stack("It has no table.")
    return stack.table.explained("read", lambda: ItemTable(stack.aws, stack.table.name))


def run_dump(screen: Screen, job: Dump, done: Mapping[str, Any] | None) -> None:
    """Run a dump and show its progress."""
    if done and done["length"]:
        screen.line(f"Continuing the interrupted dump after {done['items']:,} items.")
    before = done["items"] if done else 0
    with screen.progress(job.table.count, before) as show, closing(job.run(done)) as events:
        for items in events:
            show(items, items, job.output.size)


def dump_file(screen: Screen, table: ItemTable, path: Path, file_format: Format, limit: Rate, *, force: bool) -> Dump:
    """Write all items to a file, or continue to. Returns the completed dump."""
    found = open_dump(table, path, file_format, force=force)
    job = Dump(table, found.output, file_format, limit, found.journal)
    with closing(found.output):
        try:
            run_dump(screen, job, found.done)
        except CannotDump:  # also the next time
            path.unlink()
            found.journal.delete()
            raise
    return job


def dump_summary(job: Dump, where: str) -> str:
    return f"Wrote {job.items:,} item{'' if job.items == 1 else 's'} ({size_text(job.output.size)}) to {where}."


def back_up(screen: Screen, stack: Stack, target: Target, path: Path) -> None:
    """Write a typed dump of the stack's table, which `look` has found, and verify it."""
    if not stack.table.owned:
        screen.line("The stack has no table, so there is no backup.")
        return
    table = item_table(stack, target)
    try:
        with transferring(stack, "read", str(path)):
            job = dump_file(screen, table, path, Format.TYPED, Rate(stack.aws, None), force=False)
            _verify(path, job)
    except OutputFailed as problem:
        if "--force" in problem.todo:  # which this command does not have
            problem.todo = "Choose another file. If this one is a complete backup of an earlier run, omit --backup."
        problem.what += " Nothing was deleted."
        raise
    except Problem as problem:
        problem.what += " Nothing was deleted."
        raise
    screen.line(dump_summary(job, str(path)))


def _verify(path: Path, job: Dump) -> None:
    """Raise `CannotLoad` if the file is not exactly what the dump has written."""
    found = verified(path)
    if found.trailer != (job.items, job.written) or format_of(path, found.first) is not job.format:
        raise CannotLoad(
            f"The file {path} is not the dump that was written.", "The disk may be faulty.", "Use another one."
        )
    folder = os.open(path.parent, os.O_RDONLY)
    os.fsync(folder)  # the name of the file is in the folder
    os.close(folder)


@contextmanager
def transferring(stack: Stack, verb: str, file: str) -> Iterator[None]:
    """Explain Ctrl-C, and the errors of AWS and of the file."""
    todo = "" if file == PIPE else "Run the command again; it continues where it left off."
    with knowing(interrupted=lambda: Interrupted("Interrupted.", "Not all items were transferred.", todo)):
        try:
            yield
        except AwsError as error:
            what = f"Could not {verb} the items of the {stack.table.title} {stack.table.name}"
            raise error.problem(what) from error
        except BrokenPipeError:  # `| head` is no error
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # otherwise, Python would flush it at exit
            raise click.exceptions.Exit(0) from None
        except OSError as error:
            what = f"Could not read or write the file {str(error.filename or file)!r}."
            why = f"{error.strerror or error}."
            wrong_path = isinstance(error, (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError))
            fix = (
                "Check the path, and that you may write to its folder."
                if wrong_path
                else f"Fix the cause. {todo}".rstrip()
            )
            raise OutputFailed(what, why, fix) from error
