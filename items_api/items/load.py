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
_COMMIT_SECONDS = 1.0


class Entry(NamedTuple):
    """A line of one of the parts of a file, and its item."""

    part: PartReader
    line: Line
    item: Attributes


class Written(NamedTuple):
    """What a worker did with a batch: the entries that DynamoDB rejected, with the reasons, and how many existed."""

    batch: Sequence[Entry]
    rejected: Sequence[tuple[Entry, str]]
    kept: int


@dataclass
class Loaded:
    """Counts of lines. `kept` are the items that already existed and were not replaced."""

    written: int = 0
    kept: int = 0
    rejected: int = 0


class PartReader:
    """The lines of one part of a file, and how far it is completed: every line up to the offset `end` is."""

    def __init__(self, lines: Iterable[Line], end: int = 0) -> None:
        self.end = end
        self._lines = iter(lines)
        self._open: deque[Line] = deque()
        self._done: set[int] = set()

    def next(self) -> Line | None:
        """None after the last line."""
        line = next(self._lines, None)
        if line is not None:
            self._open.append(line)
        return line

    def complete(self, line: Line) -> None:
        self._done.add(line.number)
        while self._open and self._open[0].number in self._done:
            first = self._open.popleft()
            self._done.discard(first.number)
            self.end = first.end


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
        running: set[Future[Written]] = set()
        batches = self._batches(parts)
        with ThreadPoolExecutor(WORKERS, thread_name_prefix="load") as pool:
            try:
                for read, batch in batches:
                    running.add(pool.submit(self._write, batch))
                    if len(running) >= 2 * WORKERS:
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
            self._reject(part, line, str(error))
        else:
            part.complete(line)
        return None

    def _reject(self, part: PartReader, line: Line, reason: str) -> None:
        self.rejected.add(line, reason)
        self.done.rejected += 1
        part.complete(line)

    def _write(self, batch: Sequence[Entry]) -> Written:
        if not self.new_only:
            by_id = {entry.item["itemId"]["S"]: entry for entry in batch}
            reasons = self.table.write({key: entry.item for key, entry in by_id.items()}, self.rate)
            return Written(batch, [(by_id[key], reason) for key, reason in reasons.items()], 0)
        rejected, kept = [], 0
        for entry in batch:
            try:
                kept += not self.table.write_new(entry.item, self.rate)
            except ServiceError as error:
                if not error.says("ValidationException"):
                    raise
                rejected.append((entry, error.message))
        return Written(batch, rejected, kept)

    def _collect(self, running: set[Future[Written]]) -> None:
        """Wait for a batch, and take what has been completed out of those that are running."""
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            running.remove(future)
            self._complete(future.result())

    def _complete(self, written: Written) -> None:
        reasons = {entry.line.number: reason for entry, reason in written.rejected}
        for entry in written.batch:
            if (reason := reasons.get(entry.line.number)) is not None:
                self._reject(entry.part, entry.line, reason)
            else:
                entry.part.complete(entry.line)
        self.done.kept += written.kept
        self.done.written += len(written.batch) - len(written.rejected) - written.kept


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
