"""`items-api dump`: write all items to a file."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from items_api.commands.boundary import Command
from items_api.commands.opening import known_of, opened
from items_api.commands.options import target_options
from items_api.commands.transfers import (
    PIPE,
    Transfer,
    dump_file,
    dump_summary,
    file_argument,
    item_table,
    rate_option,
    run_dump,
)
from items_api.items import Dump, Format
from items_api.items.files import open_dump
from items_api.items.output import Output
from items_api.items.rate import Rate
from items_api.terminal.result import Result
from items_api.terminal.text import Line

if TYPE_CHECKING:
    from items_api.commands.target import Target
    from items_api.terminal.screen import Screen


@click.command(cls=Command, empty={"files": [], "items": 0}, bare=True)
@target_options
@file_argument
@click.option("--typed", is_flag=True, help="Write DynamoDB's JSON, which also has sets and binary values.")
@rate_option("read")
@click.option("--force", is_flag=True, help="Replace an existing file, and start over after an interruption.")
def dump(screen: Screen, *, target: Target, file: str, typed: bool, rate: float | None, force: bool) -> Result:
    """Write all items to a file.

    Without a file, they go to stdout. The output has one item per line, as JSON, between a header and a trailer with a
    checksum. A file whose name ends in .gz is compressed. An interrupted dump to a file continues when it is run again.
    """
    if file == PIPE and screen.json:
        raise click.UsageError("--json prints a document to stdout, so the dump needs a file.")
    if file == PIPE and sys.stdout.name == os.devnull:  # see cli.main
        raise click.UsageError("stdout is closed: name a file, or redirect the output to one.")
    with opened(screen, target) as stack:
        table = item_table(stack, target)
        assert stack is not None  # noqa: S101 - item_table has checked it
        limit, file_format = Rate(stack.aws, rate), Format.TYPED if typed else Format.PLAIN
        # With --force, it would start over again.
        again = f"Run the command again{' without --force' if force else ''}; it continues where it left off."
        job: Dump | None = None
        transfer = Transfer(stack, target, "read", file, "" if file == PIPE else again)
        with transfer.explained(lambda: {"items": job.items if job else 0}):
            if file == PIPE:
                job = Dump(table, Output(sys.stdout.buffer), file_format, limit)
                run_dump(screen, job, None, quiet=sys.stdout.isatty())
            else:
                found = open_dump(table, Path(file), file_format, replace=force, fresh=force)
                job = Dump(table, found.output, file_format, limit)
                dump_file(screen, job, found)
        return Result(
            document={**known_of(stack), "files": [] if file == PIPE else [file], "items": job.items},
            lines=[Line(dump_summary(job, "stdout" if file == PIPE else file))],
        )
