"""What `dump` and `load` have in common."""

from __future__ import annotations

import errno
import math
import os
import sys
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from items_api.aws.errors import CONTINUE, AwsError, ServiceError
from items_api.commands.known import knowing
from items_api.commands.target import LOCAL_IS_EMPTY
from items_api.errors import CannotChange, CannotDump, DeletedMeanwhile, Interrupted, OutputFailed, Problem
from items_api.items import Dump, Format, ItemTable
from items_api.items.files import OpenDump, format_of, open_dump, verified
from items_api.items.rate import Rate
from items_api.terminal.status import items_text, size_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from items_api.commands.target import Target
    from items_api.provision.stack import Stack
    from items_api.terminal.screen import Screen

PIPE = "-"


class FileName(click.ParamType[str]):
    """Rejects an empty name: a shell variable that is not set expands to one, and `Path("")` is the current folder."""

    name = "file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return str(value) or self.fail("The file name is empty.", param, ctx)


file_argument = click.argument("file", default=PIPE, type=FileName(), metavar="[FILE|-]")


class _Units(click.types.FloatParamType):
    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number: float = super().convert(value, param, ctx)
        if not 0 < number < math.inf:  # no comparison with "not a number" is true
            self.fail(f"{value} is not a rate. Use a number that is more than 0, such as 100.", param, ctx)
        return number


def rate_option(kind: str) -> Callable[[Any], Any]:
    """`kind` is "read" or "write"."""
    return click.option(
        "--rate",
        type=_Units(),
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


def run_dump(screen: Screen, job: Dump, done: Mapping[str, Any] | None, *, quiet: bool = False) -> None:
    """Run a dump and show its progress; `quiet` is for a terminal that shows the items."""
    if done:
        when, after = done["started"], items_text(done["items"])
        screen.warning(f"Continuing the dump that was started at {when}, after {after}. --force starts over.")
    before = done["items"] if done else 0
    with ExitStack() as running:
        show = None if quiet else running.enter_context(screen.progress(job.table.count, before))
        for items in running.enter_context(closing(job.run(done))):
            if show:
                show(items, items, job.output.size)


def dump_file(screen: Screen, job: Dump, found: OpenDump) -> None:
    """Write all items to a file."""
    with closing(found.output):
        try:
            run_dump(screen, job, found.done)
        except CannotDump:  # a retry would fail in the same way
            found.output.discard()
            raise


def dump_summary(job: Dump, where: str) -> str:
    size, stored = size_text(job.output.size), size_text(job.output.stored)
    sizes = f"{stored}, {size} uncompressed" if job.output.compressed else size
    return f"Wrote {items_text(job.items)} ({sizes}) to {where}."


def back_up(screen: Screen, stack: Stack, target: Target, path: Path) -> None:
    """Write a typed dump of the stack's table, which `look` has found, and verify it."""
    if not stack.table.owned:
        screen.line("The stack has no table, so there is no backup.")
        return
    if stack.table.owned.deleting:
        screen.line("The table is already being deleted, so there is no backup.")
        return
    transfer = Transfer(stack, target, "read", str(path), "Run the command again; it starts over.")
    try:
        with transfer.explained():
            table = item_table(stack, target)
            found = _open_backup(table, path)
            job = Dump(table, found.output, found.format, Rate(stack.aws, None))
            dump_file(screen, job, found)
            _verify(path, job)
    except Problem as problem:
        was_deleted = isinstance(problem, DeletedMeanwhile)
        if was_deleted:
            problem.why = "Another items-api down is probably running."
            problem.todo = "To delete what is left of the stack, run the command again."
        if isinstance(problem, CannotChange):
            problem.todo = "To delete the stack without a backup, omit --backup."
        problem.what += " This command deleted nothing." if was_deleted else " Nothing was deleted."
        raise
    screen.line(dump_summary(job, str(path)))


def _open_backup(table: ItemTable, path: Path) -> OpenDump:
    try:
        # An interrupted backup was read before the user confirmed the deletion, so it may lack newer items.
        return open_dump(table, path, Format.TYPED, fresh=True)
    except OutputFailed as problem:
        if problem.exists:  # `down` has no --force
            problem.todo = "Choose another file. If this one is a complete backup of an earlier run, omit --backup."
        raise


def _verify(path: Path, job: Dump) -> None:
    """Raise `CannotDump` if the file is not exactly what the dump has written, and `CannotLoad` if it is damaged."""
    found = verified(path)
    if found.trailer != (job.items, job.written) or format_of(path, found.first) is not job.format:
        raise CannotDump(
            f"The file {path} is not the dump that was written.", "The disk may be faulty.", "Use another one."
        )


@dataclass(frozen=True)
class Transfer:
    """A dump or a load, for what its errors say.

    Attributes:
        stack: has the table.
        target: of the stack.
        verb: what is done with the items, "read" or "write".
        file: as it was given.
        again: how to continue after an error, as a sentence; empty if that is not possible.
        by_pipe: a command that loads the same file without writing beside it.
    """

    stack: Stack
    target: Target
    verb: str
    file: str
    again: str
    by_pipe: str = ""

    @contextmanager
    def explained(self, known: Callable[[], Mapping[str, Any]] = dict) -> Iterator[None]:
        """Explain Ctrl-C, and the errors of AWS and of the file. `known` is for the JSON document."""
        interrupted = Interrupted("Interrupted.", "Not all items were transferred.", self.again)
        with knowing(known, interrupted=lambda: interrupted):
            try:
                yield
            except AwsError as error:
                raise self._table_problem(error) from error
            except BrokenPipeError:  # `| head` is no error
                # Otherwise, Python would flush it at exit.
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                raise click.exceptions.Exit(0) from None
            except OSError as error:
                raise self._file_problem(error) from error

    def _table_problem(self, error: AwsError) -> Problem:
        what = f"Could not {self.verb} the items of the {self.stack.table.title} {self.stack.table.name}"
        if isinstance(error, ServiceError) and error.says("ResourceNotFoundException"):
            over = {"read": "--force", "write": "--restart"}[self.verb]
            start_over = "" if self.file == PIPE else f" To start over, add {over}."
            todo = f"To create it again, run items-api up{self.target.flags}.{start_over}"
            return DeletedMeanwhile(f"{what}: it was deleted.", f"{error}.", todo)
        problem = error.problem(what)
        if problem.todo == CONTINUE:
            problem.todo = self.again or "Run the command again."
        return problem

    def _file_problem(self, error: OSError) -> OutputFailed:
        name = str(error.filename or self.file)
        shown = "stdout" if name == PIPE else f"the file {name!r}"
        what = f"Could not write {shown}."
        if Path(name) == Path(self.file) and self.verb == "write":
            what = f"Could not read {shown}."
        elif isinstance(error, FileNotFoundError) and name == str(Path(self.file).parent):
            what = f"Could not find the folder {name!r}."
        todo = f"Fix the cause. {self.again}".rstrip()
        if isinstance(error, (FileNotFoundError, IsADirectoryError, NotADirectoryError)):
            todo = "Check the path."
        elif error.errno in {errno.ENOSPC, errno.EDQUOT}:
            todo = f"Free some space on the disk. {self.again}".rstrip()
        elif error.errno == errno.ENAMETOOLONG:
            todo = "Choose a shorter name: the command also writes files with longer ones."
        elif error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
            todo = "Check the permissions of the file and its folder."
            if self.by_pipe and name != self.file:
                todo = f"The command writes files beside {self.file}. This one does not:\n{self.by_pipe}"
        return OutputFailed(what, f"{error.strerror or error}.", todo)
