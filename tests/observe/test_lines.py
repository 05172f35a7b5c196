"""A log event as people and programs read it: one line a request, nothing that steers a terminal."""

from __future__ import annotations

import json
from datetime import UTC, timedelta, timezone
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from items_api.errors import Problem
from items_api.handler.index import Api
from items_api.observe.lines import (
    event_json,
    event_lines,
    is_error,
    is_platform,
    matches,
    report_json,
    request_of,
)
from items_api.observe.logs import Event
from items_api.render import printable

MOMENT = 1_795_429_493_627
REQUEST_ID = "825843b5-09fb-4ff1-8c5d-b91cb27cd3fe"
START = f"START RequestId: {REQUEST_ID} Version: $LATEST\n"
REPORT = f"REPORT RequestId: {REQUEST_ID}\tDuration: 7 ms\tBilled Duration: 7 ms\tMemory Size: 256 MB\n"
TIMEOUT = f"2026-11-23T10:24:53.627Z {REQUEST_ID} Task timed out after 10.01 seconds\n"
TRACEBACK = (
    "[ERROR] KeyError: 'TABLE_NAME'\nTraceback (most recent call last):\n  File \"/var/task/handler/index.py\"\n"
)


def request_line(**changes: Any) -> str:
    line = {
        "method": "GET",
        "route": "GET /items/{id+}",
        "status": 200,
        "ms": 3.9,
        "requestId": REQUEST_ID,
        "cold": False,
    }
    return json.dumps({**line, **changes}) + "\n"


def shown(message: str, *, verbose: bool = False) -> list[tuple[str, str]]:
    return list(event_lines(Event(MOMENT, message, "stream"), zone=UTC, verbose=verbose))


def test_the_line_that_the_handler_writes_is_known_as_a_request() -> None:
    """Not a copy of its format: the handler itself writes it."""
    written: list[str] = []
    Api(cast("Any", None), written.append).handle({})
    assert request_of(written[0]) == json.loads(written[0])


@pytest.mark.parametrize(
    "message",
    [
        "",
        "plain text",
        "{not json",
        "[" * 100_000,
        '{"a":' * 100_000,
        '{"status": 200}',
        request_line(status="200"),
        request_line(status=True),
        request_line(ms=None),
    ],
)
def test_no_other_line_is_taken_for_a_request(message: str) -> None:
    assert request_of(message) is None


def test_a_request_is_one_line_with_time_method_path_status_and_milliseconds() -> None:
    assert shown(request_line()) == [("2026-11-23 10:24:53.627  GET    /items/{id+}  200      3.9 ms", "")]


def test_a_cold_start_is_marked() -> None:
    assert shown(request_line(cold=True, ms=312.0)) == [
        ("2026-11-23 10:24:53.627  GET    /items/{id+}  200    312.0 ms  cold", "")
    ]


def test_a_cause_stands_in_the_line() -> None:
    assert shown(request_line(status=503, error="ThrottlingException")) == [
        ("2026-11-23 10:24:53.627  GET    /items/{id+}  503      3.9 ms  ThrottlingException", "red")
    ]


def test_a_request_without_a_route_is_shown_too() -> None:
    assert shown(request_line(method=None, route=None, status=404)) == [
        ("2026-11-23 10:24:53.627  ?      (no route)    404      3.9 ms", "yellow")
    ]


def test_verbose_adds_the_request_id() -> None:
    [(line, _)] = shown(request_line(), verbose=True)
    assert line.endswith(f"3.9 ms  {REQUEST_ID}")


def test_times_are_those_of_the_zone() -> None:
    zone = timezone(timedelta(hours=5, minutes=45))
    [(line, _)] = event_lines(Event(MOMENT, "x", "stream"), zone=zone)
    assert line == "2026-11-23 16:09:53.627  x"


def test_other_lines_are_shown_as_they_are() -> None:
    assert shown("hello\n") == [("2026-11-23 10:24:53.627  hello", "")]


def test_further_lines_of_an_event_are_indented_so_that_none_can_pass_for_another_event() -> None:
    forged = "2026-11-23 10:24:53.627  GET    /items/{id+}  200      3.9 ms"
    assert shown(f"x\n{forged}\r{forged}\u2028{forged}") == [
        ("2026-11-23 10:24:53.627  x", ""),
        *[(" " * 25 + forged, "")] * 3,
    ]


def test_nothing_in_a_log_steers_the_terminal() -> None:
    r"""Title changes, clipboard writes and colours come from escape sequences; the C1 form has no ESC in it."""
    assert shown("\x1b]0;owned\x07\x9b31m\u202etxt\udc80") == [
        (r"2026-11-23 10:24:53.627  \x1b]0;owned\x07\x9b31m\u202etxt\udc80", "")
    ]
    assert shown(request_line(status=500, error="\x1b[2J"))[0][0].endswith(r"  \x1b[2J")
    assert shown(request_line(route="GET \x1b[2J"))[0][0].startswith(r"2026-11-23 10:24:53.627  GET    \x1b[2J")


@given(st.text(st.characters()))
def test_whatever_is_shown_is_printable(text: str) -> None:
    assert printable(text).isprintable()
    assert all(line.isprintable() for line, _ in shown(text))


@pytest.mark.parametrize(
    "message",
    [
        request_line(status=500),
        request_line(status=503, error="ThrottlingException"),
        request_line(status=200, error="the reply was late"),
        TIMEOUT,
        TRACEBACK,
        "[CRITICAL] out of cheese",
        f"RequestId: {REQUEST_ID} Error: Runtime exited with error: signal: killed\nRuntime.ExitError\n",
        f"REPORT RequestId: {REQUEST_ID}\tDuration: 10000.00 ms\tStatus: timeout\n",
        "INIT_REPORT Init Duration: 10000.00 ms\tPhase: init\tStatus: error\tError Type: Runtime.Unknown\n",
        f"RequestId: {REQUEST_ID} Process exited before completing request",
    ],
)
def test_errors_are_5xx_replies_and_what_lambda_says_of_failures(message: str) -> None:
    assert is_error(message)


@pytest.mark.parametrize("message", [request_line(), request_line(status=404), START, REPORT, "", "no [ERROR] here"])
def test_a_4xx_reply_and_the_usual_lines_are_no_errors(message: str) -> None:
    assert not is_error(message)


@pytest.mark.parametrize(
    "message",
    [START, REPORT, f"END RequestId: {REQUEST_ID}\n", "INIT_START Runtime Version: python:3.13.v1\n"],
)
def test_lambdas_own_account_is_told_from_the_functions_lines(message: str) -> None:
    assert is_platform(message)
    assert not is_platform(f"x {message}")
    assert not is_platform(request_line())


def test_filter_looks_for_the_text_in_the_line_as_it_stands_in_the_log() -> None:
    line = request_line(cold=True)
    assert matches(line, text='"cold": true')
    assert matches(line, text="GET /items")
    assert not matches(line, text="get /items")
    assert not matches(line, text="GET.*items")


def test_filter_and_errors_must_both_hold() -> None:
    assert matches(request_line(status=500), text="GET", errors=True)
    assert not matches(request_line(status=500), text="PUT", errors=True)
    assert not matches(request_line(), text="GET", errors=True)


def test_a_json_line_holds_the_message_untouched_and_the_request_read_from_it() -> None:
    message = request_line()
    assert json.loads(event_json(Event(MOMENT, message, "stream", "id-1"))) == {
        "time": "2026-11-23T10:24:53.627Z",
        "stream": "stream",
        "id": "id-1",
        "message": message,
        "request": json.loads(message),
    }


@given(st.text(st.characters()))
def test_json_is_one_line_of_printable_ascii_and_loses_nothing(text: str) -> None:
    line = event_json(Event(MOMENT, text, "stream"))
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["message"] == text


def test_the_document_of_a_failure_has_the_same_keys() -> None:
    good = json.loads(report_json([Event(MOMENT, "x", "s")], name="items", account="1", region="us-east-1"))
    bad = json.loads(report_json([], name="items", error=Problem("What.", "Why.", "Next.")))
    assert list(good) == list(bad) == ["command", "name", "account", "region", "ok", "events", "error"]
    assert (good["ok"], bad["ok"]) == (True, False)
    assert bad["error"]["what"] == "What."
