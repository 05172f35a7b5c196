"""The lines of a pipe, which can be read only once: they are verified while they are loaded."""

from __future__ import annotations

import hashlib
import random
from typing import TYPE_CHECKING, BinaryIO

from items_api.errors import CannotLoad
from items_api.items.files import format_of
from items_api.items.lines import NO_TRAILER, Format, Trailer, read_trailer
from items_api.items.source import Line, split

if TYPE_CHECKING:
    from collections.abc import Iterator

_MAX_HELD_BYTES, _MAX_HELD_LINES = 8_000_000, 10_000
_CHUNK = 1 << 16


class _Chunks:
    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.first = b""

    def read(self) -> bytes:
        chunk: bytes = self._stream.read1(_CHUNK)  # type: ignore[attr-defined]
        self.first = self.first or chunk
        return chunk


class Pipe:
    """`typed` is the format if there is no header."""

    def __init__(self, stream: BinaryIO, *, typed: bool) -> None:
        chunks = _Chunks(stream)
        self._lines = self._verified(chunks)
        self._sha256 = hashlib.sha256()
        self._before = ""  # the hash of everything before the last line
        self._count = 0
        self._trailer: Trailer | None = None
        self._first = next(self._lines, None)
        if self._first is None:
            why = "The command that writes it has probably failed."
            raise CannotLoad("The input is empty. Nothing was written.", why, "Check the output of that command.")
        # The text is missing if the line is too long, as the one of an array can be.
        self._header = format_of(None, chunks.first if self._first.text is None else self._first.text)
        self.format = self._header or (Format.TYPED if typed else Format.PLAIN)

    def _verified(self, chunks: _Chunks) -> Iterator[Line]:
        for line in split(chunks):
            self._before = self._sha256.hexdigest()
            self._sha256.update(line.text or b"")
            self._sha256.update(b"\n")
            self._count = line.number
            self._trailer = read_trailer(line.text or b"")
            yield line
            del line  # before the next one is read: a line can have megabytes

    def lines(self) -> Iterator[Line]:
        """The lines of the items, in an order that spreads over the partitions of the table."""
        held: list[Line] = []
        size = 0
        for line in self._without_marks():
            held.append(line)
            size += len(line.text or b"")
            del line
            if size > _MAX_HELD_BYTES or len(held) > _MAX_HELD_LINES:
                yield from _shuffled(held)
                size = 0
        yield from _shuffled(held)

    def _without_marks(self) -> Iterator[Line]:
        """All lines except the header and the trailer, which is known only when no line follows it."""
        last = None if self._header else self._first
        self._first = None
        for line in self._lines:
            if last:
                yield last
            last = line
        if last and not self._trailer:
            yield last

    def check(self) -> str:
        """Verify the trailer after the last line. Returns a warning if there is neither a header nor a trailer.

        Raises:
            CannotLoad: the input was not complete.
        """
        if self._trailer and (self._trailer.sha256, self._trailer.items) == (self._before, self._count - 2):
            return ""
        if not (self._trailer or self._header):
            return "The input has no header and no trailer, so it was not verified that it is complete."
        why = "It does not match its trailer." if self._trailer else NO_TRAILER
        raise CannotLoad("The input was not a complete dump.", why, "Load a complete dump.")


def _shuffled(lines: list[Line]) -> Iterator[Line]:
    """Take the lines in random order. What has been taken is not kept."""
    random.shuffle(lines)
    while lines:
        yield lines.pop()
