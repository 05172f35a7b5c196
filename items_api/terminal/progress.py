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
_WIDE = 60  # columns that also have room for a bar


class _Rate:
    """Items, bytes and items per second as text. What an interrupted command had done before is not its own speed."""

    def __init__(self, before: int) -> None:
        self._started = time.monotonic()
        self._before = before

    def text(self, items: int, size: int) -> str:
        seconds = max(time.monotonic() - self._started, 0.001)
        return f"{items:,} items, {size_text(size)}, {(items - self._before) / seconds:,.0f}/s"


class Bar:
    """`total` is what `show` counts to."""

    def __init__(self, stream: TextIO, total: float, before: int = 0) -> None:
        console = Console(file=stream)
        bar = [BarColumn(None)] if console.width >= _WIDE else []
        columns = (*bar, TextColumn("{task.description}"), TimeRemainingColumn(compact=True))
        self._progress = Progress(*columns, console=console, transient=True, expand=True)
        self._task = self._progress.add_task("", total=total or None)
        self._rate = _Rate(before)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, completed: float, items: int, size: int) -> None:
        self._progress.update(self._task, completed=completed, description=self._rate.text(items, size))


class Lines:
    """The same for output that cannot be redrawn."""

    def __init__(self, write: Callable[[str], None], total: float, before: int = 0) -> None:
        self._write = write
        self._total = total
        self._rate = _Rate(before)
        self._shown = time.monotonic()

    def show(self, completed: float, items: int, size: int) -> None:
        text = self._rate.text(items, size)
        if time.monotonic() - self._shown > _LINE_SECONDS:
            self._shown = time.monotonic()
            percent = f", {min(completed / self._total, 1):.0%}" if self._total else ""
            self._write(text + percent)
