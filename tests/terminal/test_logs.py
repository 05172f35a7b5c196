"""Log events as lines: one line per request, and nothing that controls the terminal."""

from datetime import UTC, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from items_api.observe.events import Event
from items_api.terminal.logs import event_lines
from items_api.terminal.text import printable
from tests.observe.test_events import MOMENT, REQUEST_ID, request_line


def shown(message: str, *, verbose: bool = False) -> list[tuple[str, str]]:
    """Text and style."""
    return [line[:2] for line in event_lines(Event(MOMENT, message, "stream"), zone=UTC, verbose=verbose)]


@pytest.mark.parametrize(
    ("message", "text", "style"),
    [
        (request_line(), "GET    /items/{id+}  200      3.9 ms", ""),
        (request_line(cold=True, ms=312.0), "GET    /items/{id+}  200    312.0 ms  cold", ""),
        (request_line(status=503, error="Throttling"), "GET    /items/{id+}  503      3.9 ms  Throttling", "red"),
        (request_line(method=None, route=None, status=404), "?      (no route)    404      3.9 ms", "yellow"),
        ("hello\n", "hello", ""),
    ],
)
def test_an_event_is_one_line_with_time_method_route_status_and_milliseconds(
    message: str, text: str, style: str
) -> None:
    assert shown(message) == [(f"2026-11-23 10:24:53.627  {text}", style)]


def test_verbose_adds_the_request_id() -> None:
    [(line, _)] = shown(request_line(), verbose=True)
    assert line.endswith(f"3.9 ms  {REQUEST_ID}")


def test_times_are_in_the_given_zone() -> None:
    zone = timezone(timedelta(hours=5, minutes=45))
    [line] = event_lines(Event(MOMENT, "x", "stream"), zone=zone)
    assert line.text == "2026-11-23 16:09:53.627  x"


def test_further_lines_of_an_event_are_indented_so_that_none_can_imitate_an_event() -> None:
    forged = "2026-11-23 10:24:53.627  GET    /items/{id+}  200      3.9 ms"
    assert shown(f"x\n{forged}\r{forged}\u2028{forged}") == [
        ("2026-11-23 10:24:53.627  x", ""),
        *[(" " * 25 + forged, "")] * 3,
    ]


def test_nothing_in_a_log_controls_the_terminal() -> None:
    r"""Escape sequences change titles, colors and the clipboard; their C1 form contains no ESC."""
    assert shown("\x1b]0;owned\x07\x9b31m\u202etxt\udc80") == [
        (r"2026-11-23 10:24:53.627  \x1b]0;owned\x07\x9b31m\u202etxt\udc80", "")
    ]
    assert shown(request_line(status=500, error="\x1b[2J"))[0][0].endswith(r"  \x1b[2J")
    assert shown(request_line(route="GET \x1b[2J"))[0][0].startswith(r"2026-11-23 10:24:53.627  GET    \x1b[2J")


@given(st.text(st.characters()))
def test_everything_that_is_shown_is_printable(text: str) -> None:
    assert printable(text).isprintable()
    assert all(line.isprintable() for line, _ in shown(text))
