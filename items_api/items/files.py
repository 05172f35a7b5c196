"""Opens the files of dumps and loads: new ones, those of an interrupted command, and those that must be verified."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from items_api.errors import CannotLoad, CannotResume, OutputFailed
from items_api.items.dump import SEGMENTS
from items_api.items.journal import Journal, journal_path, lock
from items_api.items.lines import Format, LineError, read_header
from items_api.items.output import Output
from items_api.items.rejected import Rejected
from items_api.items.source import DamagedError, Survey, survey

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from items_api.items.table import ItemTable

_GZIP_MAGIC = b"\x1f\x8b"
_NOTHING = {"length": 0, "sha256": "", "items": 0, "segments": {}}


class OpenDump(NamedTuple):
    """`done` is what the journal of an interrupted dump says; None for a new file."""

    output: Output
    journal: Journal
    done: Mapping[str, Any] | None


@dataclass
class OpenLoad:
    """`done` as above; `warning` says what could not be verified. `file` is locked until it is closed."""

    file: BinaryIO
    survey: Survey
    format: Format
    journal: Journal
    rejected: Rejected
    done: Mapping[str, Any] | None
    warning: str

    def close(self) -> None:
        self.rejected.close()
        self.file.close()


def open_dump(table: ItemTable, path: Path, file_format: Format, *, force: bool = False) -> OpenDump:
    """Raises OSError, `CannotResume`, and `OutputFailed` if there is such a file; `force` replaces it.

    There is a journal before there is a file, so that a dump that is killed at any moment can continue. It continues
    also with `force`, with which it may have been started.
    """
    if path.exists() and not path.is_file():
        raise OutputFailed(f"{path} is not a regular file.", "", "Choose a file, or use - and redirect the output.")
    path.parent.stat()  # an error about the folder names it
    journal = Journal(path, "dump", {"table": table.identity, "format": file_format, "segments": SEGMENTS})
    try:
        done = journal.read()
    except CannotResume:
        if not force:
            raise
        done = None
    if done is None:
        if path.exists() and not force:
            why, todo = "A dump does not overwrite files.", "Choose another file, or add --force."
            raise OutputFailed(f"The file {path} already exists.", why, todo)
        path.unlink(missing_ok=True)
        journal.write(_NOTHING)
        return OpenDump(Output.create(path), journal, None)
    if not done["length"]:
        path.unlink(missing_ok=True)
        return OpenDump(Output.create(path), journal, None)
    if not path.exists() or path.stat().st_size < done["length"]:
        why = f"The file {path} is shorter than when the dump was interrupted, or gone."
        todo = f"Restore the file, or delete {journal.path} to start again."
        raise CannotResume("The interrupted dump cannot be continued.", why, todo)
    return OpenDump(Output.resume(path, done["length"], done["sha256"]), journal, done)


def open_load(table: ItemTable, path: Path, *, typed: bool = False, new_only: bool = False) -> OpenLoad:
    """Verify the file and find out its format; `typed` is that of a file without a header.

    Raises:
        CannotLoad: the file is incomplete or damaged, or not a regular file.
        CannotResume: an interrupted load cannot be continued, or another command is loading the file.
        OSError: the file cannot be read.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        raise CannotLoad(f"{path} is not a regular file.", "", f"Use a pipe: items-api load - < {path}")
    file = path.open("rb")
    try:
        lock(file, path)
        return _opened(file, table, path, typed=typed, new_only=new_only)
    except BaseException:
        file.close()
        raise


def _opened(file: BinaryIO, table: ItemTable, path: Path, *, typed: bool, new_only: bool) -> OpenLoad:
    found = verified(path)
    file_format, warning = format_of(path, found.first), ""
    if file_format is None:
        file_format = Format.TYPED if typed else Format.PLAIN
        warning = f"{path} has no header and no trailer, so it was not verified that it is complete."
    work = {
        "table": table.identity,
        "file": {"sha256": found.sha256, "size": found.size, "parts": [part.start.offset for part in found.parts]},
        "format": file_format,
        "--only-new": new_only,
    }
    journal = Journal(path, "load", work)
    done = journal.read()
    rejected = Rejected(path.with_name(f"{path.name}.rejected"), done["rejected"] if done else 0)
    return OpenLoad(file, found, file_format, journal, rejected, done, warning)


def verified(path: Path) -> Survey:
    """Check the trailer. Raises `CannotLoad` if the file is incomplete or damaged, and OSError."""

    def problem(why: str) -> CannotLoad:
        is_interrupted = journal_path(path, "dump").exists()
        todo = "Run the dump again, which completes it." if is_interrupted else "Use another copy."
        return CannotLoad(f"The file {path} is not a complete dump. Nothing was written.", why, todo)

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
    """None if the line is not a header. Raises `CannotLoad` for one of another version, and for a compressed file."""
    if first_line.startswith(_GZIP_MAGIC):
        todo = "Decompress it with gunzip, or load a file whose name ends in .gz."
        raise CannotLoad(f"{name} is compressed.", "Only a file whose name ends in .gz is decompressed.", todo)
    try:
        return read_header(first_line)
    except LineError as error:
        todo = "Upgrade items-api."
        raise CannotLoad(f"{name} cannot be loaded by this version of items-api: {error}.", "", todo) from None
