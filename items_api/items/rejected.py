"""The lines that could not be loaded, in a file beside the one that was."""

from __future__ import annotations

import codecs
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from items_api.errors import CannotResume
from items_api.items.journal import naming

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_PIECE = 1 << 16


def path_beside(file: Path) -> Path:
    """Where the rejected lines of a file go."""
    return Path(f"{file}.rejected")


class Rejected:
    """One JSON object for each line: its number, the reason, and the text. The file exists only if there are any."""

    def __init__(self, path: Path, length: int = 0) -> None:
        """`length` is that of the part of an existing file that is kept.

        Raises:
            CannotResume: the file is not there any more, or shorter.
            OSError: the old file cannot be deleted or cut.
        """
        self.path = path
        self._length = length
        self._file: BinaryIO | None = None
        if not length:
            if os.path.lexists(path):  # in a read-only folder, deleting what does not exist is an error, too
                path.unlink()
            return
        if not path.exists() or path.stat().st_size < length:
            why = f"The file {path} is shorter than when the load was interrupted, or gone."
            raise CannotResume(
                "The interrupted load cannot be continued.", why, "Restore it. To start over, add --restart."
            )
        os.truncate(path, length)

    def add(self, number: int, reason: str, text: bytes | None) -> None:
        if self._file is None:
            # Like the file, it may be confidential.
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            self._file = os.fdopen(descriptor, "ab")
        with naming(self.path):
            for piece in _json_pieces({"line": number, "reason": reason}, text):
                self._length += self._file.write(piece)

    def commit(self) -> int:
        """Write everything to the disk. Returns the length of the file."""
        if self._file is not None:
            with naming(self.path):
                self._file.flush()
                os.fsync(self._file.fileno())
        return self._length

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def _json_pieces(document: dict[str, Any], text: bytes | None) -> Iterator[bytes]:
    """The document with this text, and a line break. A line can take megabytes, so it is converted in pieces."""
    yield json.dumps(document)[:-1].encode() + b', "text": '
    if text is None:
        yield b"null"
    else:
        yield b'"'
        pieces = (text[start : start + _PIECE] for start in range(0, len(text), _PIECE))
        for piece in codecs.iterdecode(pieces, "utf-8", "replace"):
            yield json.dumps(piece)[1:-1].encode()
        yield b'"'
    yield b"}\n"
