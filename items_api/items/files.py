"""Opens the files of dumps and loads: new ones, those of an interrupted command, and those that must be verified."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from items_api.errors import CannotLoad, CannotResume, OutputFailed
from items_api.items.journal import Journal
from items_api.items.lines import Format, LineError, read_header
from items_api.items.output import Output
from items_api.items.rejected import Rejected
from items_api.items.source import DamagedError, Survey, survey

if TYPE_CHECKING:
    from pathlib import Path

    from items_api.items.table import ItemTable


class OpenDump(NamedTuple):
    """`done` is what the journal of an interrupted dump says; None for a new file."""

    output: Output
    journal: Journal
    done: dict[str, Any] | None


class OpenLoad(NamedTuple):
    """`done` as above; `warning` says what could not be verified."""

    survey: Survey
    format: Format
    journal: Journal
    rejected: Rejected
    done: dict[str, Any] | None
    warning: str


def open_dump(table: ItemTable, path: Path, file_format: Format, *, force: bool = False) -> OpenDump:
    """Raises OSError, `CannotResume`, and `OutputFailed` if there is such a file; `force` replaces it."""
    if path.exists() and not path.is_file():
        raise OutputFailed(f"{path} is not a regular file.", "", "Choose a file, or use - and redirect the output.")
    journal = Journal(path, "dump", {"table": table.identity, "format": file_format})
    if force:
        journal.delete()
    done = journal.read()
    if done is None:
        if path.exists() and not force:
            why, todo = "A dump does not overwrite files.", "Choose another file, or add --force."
            raise OutputFailed(f"The file {path} already exists.", why, todo)
        return OpenDump(Output.create(path), journal, None)
    if not path.exists() or path.stat().st_size < done["length"]:
        why = f"The file {path} is shorter than when the dump was interrupted, or gone."
        todo = f"Restore the file, or delete {journal.path} to start again."
        raise CannotResume("The interrupted dump cannot be continued.", why, todo)
    return OpenDump(Output.resume(path, done["length"]), journal, done)


def open_load(table: ItemTable, path: Path, *, typed: bool = False, new_only: bool = False) -> OpenLoad:
    """Verify the file and find out its format; `typed` is that of a file without a header.

    Raises:
        CannotLoad: the file is incomplete or damaged.
        CannotResume: an interrupted load cannot be continued.
        OSError: the file cannot be read.
    """
    found = verified(path)
    file_format = format_of(path, found.first)
    warning = ""
    if file_format is None:
        file_format = Format.TYPED if typed else Format.PLAIN
        warning = f"{path} has no header and no trailer, so it was not verified that it is complete."
    work = {"table": table.identity, "file": f"{found.size} bytes, {found.sha256}", "--only-new": new_only}
    journal = Journal(path, "load", work)
    done = journal.read()
    rejected = Rejected(path.with_name(f"{path.name}.rejected"), done["rejected"] if done else 0)
    return OpenLoad(found, file_format, journal, rejected, done, warning)


def verified(path: Path) -> Survey:
    """Check the trailer. Raises `CannotLoad` if the file is incomplete or damaged, and OSError."""

    def problem(why: str) -> CannotLoad:
        return CannotLoad(f"The file {path} is not a complete dump. Nothing was written.", why, "Use another copy.")

    try:
        found = survey(path)
    except DamagedError as error:
        raise problem(str(error)) from None
    trailer = found.trailer
    if trailer is None:
        if format_of(path, found.first):
            raise problem("It has a header but no trailer: the dump was interrupted, or the file truncated.")
    elif trailer.sha256 != found.sha256 or trailer.items != found.lines - 2:
        raise problem("Its content does not match its trailer.")
    return found


def format_of(name: object, first_line: bytes) -> Format | None:
    """None if the line is not a header. Raises `CannotLoad` for a header of another version."""
    try:
        return read_header(first_line)
    except LineError as error:
        todo = "Upgrade items-api."
        raise CannotLoad(f"{name} cannot be loaded by this version of items-api: {error}.", "", todo) from None
