"""A file that is read from many places at once, whether or not it is compressed.

A file can be in the order of the table's partitions, as DynamoDB scans them. A load that reads it from the beginning to
the end would write to one partition after the other, and each accepts 1,000 writes per second.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, Protocol

from items_api.items.lines import MAX_LINE, Trailer, read_trailer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GZIP_MAGIC = b"\x1f\x8b"
_GZIP = 31
_CHUNK = 1 << 16
_MAX_PLACES = 16
_FIRST_STEP = 1 << 18  # bytes between two places; doubled when there are too many


class DamagedError(ValueError):
    """The file is truncated, or not what its trailer says. The message says which."""


class Line(NamedTuple):
    """`number` counts from 1. `end` is the offset in the uncompressed file where the next line starts.

    `text` is None if the line is too long for an item.
    """

    number: int
    end: int
    text: bytes | None


@dataclass(frozen=True)
class Place:
    """Where reading can start: at an offset in the uncompressed file, in or before line `number`."""

    offset: int
    number: int
    in_line: bool
    state: Any


_BEGINNING = Place(0, 1, in_line=False, state=None)


class Source(Protocol):
    def read(self) -> bytes:
        """The next bytes, or none at the end."""


def is_compressed(path: Path) -> bool:
    return path.suffix.lower() == ".gz"


class _Plain:
    """Reads up to the position `end` of the file. Several can read one file, because none moves its position."""

    def __init__(self, descriptor: int, end: int, state: int = 0) -> None:
        self._descriptor = descriptor
        self._position = state
        self._end = end

    def read(self) -> bytes:
        data = os.pread(self._descriptor, min(_CHUNK, self._end - self._position), self._position)
        self._position += len(data)
        return data

    def state(self) -> int:
        return self._position


class _Compressed:
    """Its state is a position in the file, and a copy of the decompressor there. An empty file is truncated."""

    def __init__(self, descriptor: int, end: int, state: tuple[int, Any] = (0, None)) -> None:
        position, member = state
        self._file = _Plain(descriptor, end, position)
        self._member = member.copy() if member else None
        self._input = b""
        self._is_empty = end == 0
        self._is_first = position == 0

    def read(self) -> bytes:
        while True:
            self._input = self._input or self._file.read()
            if not self._input:
                if self._member or self._is_empty:
                    raise DamagedError("The compressed file is truncated.")
                return b""
            self._member = self._member or zlib.decompressobj(_GZIP)
            try:
                output = self._member.decompress(self._input, _CHUNK)
            except zlib.error as error:
                if self._is_first and not self._input.startswith(GZIP_MAGIC):
                    raise DamagedError("It is not compressed, although its name ends in .gz.") from None
                raise DamagedError(f"The compressed file is damaged: {error}.") from None
            self._is_first = False
            if self._member.eof:
                self._input, self._member = self._member.unused_data, None
            else:
                self._input = self._member.unconsumed_tail
            if output:
                return bytes(output)

    def state(self) -> tuple[int, Any]:
        return self._file.state() - len(self._input), self._member.copy() if self._member else None


class SourceFile:
    """An open file, which stays the same if another one gets its name meanwhile."""

    def __init__(self, file: BinaryIO, *, compressed: bool) -> None:
        self._file = file
        self._compressed = compressed
        self._opened = self._state()

    def source(self, state: Any = None, end: int | None = None) -> _Plain | _Compressed:
        """Read it from a place on. `end` is where it ends, for a file that is longer than its content."""
        kind = _Compressed if self._compressed else _Plain
        descriptor = self._file.fileno()
        last = os.fstat(descriptor).st_size if end is None else end
        return kind(descriptor, last) if state is None else kind(descriptor, last, state)

    @property
    def has_changed(self) -> bool:
        """Whether someone has written to it since it was opened."""
        return self._state() != self._opened

    def _state(self) -> tuple[int, int]:
        found = os.fstat(self._file.fileno())
        return found.st_size, found.st_mtime_ns


class Part(NamedTuple):
    """A part of a file: the lines that start between two offsets."""

    start: Place
    end: int


@dataclass(frozen=True)
class Survey:
    """What one pass over a file finds.

    Attributes:
        first: the first line.
        size: in bytes, uncompressed.
        lines: how many lines there are.
        sha256: of everything before the trailer, or of everything.
        trailer: the last line, if it is one.
        parts: parts of about the same size.
    """

    first: bytes
    size: int
    lines: int
    sha256: str
    trailer: Trailer | None
    parts: list[Part]


def survey(file: SourceFile) -> Survey:
    """Read the file once. Raises OSError and DamagedError."""
    sha256, held, first = hashlib.sha256(), b"", b""
    size = number = 0
    places, step = list[Place](), _FIRST_STEP
    in_line = False
    source = file.source()
    places.append(Place(0, 1, in_line=False, state=source.state()))
    while chunk := source.read():
        if b"\n" not in first and len(first) < _CHUNK:
            first += chunk[:_CHUNK]
        size += len(chunk)
        number += chunk.count(b"\n")
        in_line = not chunk.endswith(b"\n")
        held = _hash_all_but_last_line(sha256, held + chunk)
        if size >= places[-1].offset + step:
            places.append(Place(size, number + 1, in_line=in_line, state=source.state()))
            if len(places) > _MAX_PLACES:
                places, step = places[::2], step * 2
    trailer = read_trailer(held)
    if trailer is None:
        sha256.update(held)
    ends = [place.offset for place in places[1:]] + [size]
    parts = [Part(start, end) for start, end in zip(places, ends, strict=True)]
    return Survey(first.partition(b"\n")[0], size, number + in_line, sha256.hexdigest(), trailer, parts)


def _hash_all_but_last_line(sha256: Any, data: bytes) -> bytes:
    """Returns the last line, which may be a trailer. It may be incomplete."""
    start = data.rfind(b"\n", 0, len(data) - 1) + 1
    if len(data) - start > MAX_LINE:
        start = len(data) - 1
    sha256.update(data[:start])
    return data[start:]


def lines(file: SourceFile, part: Part, after: int = 0) -> Iterator[Line]:
    """The lines of a part, or those after the line that ends at this offset."""
    return split(file.source(part.start.state), part.start, part.end, after)


def split(source: Source, start: Place = _BEGINNING, end: int | None = None, after: int = 0) -> Iterator[Line]:
    """The lines of a source that is read from a place on: those that start before `end` and end after `after`."""
    # A generator keeps its variables while it waits, and each part of a file has one, so no variable has a whole line.
    pieces: list[bytes] = []
    size, offset, number, is_rest = 0, start.offset, start.number, start.in_line
    while chunk := source.read():
        *complete, last = chunk.split(b"\n")
        for text in complete:
            if end is not None and offset >= end and not is_rest:
                return
            pieces.append(text)
            size += len(text)
            offset += size + 1
            if not is_rest and offset > after:
                yield Line(number, offset, _taken(pieces, size))
            pieces.clear()
            size, number, is_rest = 0, number + 1, False
        pieces.append(last)
        size += len(last)
        if size > MAX_LINE:
            pieces.clear()
    offset += size
    if size and not is_rest and offset > after and (end is None or offset - size < end):
        yield Line(number, offset, _taken(pieces, size))


def _taken(pieces: list[bytes], size: int) -> bytes | None:
    """The line in these pieces, which it removes, or None if it is too long."""
    text = b"".join(pieces) if size <= MAX_LINE else None
    pieces.clear()
    return text
