"""The commands in this Python process, on moto, in an empty folder; their output is a pipe."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from items_api.cli import cli
from tests.aws import Account, Process
from tests.items.conftest import item, put

Run = Callable[..., Result]


@pytest.fixture
def account(quick_account: Account) -> Account:
    """An empty AWS account in which nothing takes time."""
    return quick_account


@pytest.fixture
def process() -> Process:
    """To inject faults into the calls of the commands."""
    return Process("items-api")


@pytest.fixture
def run(account: Account, process: Process, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Runs `items-api` with these arguments."""
    monkeypatch.chdir(tmp_path)

    def invoke(*arguments: str, **options: Any) -> Result:
        with account.running(process):
            return CliRunner().invoke(cli, arguments, **options)

    return invoke


def document(result: Result) -> dict[str, Any]:
    """The one JSON document on stdout."""
    found = json.loads(result.stdout)
    assert isinstance(found, dict)
    return found


@pytest.fixture
def deployed(run: Run) -> Run:
    """A stack with three items."""
    run("up")
    put(*(item(number) for number in range(3)))
    return run
