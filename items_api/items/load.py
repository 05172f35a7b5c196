"""A file -> a table: many writes at once, from all over the file, and a journal, so that a load can be continued."""

from __future__ import annotations

from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from items_api.aws.errors import ServiceError
from items_api.items.journal import now_text
from items_api.items.lines import LineError, read_item
from items_api.items.table import BATCH

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Iterable, Iterator, Sequence

    from items_api.items.journal import Journal
    from items_api.items.lines import Format
    from items_api.items.rate import Rate
    from items_api.items.rejected import Rejected
    from items_api.items.source import Line
    from items_api.items.table import ItemTable

WORKERS = 12
_COMMIT_SECONDS = 1.0
# Memory limits of a batch and of all running batches, as `_cost` estimates it. A single item or batch may exceed them.
# They also keep a batch below the 16 MB that DynamoDB accepts.
_MAX_BATCH_COST, _MAX_COST = 4_000_000, 24_000_000
# Lines whose turn to be completed has not come, because one before them has not been written yet.
_MAX_OPEN_LINES, _MAX_OPEN_BYTES = 20_000, 8_000_000
_LINES_PER_STEP = 1000


class Outcome(NamedTuple):
    """What happened to a line: its item was written, or was kept because it existed, or `reason` says why not.

    An empty outcome is that of a line without an item. `text` is that of a rejected line.
    """

    written: bool = False
    kept: bool = False
    reason: str = ""
    text: bytes | None = None


class Entry(NamedTuple):
    """A line of one of the parts of a file."""

    part: PartReader
    line: Line


Outcomes = list[tuple[Entry, Outcome]]


class Batch(NamedTuple):
    entries: list[Entry]
    cost: int


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
    def open_lines(self) -> int:
        """How many lines have been read and not been completed."""
        return len(self._open)

    @property
    def open_bytes(self) -> int:
        return self._open[-1][1] - self._open[0][1] if self._open else 0

    def finish(self, line: Line, outcome: Outcome) -> None:
        self._outcomes[line.number] = outcome

    def completed(self) -> tuple[int, Outcome] | None:
        """The number and the outcome of the first line, if it is finished."""
        number = self._open[0][0] if self._open else 0
        return (number, self._outcomes[number]) if number in self._outcomes else None

    def advance(self) -> None:
        number, self.end = self._open.popleft()
        del self._outcomes[number]


@dataclass
class Load:
    """`journal` is None if the file cannot be continued, such as a pipe. `new_only` keeps existing items.

    `marks` has the numbers of the lines that are the header and the trailer.
    """

    table: ItemTable
    format: Format
    rate: Rate
    rejected: Rejected
    journal: Journal | None = None
    new_only: bool = False
    marks: Collection[int] = ()
    done: Loaded = field(default_factory=Loaded)
    started: str = field(default_factory=now_text)
    _is_consistent: bool = field(default=True, init=False)

    def run(self, parts: Sequence[PartReader]) -> Generator[int]:
        """Write the items of all lines. Repeatedly yields the number of bytes read.

        Args:
            parts: all parts of the file, each from where it is completed.

        Raises:
            AwsError: the items could not be written.
            TimedOut: DynamoDB accepts no more items.
            OSError: the file cannot be read, or a rejected line not written.
        """
        committed = self.table.aws.now()
        self._commit(parts)
        running: dict[Future[Outcomes], int] = {}
        with ThreadPoolExecutor(WORKERS, thread_name_prefix="load") as pool:
            try:
                for read, batch in self._batches(parts):
                    while running and (_is_too_far(parts) or _is_too_much([*running.values(), batch.cost])):
                        self._collect(running)
                    if batch.entries:
                        running[pool.submit(self._write, batch.entries)] = batch.cost
                    if self.table.aws.now() - committed > _COMMIT_SECONDS:
                        self._commit(parts)
                        committed = self.table.aws.now()
                    yield read
                while running:
                    self._collect(running)
            except BaseException:  # Ctrl-C, or the caller closed the generator: the workers must stop
                self.table.aws.stop()
                self._commit_finished(running, parts)
                raise
        self._commit(parts)

    def _commit_finished(self, running: Iterable[Future[Outcomes]], parts: Sequence[PartReader]) -> None:
        for future in wait(running).done:
            if self._is_consistent and not future.exception():
                self._finish(future.result())
        if self._is_consistent:
            self._commit(parts)

    def _commit(self, parts: Sequence[PartReader]) -> None:
        if self.journal:
            ends, rejected = [part.end for part in parts], self.rejected.commit()
            counts = vars(self.done)
            self.journal.write({"started": self.started, "ends": ends, "rejected": rejected, "counts": counts})

    def _batches(self, parts: Sequence[PartReader]) -> Iterator[tuple[int, Batch]]:
        """Batches of lines from all parts, and how many bytes have been read. A batch can be empty."""
        entries: list[Entry] = []
        read = cost = 0
        for number, (part, line) in enumerate(_in_turns(parts), start=1):
            text = line.text
            read += len(text or b"") + 1
            if line.number in self.marks or (text is not None and not text.strip()):
                self._finish([(Entry(part, line), Outcome())])
            else:
                more = _cost(text or b"")
                if entries and (len(entries) == BATCH or cost + more > _MAX_BATCH_COST):
                    yield read, Batch(entries, cost)
                    entries, cost = [], 0
                entries.append(Entry(part, line))
                cost += more
            if number % _LINES_PER_STEP == 0:
                yield read, Batch(entries, cost)
                entries, cost = [], 0
        yield read, Batch(entries, cost)

    def _write(self, entries: Sequence[Entry]) -> Outcomes:
        outcomes: Outcomes = []
        items: dict[str, bytes] = {}
        by_id: dict[str, Entry] = {}
        for entry in entries:
            try:
                key, item = read_item(entry.line.text, self.format, self.table.indexed)
            except LineError as error:
                outcomes.append((entry, Outcome(reason=str(error), text=entry.line.text)))
                continue
            if key in items:  # a batch cannot have an item twice
                outcomes += self._write_items(items, by_id)
                items, by_id = {}, {}
            items[key], by_id[key] = item, entry
        return outcomes + self._write_items(items, by_id)

    def _write_items(self, items: dict[str, bytes], entries: dict[str, Entry]) -> Outcomes:
        if self.new_only:
            return [(entries[key], self._write_new(item, entries[key])) for key, item in items.items()]
        reasons = self.table.write(items, self.rate)
        return [
            (entry, Outcome(reason=reasons[key], text=entry.line.text) if key in reasons else Outcome(written=True))
            for key, entry in entries.items()
        ]

    def _write_new(self, item: bytes, entry: Entry) -> Outcome:
        try:
            written = self.table.write_new(item, self.rate)
        except ServiceError as error:
            if not error.says("ValidationException"):
                raise
            return Outcome(reason=error.message, text=entry.line.text)
        return Outcome(written=written, kept=not written)

    def _collect(self, running: dict[Future[Outcomes], int]) -> None:
        """Wait for a batch, and take what has been completed out of those that are running."""
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            del running[future]
            self._finish(future.result())

    def _finish(self, outcomes: Outcomes) -> None:
        for (part, line), outcome in outcomes:
            part.finish(line, outcome)
            while completed := part.completed():
                number, first = completed
                # If this is interrupted in the middle, the last journal is what counts.
                self._is_consistent = False
                if first.reason:
                    self.rejected.add(number, first.reason, first.text)
                self.done.rejected += bool(first.reason)
                self.done.written += first.written
                self.done.kept += first.kept
                part.advance()
                self._is_consistent = True


def _is_too_much(costs: Sequence[int]) -> bool:
    """Whether these batches are too many to run at once, or too large."""
    return len(costs) > 2 * WORKERS or sum(costs) > _MAX_COST


def _is_too_far(parts: Sequence[PartReader]) -> bool:
    lines, size = sum(part.open_lines for part in parts), sum(part.open_bytes for part in parts)
    return lines > _MAX_OPEN_LINES or size > _MAX_OPEN_BYTES


def _cost(text: bytes) -> int:
    """About how many bytes the item in a line takes in memory: its text, and each value as an object of Python."""
    return 5 * len(text) + 300 * (text.count(b",") + text.count(b":"))


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
