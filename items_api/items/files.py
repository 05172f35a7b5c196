"""Opens the files of dumps and loads: new ones, those of an interrupted command, and those that must be verified."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from items_api.errors import CannotLoad, CannotResume, OutputFailed
from items_api.items.dump import SEGMENTS
from items_api.items.journal import VERSION, Journal, lock
from items_api.items.lines import NO_TRAILER, Format, LineError, read_header
from items_api.items.output import PartialFile, already_exists
from items_api.items.rejected import Rejected, path_beside
from items_api.items.source import GZIP_MAGIC, DamagedError, SourceFile, Survey, is_compressed, survey

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from items_api.items.table import ItemTable


class OpenDump(NamedTuple):
    """`done` is the progress of the interrupted dump that is continued; None for a new file."""

    output: PartialFile
    format: Format
    done: Mapping[str, Any] | None


@dataclass
class OpenLoad:
    """`done` as above; `warning` says what could not be verified. The file is locked until it is closed.

    `marks` has the numbers of the lines that are the header and the trailer.
    """

    path: Path
    file: SourceFile
    stream: BinaryIO
    survey: Survey
    format: Format
    marks: Collection[int]
    journal: Journal
    rejected: Rejected
    done: Mapping[str, Any] | None
    warning: str

    def close(self) -> None:
        self.rejected.close()
        self.stream.close()

    @contextmanager
    def checking(self) -> Iterator[None]:
        """Raise `CannotLoad` at the end if someone has written to the file since it was verified."""
        try:
            yield
        except DamagedError:
            self._check_unchanged()
            raise
        self._check_unchanged()

    def _check_unchanged(self) -> None:
        if self.file.has_changed:
            why = "What was loaded is not what was verified before."
            raise CannotLoad(f"The file {self.path} changed during the load.", why, "Load it again.")


def open_dump(
    table: ItemTable, path: Path, file_format: Format, *, replace: bool = False, fresh: bool = False
) -> OpenDump:
    """Open a new file, or the one of an interrupted dump.

    Args:
        table: of the items.
        path: of the complete file.
        file_format: of the file.
        replace: replace an existing file when the dump is complete.
        fresh: start over instead of continuing an interrupted dump.

    Raises:
        CannotLock: another command is writing the file.
        CannotResume: the interrupted dump was another one.
        OSError: the file cannot be created.
        OutputFailed: there is already such a file.
    """
    if path.is_symlink():
        path = Path(os.path.realpath(path))
    if path.is_dir():
        raise OutputFailed(f"{path} is a folder.", "", f"Add a file name, such as {path / 'items.jsonl'}.")
    if path.exists() and not path.is_file():
        why = f"A dump is written to {path}.partial and renamed when it is complete."
        todo = "Choose another file. To write to a device or a pipe, redirect the stdout of items-api dump."
        raise OutputFailed(f"{path} is not a regular file.", why, todo)
    path.parent.stat()  # an error about the folder names it
    journal = Journal(
        path, "dump", {"version": VERSION, "table": table.identity, "format": file_format, "segments": SEGMENTS}
    )
    output = PartialFile(path, journal)
    try:
        done = _started(output, path, journal, replace=replace, fresh=fresh)
    except BaseException:  # Ctrl-C, too: an empty file would be in the way of the next dump
        if not output.length():
            output.path.unlink()
        output.close()
        raise
    return OpenDump(output, file_format, done)


def _started(
    output: PartialFile, path: Path, journal: Journal, *, replace: bool, fresh: bool
) -> Mapping[str, Any] | None:
    """The progress of the dump that the output continues, or None if it starts with an empty file."""
    done = None
    if output.length():
        if not journal.path.exists():
            todo = "Choose another file, or rename this one."
            raise OutputFailed(f"The file {output.path} already exists.", "It is not from an interrupted dump.", todo)
        done = None if fresh else journal.read()
        replace = replace or bool(done and done["replace"])
    if os.path.lexists(path) and not replace:
        if not output.length():
            with suppress(CannotResume):
                done = journal.read()
            journal.delete()
            if done and done.get("inode") == path.stat().st_ino:
                # The dump was interrupted after it had given the file its name.
                raise already_exists(path, "It is complete, although the dump was interrupted.")
        raise already_exists(path)
    if done and done["length"]:
        output.resume(done)
        return done
    output.start(replace=replace)
    return None


def open_load(
    table: ItemTable, path: Path, *, typed: bool = False, new_only: bool = False, fresh: bool = False
) -> OpenLoad:
    """Verify the file and find out its format.

    Args:
        table: that will have the items.
        path: of the file.
        typed: the format of a file without a header.
        new_only: keep existing items.
        fresh: start over instead of continuing an interrupted load.

    Raises:
        CannotLoad: the file is incomplete or damaged, or not a regular file.
        CannotLock: another command is loading the file.
        CannotResume: an interrupted load cannot be continued.
        OSError: the file cannot be read.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        raise CannotLoad(f"{path} is not a regular file.", "", "Redirect it to the command: load - < FILE")
    file = _open_to_lock(path)
    try:
        lock(file, path)
        return _opened(file, table, path, typed=typed, new_only=new_only, fresh=fresh)
    except BaseException:  # Ctrl-C, too: an open file stays locked
        file.close()
        raise


def _open_to_lock(path: Path) -> BinaryIO:
    """On NFS, only a file that is open for writing can be locked: see flock(2)."""
    try:
        return path.open("r+b")
    except OSError:
        return path.open("rb")


def _opened(file: BinaryIO, table: ItemTable, path: Path, *, typed: bool, new_only: bool, fresh: bool) -> OpenLoad:
    source = SourceFile(file, compressed=is_compressed(path))
    try:
        found = _verified(path, source)
    except CannotLoad as problem:
        problem.what += " Nothing was written."
        raise
    file_format, warning = format_of(path, found.first), ""
    marks = {*([1] if file_format else []), *([found.lines] if found.trailer else [])}
    if file_format is None:
        file_format = Format.TYPED if typed else Format.PLAIN
        warning = f"{path} has no header and no trailer, so it was not verified that it is complete."
    work = {
        "version": VERSION,
        "table": table.identity,
        "file": {"sha256": found.sha256, "size": found.size, "parts": [part.start.offset for part in found.parts]},
        "format": file_format,
        "--only-new": new_only,
    }
    journal = Journal(path, "load", work)
    done = None if fresh else journal.read()
    rejected = Rejected(path_beside(path), done["rejected"] if done else 0)
    return OpenLoad(path, source, file, found, file_format, marks, journal, rejected, done, warning)


def verified(path: Path) -> Survey:
    """Check the trailer. Raises `CannotLoad` if the file is incomplete or damaged, and OSError."""
    with path.open("rb") as file:
        return _verified(path, SourceFile(file, compressed=is_compressed(path)))


def _verified(path: Path, file: SourceFile) -> Survey:
    edited = "Use another copy. If you edited the file, delete its header and trailer to load it without verification."

    def problem(why: str, todo: str = "Use another copy, or dump the items again.") -> CannotLoad:
        return CannotLoad(f"The file {path} is not a complete dump.", why, todo)

    try:
        found = survey(file)
    except DamagedError as error:
        raise problem(str(error)) from None
    if not found.size:
        raise problem("It is empty.")
    trailer = found.trailer
    if trailer is None:
        if format_of(path, found.first):
            raise problem(NO_TRAILER, edited)
    elif trailer.sha256 != found.sha256 or trailer.items != found.lines - 2:
        raise problem("Its content does not match its trailer.", edited)
    return found


def format_of(path: Path | None, first_line: bytes) -> Format | None:
    """None if the line is not a header. `path` is None for a pipe.

    Raises `CannotLoad` for a header of another version, and for a file that does not have one object per line.
    """
    name, start = path or "The input", first_line.strip()
    if first_line.startswith(GZIP_MAGIC):
        why = "Only a file whose name ends in .gz is decompressed."
        todo = f"Rename it to {path}.gz." if path else "Load the file by its name, or decompress it before the pipe."
        raise CannotLoad(f"{name} is compressed.", why, todo)
    if start.startswith(b"["):
        todo = "Convert it, for example with jq -c '.[]' (jq 1.7 and newer keep every digit of a number)."
        raise CannotLoad(f"{name} is a JSON array.", "load needs one JSON object per line.", todo)
    if start == b"{":
        todo = (
            "Convert it, for example with jq -c . (jq 1.7 and newer keep every digit of a number). For the output of "
            "aws dynamodb scan, use jq -c '.Items[]' and load --typed."
        )
        raise CannotLoad(f"{name} has a JSON object on several lines.", "load needs one JSON object per line.", todo)
    try:
        return read_header(first_line)
    except LineError as error:
        todo = "Upgrade items-api."
        raise CannotLoad(f"{name} cannot be loaded by this version of items-api: {error}.", "", todo) from None
