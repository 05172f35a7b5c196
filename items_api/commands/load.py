"""`items-api load`: write the items of a file into the table."""

from __future__ import annotations

import os
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from items_api.commands.boundary import Command
from items_api.commands.opening import known_of, opened
from items_api.commands.options import target_options
from items_api.commands.transfers import PIPE, file_argument, item_table, rate_option, transferring
from items_api.items import Load, Loaded, PartReader
from items_api.items.files import open_load
from items_api.items.pipes import Pipe
from items_api.items.rate import Rate
from items_api.items.rejected import Rejected
from items_api.items.source import lines
from items_api.terminal.result import DONE, FAILED, Result
from items_api.terminal.text import Line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from items_api.commands.target import Target
    from items_api.items import ItemTable
    from items_api.terminal.screen import Screen


@click.command(cls=Command, list_key="files")
@target_options
@file_argument
@click.option("--typed", is_flag=True, help="The items are in DynamoDB's JSON, if the file has no header that says so.")
@click.option("--only-new", is_flag=True, help="Keep items that already exist. By default, they are replaced.")
@rate_option("write")
def load(screen: Screen, *, target: Target, file: str, typed: bool, only_new: bool, rate: float | None) -> Result:
    """Write the items of a file into the table.

    The file comes from `dump`, or has one JSON object per line; - is stdin. Its trailer is verified first. Lines that
    are not valid items go to FILE.rejected. An interrupted load of a file continues when it is run again.
    """
    with opened(screen, target) as stack:
        table = item_table(stack, target)
        assert stack is not None  # noqa: S101 - item_table has checked it
        again = "" if file == PIPE else "Run the command again; it continues where it left off."
        with transferring(stack, "write", file, again):
            limit = Rate(stack.aws, rate)
            if file == PIPE:
                job = _load_pipe(screen, table, limit, typed=typed, only_new=only_new)
            else:
                job = _load_file(screen, table, limit, Path(file), typed=typed, only_new=only_new)
        done = job.done
        return Result(
            FAILED if done.rejected else DONE,
            ok=not done.rejected,
            document={**known_of(stack), "files": [] if file == PIPE else [file], **vars(done)},
            lines=_summary(stack.table.name, job),
        )


def _load_file(screen: Screen, table: ItemTable, limit: Rate, path: Path, *, typed: bool, only_new: bool) -> Load:
    found = open_load(table, path, typed=typed, new_only=only_new)
    if found.warning:
        screen.warning(found.warning)
    job = Load(table, found.format, limit, found.rejected, found.journal, new_only=only_new, marks=found.marks)
    parts = found.survey.parts
    ends = [part.start.offset for part in parts]
    if found.done:
        ends = found.done["ends"]
        job.done = Loaded(**found.done["counts"])
        screen.line(f"Continuing the interrupted load after {job.done.written:,} items.")
    readers = [PartReader(lines(found.file, part, end), end) for part, end in zip(parts, ends, strict=True)]
    before = sum(end - part.start.offset for part, end in zip(parts, ends, strict=True))
    with closing(found):
        with found.checking():
            _run(screen, job, readers, before, found.survey.size)
        found.journal.delete()
    return job


def _load_pipe(screen: Screen, table: ItemTable, limit: Rate, *, typed: bool, only_new: bool) -> Load:
    if sys.stdin is None or sys.stdin.isatty():
        raise click.UsageError("There is no input: name a file, or pipe one into the command.")
    pipe = Pipe(sys.stdin.buffer, typed=typed)
    job = Load(table, pipe.format, limit, Rejected(Path(f"stdin-{os.getpid()}.rejected")), new_only=only_new)
    with closing(job.rejected):
        _run(screen, job, [PartReader(pipe.lines())], 0, 0)
    if warning := pipe.check(job.done.written):
        screen.warning(warning)
    return job


def _run(screen: Screen, job: Load, readers: Sequence[PartReader], before: int, size: int) -> None:
    """`before` is the number of bytes that are completed, out of `size`."""
    with screen.progress(size, job.done.written) as show, closing(job.run(readers)) as events:
        for read in events:
            show(before + read, job.done.written, before + read)


def _summary(table: str, job: Load) -> list[Line]:
    def items(count: int) -> str:
        return f"{count:,} item{'' if count == 1 else 's'}"

    done = job.done
    found = [Line(f"Wrote {items(done.written)} into the table {table}.")]
    if done.kept:
        found.append(Line(f"Kept {items(done.kept)} that already existed."))
    if done.rejected:
        text = f"Rejected {done.rejected:,} line{'' if done.rejected == 1 else 's'}: see {job.rejected.path}."
        found.append(Line(text, "red", essential=True))
    return found
