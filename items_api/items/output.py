"""A file that grows in steps. What is committed survives a crash, and the rest is cut off when it continues.

A file whose name ends in `.gz` is compressed. Each commit ends a member of it, so the file can be cut there:
https://datatracker.ietf.org/doc/html/rfc1952#section-2.2
"""

from __future__ import annotations

import hashlib
import os
import zlib
from typing import TYPE_CHECKING, BinaryIO

from items_api.errors import CannotResume
from items_api.items.journal import lock
from items_api.items.source import DamagedError, is_compressed, open_source

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

_GZIP = 31  # zlib's window bits for a gzip member


class Output:
    """Raises OSError. `size` is the number of bytes before compression, with their hash in `sha256`."""

    def __init__(self, stream: BinaryIO, *, compressed: bool = False) -> None:
        self._stream = stream
        self._compressed = compressed
        self._member: Any = None
        self.sha256 = hashlib.sha256()
        self.size = 0

    @classmethod
    def create(cls, path: Path) -> Output:
        """A new file that only its owner can read, because items may be confidential."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        return cls._locked(path, os.fdopen(descriptor, "wb"))

    @classmethod
    def resume(cls, path: Path, length: int, sha256: str) -> Output:
        """The file with its first `length` bytes, whose content had this hash when they were committed.

        Raises:
            CannotResume: they are not the same any more, or another command is writing the file.
        """
        stream = path.open("r+b")
        output = cls._locked(path, stream)
        try:
            with open_source(path, end=length) as source:
                while length and (chunk := source.read()):
                    output.sha256.update(chunk)
                    output.size += len(chunk)
        except DamagedError:
            output.sha256 = hashlib.sha256(b"damaged")
        if output.sha256.hexdigest() == sha256:
            stream.truncate(length)
            stream.seek(length)
            return output
        output.close()
        why = f"The file {path} has been changed since then."
        todo = "Delete the file and its journal to start again."
        raise CannotResume("The interrupted dump cannot be continued.", why, todo)

    @classmethod
    def _locked(cls, path: Path, stream: BinaryIO) -> Output:
        try:
            lock(stream, path)
        except CannotResume:
            stream.close()
            raise
        return cls(stream, compressed=is_compressed(path))

    def write(self, data: bytes) -> None:
        self.sha256.update(data)
        self.size += len(data)
        if self._compressed:
            self._member = self._member or zlib.compressobj(wbits=_GZIP)
            data = self._member.compress(data)
        self._stream.write(data)

    def flush(self) -> None:
        if self._member:
            self._stream.write(self._member.flush())
            self._member = None
        self._stream.flush()

    def commit(self) -> int:
        """Write everything to the disk. Returns the length of the file."""
        self.flush()
        os.fsync(self._stream.fileno())
        return self._stream.tell()

    def close(self) -> None:
        self._stream.close()
