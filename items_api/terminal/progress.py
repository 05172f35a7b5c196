"""The progress of a long transfer: a bar in a terminal, and a line now and then in a pipe."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from items_api.terminal.status import size_text

if TYPE_CHECKING:
    from collections.abc import Callable

_LINE_SECONDS = 10.0


class Bar:
    """`total` is what `show` counts to."""

    def __init__(self, stream: TextIO, total: float) -> None:
        columns = (BarColumn(None), TextColumn("{task.description}"), TimeRemainingColumn(compact=True))
        self._progress = Progress(*columns, console=Console(file=stream), transient=True, expand=True)
        self._task = self._progress.add_task("", total=total or None)
        self._started = time.monotonic()

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, completed: float, items: int, size: int) -> None:
        text = _text(items, size, self._started)
        self._progress.update(self._task, completed=completed, description=text)


class Lines:
    """The same for output that cannot be redrawn."""

    def __init__(self, write: Callable[[str], None], total: float) -> None:
        self._write = write
        self._total = total
        self._started = self._shown = time.monotonic()

    def show(self, completed: float, items: int, size: int) -> None:
        if time.monotonic() - self._shown > _LINE_SECONDS:
            self._shown = time.monotonic()
            percent = f", {min(completed / self._total, 1):.0%}" if self._total else ""
            self._write(_text(items, size, self._started) + percent)


def _text(items: int, size: int, started: float) -> str:
    seconds = max(time.monotonic() - started, 0.001)
    return f"{items:,} items, {size_text(size)}, {items / seconds:,.0f} items/s"
