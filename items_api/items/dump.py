"""A table -> a file: parallel reads, one writer, and a journal, so that an interrupted dump continues where it was."""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from items_api.aws.errors import AwsError, Stopped
from items_api.errors import CannotDump
from items_api.items.lines import Format, NotPlainError, Trailer, header, write_plain, write_typed
from items_api.items.table import PAGE_UNITS, parsed

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from items_api.items.journal import Journal
    from items_api.items.output import Output
    from items_api.items.rate import Rate
    from items_api.items.table import ItemTable

SEGMENTS = 4
_COMMIT_SECONDS = 1.0
_WRITERS: dict[Format, Callable[[Any], bytes]] = {Format.PLAIN: write_plain, Format.TYPED: write_typed}


class Part(NamedTuple):
    """The lines of one page, and the key after which its segment continues; None at the end of the segment."""

    segment: int
    last: str | None
    data: bytes
    items: int


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
        for part in self._parts(left):
            self.output.write(part.data)
            self.items += part.items
            if part.last is None:
                del left[part.segment]
            else:
                left[part.segment] = part.last
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

    def _parts(self, left: dict[int, str | None]) -> Generator[Part]:
        """The pages of all segments as they arrive. Each segment has at most one page in memory."""
        parts: queue.Queue[Event] = queue.Queue(1)
        stop = threading.Event()
        threads = [
            threading.Thread(target=self._read, args=(segment, after, parts, stop), daemon=True)
            for segment, after in left.items()
        ]
        for thread in threads:
            thread.start()
        unfinished = len(threads)
        try:
            while unfinished:
                event = parts.get()
                if isinstance(event, BaseException):
                    raise event
                unfinished -= event.last is None
                yield event
        finally:
            stop.set()

    def _read(self, segment: int, after: str | None, parts: queue.Queue[Event], stop: threading.Event) -> None:
        try:
            while not stop.is_set():
                part = self._part(segment, self.table.scan(segment, SEGMENTS, after, self.rate))
                _put(parts, part, stop)
                after = part.last
                if after is None:
                    return
        except (AwsError, Stopped) as error:
            _put(parts, error, stop)
        except BaseException as defect:  # noqa: BLE001 - the caller's thread raises it again
            _put(parts, defect, stop)

    def _part(self, segment: int, raw: bytes) -> Part:
        write = _WRITERS[self.format]
        with self.table.parsing:
            page = parsed(raw)
            try:
                data = b"".join([write(item) for item in page.items])
            except NotPlainError as error:
                raise CannotDump(
                    f"{error}", "Plain JSON has no such values.", "Use --typed, which writes DynamoDB's JSON."
                ) from None
            self.rate.correct(PAGE_UNITS, page.units)
            return Part(segment, page.last, data, len(page.items))


def _put(parts: queue.Queue[Event], event: Event, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            parts.put(event, timeout=0.1)
        except queue.Full:
            continue
        return
