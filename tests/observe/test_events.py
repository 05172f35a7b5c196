"""The kind of line that a log event is, and its JSON."""

import json
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from items_api.handler.index import Api
from items_api.observe.events import Event

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


def event(message: str) -> Event:
    return Event(MOMENT, message, "stream", "id-1")


def test_the_line_that_the_handler_writes_is_recognized_as_a_request() -> None:
    """Not a copy of its format: the handler itself writes the line."""
    written: list[str] = []
    Api(cast("Any", None), written.append).handle({})
    assert event(written[0]).request == json.loads(written[0])


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
def test_no_other_line_is_recognized_as_a_request(message: str) -> None:
    assert event(message).request is None


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
def test_errors_are_5xx_responses_and_lambdas_messages_about_failures(message: str) -> None:
    assert event(message).is_error


@pytest.mark.parametrize("message", [request_line(), request_line(status=404), START, REPORT, "", "no [ERROR] here"])
def test_a_4xx_response_and_ordinary_lines_are_not_errors(message: str) -> None:
    assert not event(message).is_error


@pytest.mark.parametrize(
    "message",
    [START, REPORT, f"END RequestId: {REQUEST_ID}\n", "INIT_START Runtime Version: python:3.13.v1\n"],
)
def test_lambdas_own_lines_are_distinguished_from_the_functions(message: str) -> None:
    assert event(message).is_platform
    assert not event(f"x {message}").is_platform
    assert not event(request_line()).is_platform


def test_filter_matches_the_exact_text_of_the_line() -> None:
    line = event(request_line(cold=True))
    assert line.matches(text='"cold": true')
    assert line.matches(text="GET /items")
    assert not line.matches(text="get /items")
    assert not line.matches(text="GET.*items")


def test_filter_and_errors_must_both_match() -> None:
    assert event(request_line(status=500)).matches(text="GET", errors=True)
    assert not event(request_line(status=500)).matches(text="PUT", errors=True)
    assert not event(request_line()).matches(text="GET", errors=True)


def test_json_has_the_unchanged_message_and_the_request_read_from_it() -> None:
    message = request_line()
    assert event(message).as_json() == {
        "time": "2026-11-23T10:24:53.627Z",
        "stream": "stream",
        "id": "id-1",
        "message": message,
        "request": json.loads(message),
    }


@given(st.text(st.characters()))
def test_json_is_one_line_of_printable_ascii_and_loses_nothing(text: str) -> None:
    line = json.dumps(event(text).as_json())
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["message"] == text
