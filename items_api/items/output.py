"""A file that grows in steps. What is committed survives a crash, and the rest is cut off when it continues.

A file whose name ends in `.gz` is compressed. Each commit ends a member of it, so the file can be cut there:
https://datatracker.ietf.org/doc/html/rfc1952#section-2.2
"""

from __future__ import annotations

import hashlib
import os
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO

from items_api.errors import CannotLock, CannotResume, OutputFailed
from items_api.items.journal import lock, naming, now_text
from items_api.items.source import DamagedError, SourceFile, is_compressed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Any

    from items_api.items.journal import Journal

_GZIP = 31  # zlib's window bits for a gzip member


def already_exists(path: Path, why: str = "A dump does not overwrite files.") -> OutputFailed:
    return OutputFailed(f"The file {path} already exists.", why, "Choose another file, or add --force.", exists=True)


class Output:
    """Raises OSError. `size` is the number of bytes before compression, with their hash in `sha256`.

    `stored` is the number of bytes in the file.
    """

    def __init__(self, stream: BinaryIO, *, compressed: bool = False) -> None:
        self._stream = stream
        self._member: Any = None
        self.compressed = compressed
        self.sha256 = hashlib.sha256()
        self.size = 0
        self.stored = 0

    def write(self, data: bytes) -> None:
        self.sha256.update(data)
        self.size += len(data)
        if self.compressed:
            self._member = self._member or zlib.compressobj(wbits=_GZIP)
            data = self._member.compress(data)
        self.stored += self._stream.write(data)

    def flush(self) -> None:
        if self._member:
            self.stored += self._stream.write(self._member.flush())
            self._member = None
        self._stream.flush()

    def commit(self, progress: Mapping[str, Any]) -> None:
        """Pass on everything that was written. Only a file continues from here after a crash, with this progress."""
        del progress
        self.flush()

    def finish(self) -> None:
        """Nothing more is written."""
        self.flush()

    def close(self) -> None:
        self._stream.close()


class PartialFile(Output):
    """A file that has the name `FILE.partial` until it is complete. It is locked until it is closed.

    Only its owner can read it, because items may be confidential.
    """

    def __init__(self, path: Path, journal: Journal) -> None:
        """Open what an interrupted command has left, or create an empty file.

        Raises:
            CannotLock: another command is writing the file.
        """
        self._target = path
        self._journal = journal
        self._replace = False
        self._started = now_text()
        self.path = path.with_name(f"{path.name}.partial")
        super().__init__(self._opened(), compressed=is_compressed(path))
        if path.exists() and self._inode() == path.stat().st_ino:
            # The complete file still has both names: see `_rename`. It must not be written to.
            self.path.unlink()
            self.close()
            self._stream = self._opened()

    def _opened(self) -> BinaryIO:
        file = os.fdopen(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "r+b")
        try:
            lock(file, self.path)
        except CannotLock:
            file.close()
            raise
        return file

    def write(self, data: bytes) -> None:
        with naming(self.path):
            super().write(data)

    def _inode(self) -> int:
        return os.fstat(self._stream.fileno()).st_ino

    def length(self) -> int:
        """The size of the file on the disk."""
        return os.fstat(self._stream.fileno()).st_size

    def start(self, *, replace: bool) -> None:
        """Start with an empty file; `replace` is whether it may replace an existing one in the end."""
        self._replace = replace
        with naming(self.path):
            self._stream.truncate(0)  # first, because the disk may be full
        os.fchmod(self._stream.fileno(), 0o600)
        self._journal.write(self._entry(0, {}))

    def resume(self, entry: Mapping[str, Any]) -> None:
        """Continue after what was committed, according to the journal.

        Raises:
            CannotResume: it is not the same any more.
        """
        self._replace, self._started, length = entry["replace"], entry["started"], entry["length"]
        if self.length() < length or self._hash_of_first(length) != entry["sha256"]:
            why = f"The file {self.path} has changed since then."
            todo = "To start over, add --force."
            raise CannotResume("The interrupted dump cannot be continued.", why, todo)
        self._stream.truncate(length)
        self._stream.seek(length)
        self.stored = length

    def _hash_of_first(self, length: int) -> str:
        """Read a part of the file; empty if it is damaged."""
        with naming(self.path), suppress(DamagedError):
            source = SourceFile(self._stream, compressed=self.compressed).source(end=length)
            while length and (chunk := source.read()):
                self.sha256.update(chunk)
                self.size += len(chunk)
            return self.sha256.hexdigest()
        return ""

    def commit(self, progress: Mapping[str, Any]) -> None:
        """Write everything to the disk, and the progress to the journal."""
        self._write_to_disk()
        self._journal.write(self._entry(self._stream.tell(), progress))

    def finish(self) -> None:
        """Write everything to the disk, and give the file its name."""
        self._write_to_disk()
        if self._replace:
            self.path.replace(self._target)
        else:
            self._rename()
        with suppress(OSError):  # not every file system can do that, and the folder need not be readable
            folder = os.open(self._target.parent, os.O_RDONLY)
            os.fsync(folder)  # the name of the file is in the folder
            os.close(folder)
        self._journal.delete()

    def _rename(self) -> None:
        """Give the file its name, unless another file has it meanwhile."""
        try:
            os.link(self.path, self._target)
        except FileExistsError:
            raise self._came_meanwhile() from None
        except OSError:  # the file system has no hard links
            if os.path.lexists(self._target):
                raise self._came_meanwhile() from None
            self.path.rename(self._target)
        else:
            self.path.unlink()

    def _came_meanwhile(self) -> OutputFailed:
        todo = "Move that file away, and run the command again to finish."
        return OutputFailed(f"The file {self._target} already exists.", "It was created during the dump.", todo)

    def discard(self) -> None:
        """Delete the file."""
        self.path.unlink()
        self._journal.delete()

    def _write_to_disk(self) -> None:
        with naming(self.path):
            self.flush()
            os.fsync(self._stream.fileno())

    def _entry(self, length: int, progress: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "inode": self._inode(),  # the file keeps it when it gets its name
            "length": length,
            "sha256": self.sha256.hexdigest(),
            "replace": self._replace,
            "started": self._started,
            **progress,
        }
