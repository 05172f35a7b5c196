"""Running steps as a live table: one line per resource, redrawn until all steps are done."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self, TextIO

from rich.console import Console
from rich.live import Live as RichLive
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from items_api.provision.step import Outcome, Progress
from items_api.terminal.text import MARKS, outcome_lines, printable

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass
class _Row:
    name: str
    event: Progress | Outcome | None = None
    since: float = 0.0


class Live:
    """At the end, the table disappears and the final lines take its place."""

    def __init__(self, stream: TextIO, steps: Sequence[tuple[str, str]]) -> None:
        self._console = Console(file=stream, highlight=False)
        self._rows = {title: _Row(name) for title, name in steps}
        self._spinner = Spinner("dots")
        self._live = RichLive(get_renderable=self._table, console=self._console, refresh_per_second=12, transient=True)

    def __enter__(self) -> Self:
        # Drawn before any worker prints: rich would take two lines printed at once for the first, and draw two tables.
        self._live.start(refresh=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()
        for row in self._rows.values():
            if isinstance(row.event, Outcome):
                # The drift was shown before the steps started.
                for text, style, _essential in outcome_lines(replace(row.event, drift=())):
                    self.line(printable(text), style)

    def line(self, text: str, style: str) -> None:
        """Print a line above the table."""
        self._console.print(Text(text, style=style), soft_wrap=True)

    def show(self, event: Progress | Outcome) -> None:
        row = self._rows[event.title]
        row.since = row.since or time.monotonic()
        row.event = event

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 1))
        table.add_column(width=3, justify="right")
        table.add_column(min_width=17, no_wrap=True)
        table.add_column(no_wrap=True, overflow="ellipsis")
        for title, row in self._rows.items():
            table.add_row(self._mark(row), title, _text(row))
        return table

    def _mark(self, row: _Row) -> Spinner | Text:
        if isinstance(row.event, Outcome):
            mark, style = MARKS[str(row.event.change)]
            return Text(mark, style=style)
        return Text(" ") if row.event is None else self._spinner


def _text(row: _Row) -> Text:
    if row.event is None:
        return Text(row.name, style="dim")
    if isinstance(row.event, Outcome):
        return Text(f"{row.event.change}  {row.name}")
    seconds = f"{time.monotonic() - row.since:.0f} s"
    return Text(f"waiting {row.event.waiting}, {seconds}" if row.event.waiting else f"{row.name}  {seconds}")
