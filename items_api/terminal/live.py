"""Running steps as a live table: one row per resource, redrawn until all steps are done."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self, TextIO

from rich.console import Console
from rich.live import Live as RichLive
from rich.text import Text

from items_api.provision.outcome import Outcome, Progress
from items_api.terminal.text import Line, outcome_lines, outcomes_lines, resource_row
from items_api.terminal.wrapping import columns_of, wrapped

if TYPE_CHECKING:
    from collections.abc import Sequence

_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_PER_SECOND = 12


@dataclass
class _Row:
    title: str
    name: str
    event: Progress | Outcome | None = None
    since: float = 0.0


class Live:
    """At the end, the table disappears and `results`, in the same columns, take its place."""

    def __init__(self, stream: TextIO, steps: Sequence[tuple[str, str]]) -> None:
        self._stream = stream
        self._console = Console(file=stream, highlight=False)
        self._rows = {title: _Row(title, name) for title, name in steps}
        self._live = RichLive(
            get_renderable=self._table, console=self._console, refresh_per_second=_PER_SECOND, transient=True
        )

    def __enter__(self) -> Self:
        # Drawn before any worker prints: rich would take two lines printed at once for the first, and draw two tables.
        self._live.start(refresh=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def results(self) -> list[Line]:
        """The final lines. Drift was shown before the steps started."""
        outcomes = [replace(row.event, drift=()) for row in self._rows.values() if isinstance(row.event, Outcome)]
        return outcomes_lines(outcomes)

    def line(self, text: str, style: str) -> None:
        """Print a line above the table."""
        self._console.print(Text(text, style=style), soft_wrap=True)

    def show(self, event: Progress | Outcome) -> None:
        row = self._rows[event.title]
        row.since = row.since or time.monotonic()
        row.event = event

    def _table(self) -> Text:
        columns, now = columns_of(self._stream), time.monotonic()
        return Text("\n").join(line for row in self._rows.values() for line in _lines(row, now, columns))


def _lines(row: _Row, now: float, columns: int) -> list[Text]:
    event = row.event
    if isinstance(event, Outcome):
        first = next(outcome_lines(event))
        return [Text(part, first.style) for part in wrapped(first.text, columns)]
    if event is None:
        return [Text(part, "dim") for part in wrapped(resource_row(".", "pending", row.title, row.name), columns)]
    mark = _SPINNER[int(now * _PER_SECOND) % len(_SPINNER)]
    word = "waiting" if event.waiting else "running"
    shown, other = (
        wrapped(resource_row(mark, word, row.title, text, now - row.since), columns)
        for text in (row.name, event.waiting or row.name)
    )
    # What it waits for takes the place of the name if it needs no further line.
    return [Text(part) for part in (other if len(other) == len(shown) else shown)]
