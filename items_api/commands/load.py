"""`items-api load`: write the items of a file into the table."""

from __future__ import annotations

import os
import shlex
import sys
from contextlib import closing, contextmanager
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from items_api.commands.boundary import Command
from items_api.commands.opening import known_of, opened
from items_api.commands.options import target_options
from items_api.commands.transfers import PIPE, Transfer, file_argument, item_table, rate_option
from items_api.errors import Problem
from items_api.items import Load, Loaded, PartReader
from items_api.items.files import open_load
from items_api.items.pipes import Pipe
from items_api.items.rate import Rate
from items_api.items.rejected import Rejected, path_beside
from items_api.items.source import lines
from items_api.terminal.result import DONE, FAILED, Result
from items_api.terminal.status import items_text, size_text
from items_api.terminal.text import Line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from items_api.commands.target import Target
    from items_api.items import ItemTable
    from items_api.items.files import OpenLoad
    from items_api.terminal.screen import Screen

# Verifying a larger file takes more than a second or so.
_SLOW_BYTES = 200_000_000


def _document(done: Loaded, rejected: Path | None = None, *files: str) -> dict[str, Any]:
    """The keys of the JSON document: `files` are those that were loaded, and `rejected` is for their rejected lines."""
    return {"files": files, **vars(done), "rejected_file": str(rejected) if done.rejected else None}


@click.command(cls=Command, empty=_document(Loaded()))
@target_options
@file_argument
@click.option("--typed", is_flag=True, help="The items are in DynamoDB's JSON, if the file has no header that says so.")
@click.option("--only-new", is_flag=True, help="Keep items that already exist. By default, they are replaced.")
@click.option("--restart", is_flag=True, help="Start over instead of continuing an interrupted load.")
@rate_option("write")
def load(
    screen: Screen, *, target: Target, file: str, typed: bool, only_new: bool, restart: bool, rate: float | None
) -> Result:
    """Write the items of a file into the table.

    The file comes from `dump`, or has one JSON object per line; - is stdin. Its trailer is verified first. Lines that
    are not valid items go to FILE.rejected. An interrupted load of a file continues when it is run again.
    """
    with opened(screen, target) as stack:
        table = item_table(stack, target)
        assert stack is not None  # noqa: S101 - item_table has checked it
        again, by_pipe = "Run the command again with the whole input.", ""
        if file != PIPE:
            again = f"Run the command again{' without --restart' if restart else ''}; it continues where it left off."
            given = {"--typed": typed, "--only-new": only_new, f"--rate {rate}": rate is not None}
            words = " ".join(["items-api load -", *(option for option, is_given in given.items() if is_given)])
            by_pipe = f"{words}{target.flags} < {shlex.quote(file)}"
        done = Loaded()
        rejected = _unused_path() if file == PIPE else path_beside(Path(file))
        transfer = Transfer(stack, target, "write", file, again, by_pipe)
        with _counting(done, file), transfer.explained(lambda: _document(done, rejected)):
            limit = Rate(stack.aws, rate)
            if file == PIPE:
                job = _load_pipe(screen, table, limit, done, Rejected(rejected), typed=typed, only_new=only_new)
            else:
                _announce_verification(screen, Path(file))
                found = open_load(table, Path(file), typed=typed, new_only=only_new, fresh=restart)
                job = _load_file(screen, table, limit, done, found, only_new=only_new)
        return Result(
            FAILED if done.rejected else DONE,
            ok=not done.rejected,
            document={**known_of(stack), **_document(done, rejected, *([] if file == PIPE else [file]))},
            lines=_summary(stack.table.name, job),
        )


@contextmanager
def _counting(done: Loaded, file: str) -> Iterator[None]:
    """Say in an error how much of a pipe was written: it may be impossible to read it again."""
    try:
        yield
    except Problem as problem:
        if file == PIPE and done.written:
            verb = "was" if done.written == 1 else "were"
            problem.why = f"{problem.why} At least {items_text(done.written)} {verb} written.".lstrip()
        raise


def _announce_verification(screen: Screen, path: Path) -> None:
    size = path.stat().st_size
    if size > _SLOW_BYTES:
        screen.line(f"Verifying {path} ({size_text(size)}) before the first write…")


def _load_file(screen: Screen, table: ItemTable, limit: Rate, done: Loaded, found: OpenLoad, *, only_new: bool) -> Load:
    if found.warning:
        screen.warning(found.warning)
    job = Load(
        table, found.format, limit, found.rejected, found.journal, new_only=only_new, marks=found.marks, done=done
    )
    parts = found.survey.parts
    ends = [part.start.offset for part in parts]
    if found.done:
        ends = found.done["ends"]
        vars(done).update(found.done["counts"])
        job.started = found.done["started"]
        after = items_text(done.written)
        screen.warning(f"Continuing the load that was started at {job.started}, after {after}. --restart starts over.")
    readers = [PartReader(lines(found.file, part, end), end) for part, end in zip(parts, ends, strict=True)]
    before = sum(end - part.start.offset for part, end in zip(parts, ends, strict=True))
    with closing(found):
        with found.checking():
            _run(screen, job, readers, before, found.survey.size)
        found.journal.delete()
    return job


def _load_pipe(
    screen: Screen, table: ItemTable, limit: Rate, done: Loaded, rejected: Rejected, *, typed: bool, only_new: bool
) -> Load:
    if sys.stdin is None or sys.stdin.isatty():
        raise click.UsageError("There is no input: name a file, or pipe one into the command.")
    pipe = Pipe(sys.stdin.buffer, typed=typed)
    job = Load(table, pipe.format, limit, rejected, new_only=only_new, done=done)
    with closing(job.rejected):
        try:
            _run(screen, job, [PartReader(pipe.lines())], 0, 0)
            warning = pipe.check()
        except BaseException:  # Ctrl-C, too: no one could guess the name of the file
            if done.rejected:
                screen.warning(_rejected(job))
            raise
    if warning:
        screen.warning(warning)
    return job


def _unused_path() -> Path:
    """For the rejected lines of a pipe. In a container, every process can have the same id."""
    names = (f"stdin-{os.getpid()}{suffix}.rejected" for suffix in chain([""], (f"-{n}" for n in count(2))))
    return next(path for path in map(Path, names) if not path.exists())


def _run(screen: Screen, job: Load, readers: Sequence[PartReader], before: int, size: int) -> None:
    """`before` is the number of bytes that are completed, out of `size`."""
    done = job.done
    with screen.progress(size, done.written + done.kept) as show, closing(job.run(readers)) as events:
        for read in events:
            show(before + read, done.written + done.kept, before + read)


def _summary(table: str, job: Load) -> list[Line]:
    done = job.done
    found = [Line(f"Wrote {items_text(done.written)} into the table {table}.")]
    if done.kept:
        found.append(Line(f"Kept {items_text(done.kept)} that already existed."))
    if done.rejected:
        found.append(Line(_rejected(job), "red", essential=True))
    return found


def _rejected(job: Load) -> str:
    count = job.done.rejected
    return f"Rejected {count:,} line{'' if count == 1 else 's'}: see {job.rejected.path}."
