"""A table -> a file: parallel reads, one writer, and commits, so that an interrupted dump continues where it was."""

from __future__ import annotations

import queue
import threading
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from items_api.errors import CannotDump
from items_api.items.lines import Format, NotPlainError, Trailer, header
from items_api.items.table import parsed
from items_api.items.writing import LineWriter

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from items_api.items.output import Output
    from items_api.items.rate import Rate
    from items_api.items.table import ItemTable, Page

SEGMENTS = 4
_COMMIT_SECONDS = 1.0
_PIECES = 64  # of a page, in which the segments alternate in the file
# A page is about as long as this in DynamoDB's JSON, which can be nine times as long as the size that DynamoDB counts.
_PAGE_CHARS = 2_000_000
_FIRST_LIMIT = 1


class _Pieces(NamedTuple):
    """The lines of one page in pieces, and the key after which its segment continues; None at its end."""

    pieces: list[bytes]
    items: int
    last: str | None


Event: TypeAlias = "_Pieces | BaseException"


class _Segment:
    """The pages of a segment. The next one is read when the one before it has been taken."""

    def __init__(self) -> None:
        self._parts: queue.Queue[Event] = queue.Queue()
        self._wanted = threading.Semaphore(1)

    def put(self, event: Event) -> None:
        self._parts.put(event)

    def take(self) -> _Pieces:
        """Raises what the reader raised."""
        event = self._parts.get()
        if isinstance(event, BaseException):
            raise event
        self._wanted.release()
        return event

    def wait(self) -> None:
        self._wanted.acquire()

    def stop(self) -> None:
        self._wanted.release()


@dataclass
class Dump:
    table: ItemTable
    output: Output
    format: Format
    rate: Rate
    #: How many items the file has so far, and the checksum when it is complete.
    items: int = 0
    written: str = ""

    def run(self, done: Mapping[str, Any] | None = None) -> Generator[int]:
        """Write everything. Yields the number of items after each round of pages.

        Args:
            done: the progress of an interrupted dump, which it continues; None for a new file.

        Raises:
            AwsError: a page could not be read.
            CannotDump: a plain file cannot have an item.
            OSError: the file cannot be written. In this case, it is not complete.
        """
        # A segment that is not in the dictionary is complete.
        left: dict[int, str | None] = dict.fromkeys(range(SEGMENTS))
        if done:
            left = {int(segment): after for segment, after in done["segments"].items()}
            self.items = done["items"]
        else:
            self.output.write(header(self.format))
        committed = self.table.aws.now()
        self._commit(left)
        for parts in self._rounds(left):
            for pieces in zip_longest(*(part.pieces for part in parts.values()), fillvalue=b""):
                self.output.write(b"".join(pieces))
            self.items += sum(part.items for part in parts.values())
            for segment, part in parts.items():
                left[segment] = part.last
                if part.last is None:
                    del left[segment]
            if self.table.aws.now() - committed > _COMMIT_SECONDS:
                self._commit(left)
                committed = self.table.aws.now()
            yield self.items
        self.written = self.output.sha256.hexdigest()
        self.output.write(Trailer(self.items, self.written).line())
        self.output.finish()

    def _commit(self, left: dict[int, str | None]) -> None:
        self.output.commit({"items": self.items, "segments": left})

    def _rounds(self, left: Mapping[int, str | None]) -> Generator[dict[int, _Pieces]]:
        """A page of each segment, by its number, as long as there are any.

        The segments alternate in the file, so that every place in it has items of all partitions of the table.
        Otherwise, a load would write to one partition after the other.
        """
        stop = threading.Event()
        segments = {number: _Segment() for number in left}
        for number, after in left.items():
            arguments = (number, after, segments[number], stop)
            threading.Thread(target=self._read, args=arguments, daemon=True).start()
        unfinished = [*segments]
        try:
            while unfinished:
                parts = {number: segments[number].take() for number in unfinished}
                unfinished = [number for number, part in parts.items() if part.last is not None]
                yield parts
        finally:
            stop.set()
            for segment in segments.values():
                segment.stop()

    def _read(self, number: int, after: str | None, segment: _Segment, stop: threading.Event) -> None:
        limit, is_first = _FIRST_LIMIT, True
        # With a rate, a page is about as large as what may be read in a second.
        if self.rate.per_second:
            limit = max(1, min(limit, int(self.rate.per_second)))
        expected = self.rate.per_second or 0.0
        try:
            while True:
                segment.wait()
                if stop.is_set():
                    return
                self.rate.wait(expected)
                # The length of the items is unknown, so only one segment at a time reads its first page.
                with self.table.parsing if is_first else nullcontext():
                    text = self.table.scan(number, SEGMENTS, after, limit)
                    page = self._page(text)
                length, is_first = len(text), False
                del text
                self.rate.correct(expected, page.units)
                if page.lines:
                    limit = _PAGE_CHARS * len(page.lines) // length
                    if self.rate.per_second:
                        limit = min(limit, int(self.rate.per_second * len(page.lines) / page.units))
                        expected = page.units
                    limit = max(1, limit)
                after = page.last
                segment.put(_Pieces(_in_pieces(page.lines), len(page.lines), after))
                if after is None:
                    return
        except BaseException as error:  # noqa: BLE001 - the caller's thread raises it again
            segment.put(error)

    def _page(self, text: str) -> Page:
        with self.table.parsing:
            try:
                return parsed(text, LineWriter(self.format))
            except NotPlainError as error:
                raise CannotDump(
                    f"{error}", "Plain JSON has no such values.", "Use --typed, which writes DynamoDB's JSON."
                ) from None


def _in_pieces(lines: list[bytes]) -> list[bytes]:
    size = -(-len(lines) // _PIECES) or 1
    return [b"".join(lines[start : start + size]) for start in range(0, len(lines), size)]
