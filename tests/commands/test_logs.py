"""`items-api logs`: what it prints, where, and how it ends."""

import io
import json
import os
import signal
import sys
import time

import boto3
import click
import pytest

from items_api.cli import cli
from items_api.commands.logs import start_of
from tests.aws import Account
from tests.commands.conftest import Run, document
from tests.observe.conftest import GROUP
from tests.observe.test_events import REPORT, START, TIMEOUT, request_line

NOW = 1_795_429_493.0
HEAD = "Stack items in account 123456789012, region us-east-1"


@pytest.fixture
def log_group(account: Account) -> None:
    """A log group with a request, a failure, and Lambda's own lines."""
    client = boto3.client("logs")
    client.create_log_group(logGroupName=GROUP)
    client.create_log_stream(logGroupName=GROUP, logStreamName="a")
    moment = int(time.time() * 1000) - 60_000
    for number, message in enumerate([START, request_line(), REPORT, TIMEOUT]):
        event = {"timestamp": moment + number, "message": message}
        client.put_log_events(logGroupName=GROUP, logStreamName="a", logEvents=[event])  # type: ignore[list-item]


def follow(*options: str) -> int:
    """Prints to `sys.stdout` and returns the exit code."""
    return int(cli.main(["logs", "--follow", *options], prog_name="items-api", standalone_mode=False))


@pytest.mark.usefixtures("log_group")
@pytest.mark.parametrize(
    ("options", "first_words"),
    [
        ([], ["GET", TIMEOUT.split()[0]]),
        (["--verbose"], ["START", "GET", "REPORT", TIMEOUT.split()[0]]),
        (["--filter", "Billed Duration"], ["REPORT"]),
        (["--errors"], [TIMEOUT.split()[0]]),
    ],
)
def test_lambdas_own_lines_are_shown_on_request(run: Run, options: list[str], first_words: list[str]) -> None:
    result = run("logs", *options)
    first, *lines = result.stdout.splitlines()
    assert (result.exit_code, first) == (0, HEAD)
    assert [line[25:].split()[0] for line in lines] == first_words


@pytest.mark.usefixtures("log_group")
def test_an_empty_result_is_not_a_failure(run: Run) -> None:
    result = run("logs", "--since", "30s")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[1].startswith("No lines since ")
    quiet = run("logs", "--quiet", "--since", "30s")
    assert (quiet.exit_code, quiet.stdout) == (0, "")


@pytest.mark.usefixtures("log_group")
def test_json_is_one_document_with_every_event(run: Run) -> None:
    result = run("logs", "--json")
    report = document(result)
    assert [event["message"] for event in report.pop("events")] == [START, request_line(), REPORT, TIMEOUT]
    assert report == {
        "command": "logs",
        "name": "items",
        "account": "123456789012",
        "region": "us-east-1",
        "endpoint": None,
        "ok": True,
        "error": None,
    }
    assert (result.exit_code, result.stderr) == (0, f"{HEAD}\n")


class CtrlC(io.StringIO):
    """A stdout whose reader presses Ctrl-C at the first line that contains this text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text

    def write(self, text: str) -> int:
        count = super().write(text)
        if self._text in text:
            signal.raise_signal(signal.SIGINT)
        return count


@pytest.mark.usefixtures("log_group")
def test_ctrl_c_ends_follow_with_130_and_without_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdout", CtrlC("Task timed out"))
    assert follow() == 130
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("log_group")
def test_follow_with_json_is_a_stream_of_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    stdout = CtrlC("Task timed out")
    monkeypatch.setattr(sys, "stdout", stdout)
    assert follow("--json") == 130
    lines = stdout.getvalue().splitlines()
    assert [json.loads(line)["message"] for line in lines] == [START, request_line(), REPORT, TIMEOUT]


@pytest.mark.usefixtures("log_group")
def test_follow_ends_when_its_reader_exits(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with `| head`, which is not an error."""
    ours, theirs = os.pipe()
    os.close(ours)
    with os.fdopen(theirs, "w") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        assert follow() == 0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0s", 0), ("30s", 30), ("15m", 900), ("2h", 7200), ("1d", 86_400)],
)
def test_since_accepts_an_age(text: str, seconds: int) -> None:
    assert start_of(text, NOW) == 1000 * (NOW - seconds)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-23T10:00Z", 1_795_428_000_000),
        ("2026-11-23T10:00:00.250+00:00", 1_795_428_000_250),
        ("2026-11-23 15:45+05:45", 1_795_428_000_000),
        ("999999999d", 0),
        ("1969-12-31T00:00Z", 0),
    ],
)
def test_since_accepts_an_iso_8601_time_and_never_goes_before_1970(text: str, moment: int) -> None:
    assert start_of(text, NOW) == moment


@pytest.mark.parametrize("text", ["", "15", "m", "-15m", "1.5h", "15 m", "15M", "1w", "9999999999d", "noon", "٣m "])
def test_since_accepts_nothing_else(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is not a time"):
        start_of(text, NOW)


def test_since_rejects_the_future() -> None:
    with pytest.raises(click.BadParameter, match="is in the future"):
        start_of("2099-01-01", NOW)
