"""A table -> a file: parallel reads, one writer, and commits, so that an interrupted dump continues where it was."""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass
from functools import partial
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, NamedTuple

from items_api.errors import CannotDump
from items_api.items.lines import Format, NotPlainError, Trailer, header
from items_api.items.table import parsed
from items_api.items.writing import LineWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from items_api.items.output import Output
    from items_api.items.rate import Rate
    from items_api.items.table import ItemTable, Page

SEGMENTS = 4
_COMMIT_SECONDS = 1.0
_PIECES = 64  # of a page, in which the segments alternate in the file
# A page is about as long as this in DynamoDB's JSON, which can be nine times as long as the size that DynamoDB counts.
_PAGE_CHARS = 2_000_000


class _Part(NamedTuple):
    """The lines of one page in pieces, and the key after which its segment continues; None at its end."""

    pieces: list[bytes]
    items: int
    last: str | None


class _Request(NamedTuple):
    """A page of at most `limit` items, for which about `units` read units are used."""

    after: str | None
    limit: int
    units: float


class _Segment:
    """Reads pages in a thread of its own, one at a time, while the pages of other segments are converted."""

    def __init__(self, read: Callable[[_Request], str]) -> None:
        self._read = read
        self._requests: queue.SimpleQueue[_Request | None] = queue.SimpleQueue()
        self._pages: queue.SimpleQueue[str | BaseException] = queue.SimpleQueue()
        threading.Thread(target=self._run, daemon=True).start()

    def request(self, request: _Request) -> None:
        self._requests.put(request)

    def take(self) -> str:
        """Raises what reading has raised."""
        page = self._pages.get()
        if isinstance(page, BaseException):
            raise page
        return page

    def stop(self) -> None:
        self._requests.put(None)

    def _run(self) -> None:
        while request := self._requests.get():
            try:
                page: str | BaseException = self._read(request)
            except BaseException as error:  # noqa: BLE001 - the caller's thread raises it again
                page = error
            self._pages.put(page)


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

    def _rounds(self, left: Mapping[int, str | None]) -> Generator[dict[int, _Part]]:
        """A page of each segment, by its number, as long as there are any.

        The segments alternate in the file, so that every place in it has items of all partitions of the table.
        Otherwise, a load would write to one partition after the other.
        """
        writer = LineWriter(self.format)
        requests = {number: _Request(after, 1, 0.0) for number, after in left.items()}
        segments: dict[int, _Segment] = {}
        try:
            while requests:
                parts: dict[int, _Part] = {}
                for number, request in requests.items():
                    if number not in segments:
                        # The length of its items is unknown, so the first page of a segment is read alone.
                        segments[number] = _Segment(partial(self._read, number))
                        segments[number].request(request)
                    text = segments[number].take()
                    page = _page(text, writer)
                    self.rate.correct(request.units, page.units)
                    if page.last is not None:
                        requests[number] = _Request(page.last, self._limit(page, len(text)), page.units)
                        segments[number].request(requests[number])
                    parts[number] = _Part(_in_pieces(page.lines), len(page.lines), page.last)
                    del text, page
                requests = {number: request for number, request in requests.items() if parts[number].last is not None}
                yield parts
        finally:
            for segment in segments.values():
                segment.stop()

    def _limit(self, page: Page, length: int) -> int:
        """How many items the page after this one may have, which has this length in JSON."""
        limit = _PAGE_CHARS * len(page.lines) // length
        # With a rate, a page is about as large as what may be read in a second.
        if self.rate.per_second and page.lines:
            limit = min(limit, int(self.rate.per_second * len(page.lines) / page.units))
        return max(1, limit)

    def _read(self, number: int, request: _Request) -> str:
        self.rate.wait(request.units)
        return self.table.scan(number, SEGMENTS, request.after, request.limit)


def _page(text: str, writer: LineWriter) -> Page:
    try:
        return parsed(text, writer)
    except NotPlainError as error:
        todo = "Use --typed, which writes DynamoDB's JSON."
        raise CannotDump(f"{error}", "Plain JSON has no such values.", todo) from None


def _in_pieces(lines: list[bytes]) -> list[bytes]:
    size = -(-len(lines) // _PIECES) or 1
    return [b"".join(lines[start : start + size]) for start in range(0, len(lines), size)]
