"""A file -> a table: many writes at once, from all over the file, and a journal, so that a load can be continued."""

from __future__ import annotations

from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from items_api.aws.errors import ServiceError
from items_api.items.lines import LineError, is_mark, read_item
from items_api.items.table import BATCH

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Sequence

    from items_api.items.journal import Journal
    from items_api.items.lines import Attributes, Format
    from items_api.items.rate import Rate
    from items_api.items.rejected import Rejected
    from items_api.items.source import Line
    from items_api.items.table import ItemTable

WORKERS = 12
# Lines whose turn to be completed has not come, because one before them has not been written yet.
_MAX_OPEN = 20_000
_COMMIT_SECONDS = 1.0


class Outcome(NamedTuple):
    """What happened to a line: its item was written, or was kept because it existed, or `reason` says why not.

    An empty outcome is that of a line without an item. `text` is that of a rejected line.
    """

    written: bool = False
    kept: bool = False
    reason: str = ""
    text: bytes | None = None


class Entry(NamedTuple):
    """A line of one of the parts of a file, and its item."""

    part: PartReader
    line: Line
    item: Attributes


@dataclass
class Loaded:
    """Counts of lines. `kept` are the items that already existed and were not replaced."""

    written: int = 0
    kept: int = 0
    rejected: int = 0


class PartReader:
    """The lines of one part of a file, and how far it is completed: every line up to the offset `end` is.

    Lines are completed in their order, so that a load that continues after `end` counts none of them twice.
    """

    def __init__(self, lines: Iterable[Line], end: int = 0) -> None:
        self.end = end
        self._lines = iter(lines)
        self._open: deque[tuple[int, int]] = deque()
        self._outcomes: dict[int, Outcome] = {}

    def next(self) -> Line | None:
        """None after the last line."""
        line = next(self._lines, None)
        if line is not None:
            self._open.append((line.number, line.end))
        return line

    @property
    def open(self) -> int:
        """How many lines have been read and not been completed."""
        return len(self._open)

    def complete(self, line: Line, outcome: Outcome) -> Iterator[tuple[int, Outcome]]:
        """Yields every line that is completed now, by its number."""
        self._outcomes[line.number] = outcome
        while self._open and self._open[0][0] in self._outcomes:
            number, self.end = self._open.popleft()
            yield number, self._outcomes.pop(number)


@dataclass
class Load:
    """`journal` is None if the file cannot be continued, such as a pipe. `new_only` keeps existing items."""

    table: ItemTable
    format: Format
    rate: Rate
    rejected: Rejected
    journal: Journal | None = None
    new_only: bool = False
    done: Loaded = field(default_factory=Loaded)

    def run(self, parts: Sequence[PartReader]) -> Generator[int]:
        """Write the items of all lines. Yields how many bytes of the file have been read, after each batch.

        Args:
            parts: all parts of the file, each from where it is completed.

        Raises:
            AwsError: the items could not be written.
            TimedOut: DynamoDB accepts no more items.
            OSError: the file cannot be read, or a rejected line not written.
        """
        committed = self.table.aws.now()
        self._commit(parts)
        running: set[Future[list[tuple[Entry, Outcome]]]] = set()
        batches = self._batches(parts)
        with ThreadPoolExecutor(WORKERS, thread_name_prefix="load") as pool:
            try:
                for read, batch in batches:
                    running.add(pool.submit(self._write, batch))
                    while len(running) >= 2 * WORKERS or (running and sum(part.open for part in parts) > _MAX_OPEN):
                        self._collect(running)
                    if self.table.aws.now() - committed > _COMMIT_SECONDS:
                        self._commit(parts)
                        committed = self.table.aws.now()
                    yield read
                while running:
                    self._collect(running)
            except BaseException:  # Ctrl-C, or the caller closed the generator: the workers must stop
                self.table.aws.stop()
                for future in wait(running).done:
                    if not future.exception():
                        self._complete(future.result())
                self._commit(parts)
                raise
        self._commit(parts)

    def _commit(self, parts: Sequence[PartReader]) -> None:
        if self.journal:
            self.journal.write(
                {
                    "ends": [part.end for part in parts],
                    "rejected": self.rejected.commit(),
                    "counts": vars(self.done),
                }
            )

    def _batches(self, parts: Sequence[PartReader]) -> Iterator[tuple[int, list[Entry]]]:
        """Batches of items from all parts, and how many bytes of lines have been read."""
        batch: dict[str, Entry] = {}
        read = 0
        for part, line in _in_turns(parts):
            read += len(line.text or b"") + 1
            item = self._item(part, line)
            if item is None:
                continue
            key = item["itemId"]["S"]
            if len(batch) == BATCH or key in batch:  # a batch cannot have an item twice
                yield read, list(batch.values())
                batch = {}
            batch[key] = Entry(part, line, item)
        if batch:
            yield read, list(batch.values())

    def _item(self, part: PartReader, line: Line) -> Attributes | None:
        """None if the line has no item: it is rejected, or the header, the trailer or empty."""
        try:
            if line.text is None or (line.text.strip() and not is_mark(line.text)):
                return read_item(line.text, self.format, self.table.indexed)
        except LineError as error:
            self._complete_line(part, line, Outcome(reason=str(error), text=line.text))
        else:
            self._complete_line(part, line, Outcome())
        return None

    def _write(self, batch: Sequence[Entry]) -> list[tuple[Entry, Outcome]]:
        if self.new_only:
            return [(entry, self._write_new(entry)) for entry in batch]
        by_id = {entry.item["itemId"]["S"]: entry for entry in batch}
        reasons = self.table.write({key: entry.item for key, entry in by_id.items()}, self.rate)
        return [
            (entry, Outcome(reason=reasons[key], text=entry.line.text) if key in reasons else Outcome(written=True))
            for key, entry in by_id.items()
        ]

    def _write_new(self, entry: Entry) -> Outcome:
        try:
            written = self.table.write_new(entry.item, self.rate)
        except ServiceError as error:
            if not error.says("ValidationException"):
                raise
            return Outcome(reason=error.message, text=entry.line.text)
        return Outcome(written=written, kept=not written)

    def _collect(self, running: set[Future[list[tuple[Entry, Outcome]]]]) -> None:
        """Wait for a batch, and take what has been completed out of those that are running."""
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            running.remove(future)
            self._complete(future.result())

    def _complete(self, outcomes: Iterable[tuple[Entry, Outcome]]) -> None:
        for entry, outcome in outcomes:
            self._complete_line(entry.part, entry.line, outcome)

    def _complete_line(self, part: PartReader, line: Line, outcome: Outcome) -> None:
        for number, completed in part.complete(line, outcome):
            self.done.written += completed.written
            self.done.kept += completed.kept
            if completed.reason:
                self.done.rejected += 1
                self.rejected.add(number, completed.reason, completed.text)


def _in_turns(parts: Sequence[PartReader]) -> Iterator[tuple[PartReader, Line]]:
    """One line of each part, then the next one of each, and so on."""
    unread = [*parts]
    while unread:
        for part in [*unread]:
            line = part.next()
            if line is None:
                unread.remove(part)
            else:
                yield part, line
