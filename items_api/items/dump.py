"""A table -> a file: parallel reads, one writer, and a journal, so that an interrupted dump continues where it was."""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from items_api.errors import CannotDump
from items_api.items.lines import Format, NotPlainError, Trailer, header, write_plain, write_typed
from items_api.items.table import PAGE_UNITS, parsed

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from items_api.items.journal import Journal
    from items_api.items.output import Output
    from items_api.items.rate import Rate
    from items_api.items.table import ItemTable

SEGMENTS = 4
_COMMIT_SECONDS = 1.0
_WRITERS: dict[Format, Callable[[Any], bytes]] = {Format.PLAIN: write_plain, Format.TYPED: write_typed}


class Part(NamedTuple):
    """The lines of one page, and the key after which its segment continues; None at the end of the segment."""

    lines: list[bytes]
    last: str | None


Event: TypeAlias = "Part | BaseException"


@dataclass
class Dump:
    """`journal` is None if the output cannot be continued, such as a pipe."""

    table: ItemTable
    output: Output
    format: Format
    rate: Rate
    journal: Journal | None = None
    #: How many items the file has so far.
    items: int = 0

    def run(self, done: dict[str, Any] | None = None) -> Generator[int]:
        """Write everything. Yields the number of items after each page.

        Args:
            done: what the journal says; None for a new file.

        Raises:
            AwsError: a page could not be read.
            CannotDump: a plain file cannot have an item.
            OSError: the file cannot be written.
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
            for lines in zip_longest(*(part.lines for part in parts.values()), fillvalue=b""):
                self.output.write(b"".join(lines))
            self.items += sum(len(part.lines) for part in parts.values())
            for segment, part in parts.items():
                left[segment] = part.last
                if part.last is None:
                    del left[segment]
            if self.table.aws.now() - committed > _COMMIT_SECONDS:
                self._commit(left)
                committed = self.table.aws.now()
            yield self.items
        self.output.write(Trailer(self.items, self.output.sha256.hexdigest()).line())
        if self.journal:
            self.output.commit()
            self.journal.delete()
        self.output.flush()

    def _commit(self, left: dict[int, str | None]) -> None:
        if self.journal:
            length = self.output.commit()
            self.journal.write({"length": length, "items": self.items, "segments": left})

    def _rounds(self, left: Mapping[int, str | None]) -> Generator[dict[int, Part]]:
        """A page of each segment, by its number, as long as there are any.

        The lines of different segments alternate in the file, so that every place in it has items of all partitions of
        the table. Otherwise, a load would write to one partition after the other.
        """
        stop = threading.Event()
        # Each segment reads one page ahead.
        queues: dict[int, queue.Queue[Event]] = {segment: queue.Queue(1) for segment in left}
        for segment, after in left.items():
            arguments = (segment, after, queues[segment], stop)
            threading.Thread(target=self._read, args=arguments, daemon=True).start()
        try:
            while queues:
                parts: dict[int, Part] = {}
                for segment in [*queues]:
                    event = queues[segment].get()
                    if isinstance(event, BaseException):
                        raise event
                    parts[segment] = event
                    if event.last is None:
                        del queues[segment]
                yield parts
        finally:
            stop.set()

    def _read(self, segment: int, after: str | None, parts: queue.Queue[Event], stop: threading.Event) -> None:
        try:
            while not stop.is_set():
                part = self._part(self.table.scan(segment, SEGMENTS, after, self.rate))
                _put(parts, part, stop)
                after = part.last
                if after is None:
                    return
        except BaseException as error:  # noqa: BLE001 - the caller's thread raises it again
            _put(parts, error, stop)

    def _part(self, raw: bytes) -> Part:
        with self.table.parsing:
            try:
                page = parsed(raw, _WRITERS[self.format])
            except NotPlainError as error:
                raise CannotDump(
                    f"{error}", "Plain JSON has no such values.", "Use --typed, which writes DynamoDB's JSON."
                ) from None
        self.rate.correct(PAGE_UNITS, page.units)
        return Part(page.lines, page.last)


def _put(parts: queue.Queue[Event], event: Event, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            parts.put(event, timeout=0.1)
        except queue.Full:
            continue
        return
