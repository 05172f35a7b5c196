"""The live table and the final lines have the same columns, so nothing moves when the steps are done."""

import io

import pytest

from items_api.errors import Problem
from items_api.provision.outcome import Change, Outcome, Progress
from items_api.terminal.live import Live
from items_api.terminal.wrapping import wrapped

TITLES = ("DynamoDB table", "IAM role", "log group", "Lambda function", "HTTP API", "invoke permission")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(params=[40, 60, 80, 120, 200])
def columns(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setenv("COLUMNS", str(request.param))
    return int(request.param)


def table(live: Live) -> list[str]:
    return live._table().plain.split("\n")


def test_a_finished_row_is_the_final_line(columns: int) -> None:
    live = Live(Terminal(), [(title, "team-todo") for title in TITLES])
    for title, change in zip(TITLES, Change, strict=False):
        live.show(Outcome(type="x", title=title, name="team-todo", change=change, seconds=12.3))
    lines = [part for line in live.results() for part in wrapped(line.text, columns)]
    assert table(live) == lines
    assert max(map(len, lines)) <= columns


def test_a_row_keeps_its_columns_and_its_height_while_it_runs(columns: int) -> None:
    name = "/aws/lambda/team-todo-api"
    live = Live(Terminal(), [("log group", name)])
    rows = [table(live)]
    done = Outcome(type="x", title="log group", name=name, change=Change.CREATED, seconds=0.3)
    for event in (Progress("log group"), Progress("log group", "for the group to appear"), done):
        live.show(event)
        rows.append(table(live))
    assert {row[0].index("log group") for row in rows} == {14}
    words = ["pending", "running", "waiting", "created"]
    assert [row[0][4:13].strip() for row in rows] == words
    assert {len(row) for row in rows} == {len(rows[0])}
    pending, running, waiting, finished = rows
    assert len({row[-1].index(name) for row in (pending, running, finished)}) == 1
    assert waiting[-1].endswith("appear")


def test_a_reason_to_wait_that_would_need_another_line_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    live = Live(Terminal(), [("HTTP API", "items-http-api")])
    live.show(Progress("HTTP API", "for the new routes to be deployed"))
    [line] = table(live)
    assert line.split()[1:4] == ["waiting", "HTTP", "API"]
    assert line.endswith("items-http-api")


def test_an_error_follows_its_row() -> None:
    live = Live(Terminal(), [("IAM role", "items-api-role")])
    problem = Problem("It failed.", "A reason.", "Run this:\nmake it")
    live.show(Outcome(type="x", title="IAM role", name="r", change=Change.FAILED, error=problem))
    assert [line.text.strip() for line in live.results()[1:]] == [
        "It failed.",
        "Why:  A reason.",
        "Next: Run this:",
        "make it",
    ]
