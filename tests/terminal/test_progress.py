"""The progress of a dump or a load, in a terminal and in a pipe."""

import io
from types import SimpleNamespace

import pytest

from items_api.terminal import progress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr("items_api.terminal.progress.time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


def test_a_pipe_gets_a_line_every_ten_seconds(clock: list[float]) -> None:
    lines: list[str] = []
    show = progress.Lines(lines.append, 1000).show
    for second in range(25):
        clock[0] = float(second)
        show(second * 10, second * 5, second * 2_000_000)
    assert lines == ["55 items, 22.0 MB, 5/s, 11%", "110 items, 44.0 MB, 5/s, 22%"]


def test_without_a_total_there_is_no_percentage_and_no_division_by_zero(clock: list[float]) -> None:
    lines: list[str] = []
    show = progress.Lines(lines.append, 0).show
    show(0, 0, 0)
    clock[0] = 20.0
    show(100, 200, 300)
    assert lines == ["200 items, 300 bytes, 10/s"]


def test_the_rate_is_that_of_this_command_even_if_it_continues_another_one(clock: list[float]) -> None:
    lines: list[str] = []
    show = progress.Lines(lines.append, 0, 1_000_000).show
    clock[0] = 20.0
    show(0, 1_000_200, 0)
    assert lines == ["1,000,200 items, 0 bytes, 10/s"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("total", [0, 100])
@pytest.mark.parametrize(("columns", "has_bar"), [("40", False), ("80", True)])
def test_a_terminal_gets_the_figures_and_a_bar_if_there_is_room(
    monkeypatch: pytest.MonkeyPatch, total: float, columns: str, *, has_bar: bool
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    with progress.Bar(stream, total, before=1234) as bar:
        bar.show(50, 1234, 5_000_000)
    shown = stream.getvalue()
    assert ("1,234 items, 5.0 MB, 0/s" in shown, "━" in shown) == (True, has_bar)
