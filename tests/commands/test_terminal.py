"""What people see in a terminal: prompts, colors, the live table, `--watch`."""

import json
import os
import pty
import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import boto3
import pytest

from items_api.cli import cli
from items_api.terminal.progress import Bar
from tests.aws import Account, Process
from tests.screens import ROWS, watch

WIDE = 300  # columns; enough for every command on one line
QUESTION = "This would delete the stack items, including the table Items and its 0 items. Continue? [y/N]:"


class Terminal:
    """The commands in this Python process, in a terminal that shows everything they ever print."""

    def __init__(self, account: Account, process: Process) -> None:
        self._account = account
        self._process = process
        self.columns = WIDE

    def run(self, *arguments: str, typed: str = "") -> int:
        """Run `items-api` with these arguments; `typed` answers its question."""
        ours, theirs = pty.openpty()
        reader = ThreadPoolExecutor(1).submit(watch, ours, self.columns, typed)
        with (
            pytest.MonkeyPatch.context() as patch,
            self._account.running(self._process),
            os.fdopen(os.dup(theirs)) as keyboard,
            os.fdopen(theirs, "w") as display,
        ):
            patch.setenv("COLUMNS", str(self.columns))
            patch.setattr(sys, "stdin", keyboard)
            patch.setattr(sys, "stdout", display)
            patch.setattr(sys, "stderr", display)
            code: int = cli.main(arguments, prog_name="items-api", standalone_mode=False)
        self._screen = reader.result()
        return code

    @property
    def lines(self) -> list[str]:
        return [line.rstrip() for line in self._screen.display if line.strip()]

    def is_bold(self, text: str) -> bool:
        row = next(number for number, line in enumerate(self._screen.display) if line.startswith(text))
        return all(self._screen.buffer[row][column].bold for column in range(len(text)))


@pytest.fixture
def terminal(account: Account, process: Process, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Terminal:
    monkeypatch.chdir(tmp_path)
    for name, value in (("TERM", "xterm"), ("LINES", str(ROWS))):
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NO_COLOR", raising=False)
    return Terminal(account, process)


def test_up_shows_each_resource_once_and_the_endpoint_in_bold(terminal: Terminal) -> None:
    assert terminal.run("up") == 0
    assert [line.split()[:2] for line in terminal.lines if "created" in line] == [["+", "created"]] * 7
    assert terminal.is_bold("https://")


def test_explain_keeps_every_command_above_the_live_table(terminal: Terminal, account: Account) -> None:
    assert terminal.run("up", "--explain") == 0
    commands = [line for line in terminal.lines if line.startswith("$ aws ")]
    assert len(commands) == sum(call.is_write and call.outcome == "ok" for call in account.journal)
    assert sum(" created " in line for line in terminal.lines) == 7


@pytest.mark.parametrize(("typed", "code", "remains"), [("y\n", 0, False), ("n\n", 1, True), ("\n", 1, True)])
def test_down_asks_and_obeys(terminal: Terminal, *, typed: str, code: int, remains: bool) -> None:
    terminal.run("up")
    assert terminal.run("down", typed=typed) == code
    assert any("including the table Items and its 0 items. Continue? [y/N]:" in line for line in terminal.lines)
    assert (terminal.run("status") == 0) is remains


@pytest.mark.parametrize(("typed", "code"), [("items\n", 0), ("y\n", 1), ("\n", 1), ("Items\n", 1), (" items \n", 0)])
def test_down_on_a_table_with_items_asks_for_the_name_of_the_stack(terminal: Terminal, typed: str, code: int) -> None:
    terminal.run("up")
    boto3.client("dynamodb").put_item(TableName="Items", Item={"itemId": {"S": "1"}})
    assert terminal.run("down", typed=typed) == code
    text = " ".join(terminal.lines)
    assert "and its 1 item. To confirm, type the name of the stack (items):" in text
    assert (terminal.run("status") == 4) is (code == 0)


def test_an_answer_of_no_is_one_plain_line(terminal: Terminal) -> None:
    terminal.run("up")
    assert terminal.run("down", typed="n\n") == 1
    assert terminal.lines[-2:] == [f"{QUESTION} n", "Nothing was changed."]
    assert terminal.run("down", "--json", typed="n\n") == 1
    start = terminal.lines.index("{")
    report = json.loads("\n".join(terminal.lines[start:]))
    assert (report["ok"], report["error"]["type"], report["error"]["why"]) == (
        False,
        "NotConfirmed",
        "You answered no.",
    )


def test_ctrl_c_at_a_prompt_leaves_its_line(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(prompt: str) -> str:
        sys.stdout.write(f"{prompt}^C")
        raise KeyboardInterrupt

    terminal.run("up")
    monkeypatch.setattr("click.termui.visible_prompt_func", interrupted)
    assert terminal.run("down") == 130
    assert terminal.lines[-3:] == [f"{QUESTION} ^C", "Error: Interrupted.", "  Why:  Nothing was changed."]


def test_no_word_is_broken_at_any_width(terminal: Terminal) -> None:
    def words(columns: int, *arguments: str) -> list[str]:
        terminal.columns = columns
        terminal.run(*arguments, "--name", "team-todo-web", typed="n\n")
        text = " ".join(terminal.lines)
        return re.sub(r"\d+\.\d s", "", re.split(r"Console|Endpoint:", text)[0]).split()

    terminal.run("up", "--name", "team-todo-web", "--throttle-rate", "5")
    for command in (
        ("up",),
        ("up", "--dry-run", "--memory", "512"),
        ("up", "--throttle-rate", "100"),
        ("status", "--memory", "512"),
        ("down",),
        ("smoke", "--region", "eu-west-1"),
        ("up", "--tag", "managed-by=me"),
    ):
        wide = words(WIDE, *command)
        assert [words(columns, *command) for columns in (40, 80, 200)] == [wide] * 3


def test_a_dump_in_a_terminal_is_the_items_without_a_bar(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal.run("up")
    boto3.client("dynamodb").put_item(TableName="Items", Item={"itemId": {"S": "1"}})
    shown: list[float] = []
    monkeypatch.setattr(Bar, "show", lambda _, completed, *__: shown.append(completed))
    assert terminal.run("dump", "items.jsonl") == 0
    assert shown
    shown.clear()
    assert terminal.run("dump") == 0
    assert shown == []
    heading, _header, item, _trailer, summary = terminal.lines
    assert heading.startswith("Stack items in account")
    assert json.loads(item) == {"itemId": "1"}
    assert summary.startswith("Wrote 1 item ")


def test_up_shows_what_is_about_to_change_before_it_asks(terminal: Terminal) -> None:
    terminal.run("up", "--throttle-rate", "5")
    assert terminal.run("up", "--throttle-rate", "100", typed="n\n") == 1
    about, question = "About to change:", "This would raise the throttle rate from 5 to 100. Continue? [y/N]:"
    found = [next(n for n, line in enumerate(terminal.lines) if text in line) for text in (about, question)]
    assert found == sorted(found)
    assert terminal.run("status") == 0


def test_watch_refreshes_until_ctrl_c_and_reads_the_metrics_once(
    terminal: Terminal, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal.run("up")
    looks = iter([None, None, KeyboardInterrupt()])

    def sleep(_seconds: float) -> None:
        if interrupted := next(looks):
            raise interrupted

    # Not time.sleep itself, which other threads call too.
    monkeypatch.setattr("items_api.commands.status.time", SimpleNamespace(sleep=sleep, strftime=time.strftime))
    assert terminal.run("status", "--watch") == 130
    assert sum("Stack items at" in line for line in terminal.lines) == 1  # the earlier ones were cleared
    assert sum(call.operation == "cloudwatch.GetMetricData" for call in account.journal) == 2  # of a day and of a month
