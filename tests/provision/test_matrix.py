"""The fault matrix: whichever call of a command fails, and however it fails, the next commands finish the job."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pytest
from moto import mock_aws

from items_api.errors import Problem
from items_api.settings import Settings
from tests.aws import MOTO, NO_DELAYS, SHORT, Account, Fault, ProcessKilled
from tests.provision.drive import changes, down, errors, up

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.aws import ProcessSession

CHANGED = Settings(
    memory=512,
    timeout=20,
    log_retention=30,
    throttle_rate=50,
    cors_origins=("https://a.example",),
    tags={"team": "web"},
)
# A read has no effect, so a lost answer and a 500 are one case for it, and so are both ways to be killed.
FAULTS_OF_READS = (Fault.THROTTLED_FIVE_TIMES, Fault.FAILED_BEFORE, Fault.DENIED, Fault.KILLED_BEFORE)
FAULTS = (*FAULTS_OF_READS, Fault.FAILED_AFTER, Fault.CUT_AFTER, Fault.KILLED_AFTER)
# What a command cannot survive. After any other fault it has to succeed.
FATAL = {Fault.DENIED, Fault.KILLED_BEFORE, Fault.KILLED_AFTER}
SETTINGS = {"up": Settings(), "changing up": CHANGED, "down": Settings()}


def run(command: str, account: Account, session: ProcessSession) -> list[str]:
    """What goes wrong with the command."""
    if command != "down":
        return errors(up(account, session, SETTINGS[command]))
    outcomes, left = down(account, session)
    return errors(outcomes) + [f"left: {outcome.name}" for outcome in left]


def prepare(command: str, account: Account) -> None:
    """Deploy what the command works on. The account is empty."""
    if command != "up":
        account.delays = NO_DELAYS
        assert errors(up(account, account.session("prepare"))) == []
        account.rest()
    account.delays = SHORT


@cache
def points(command: str) -> list[tuple[str, int, bool]]:
    """(operation, nth, whether it is a write) of every call without a fault; of a repeated read, the first two."""
    with mock_aws(config=MOTO), Account() as account:
        prepare(command, account)
        assert run(command, account, account.session("faulted")) == []
        calls = account.journal.of(process="faulted")
        return [(call.operation, call.nth, call.is_write) for call in calls if call.is_write or call.nth <= 2]


@cache
def deployed(command: str) -> object:
    """The stack that the command's settings describe."""
    with mock_aws(config=MOTO), Account(delays=NO_DELAYS) as account:
        assert errors(up(account, settings=SETTINGS[command])) == []
        account.rest()
        return account.snapshot()


def wrong_after_fault(command: str, account: Account, operation: str, nth: int, fault: Fault) -> str:
    """What is wrong after the fault; empty if the next `up` repairs and the next `down` removes everything."""
    session = account.session("faulted")
    account.journal.clear(session.process.name)
    session.faults.at(operation, nth, fault)
    try:
        problems = run(command, account, session)
    except (Problem, ProcessKilled) as end:
        problems = [str(end)]
    if problems and fault not in FATAL:
        return f"the command fails: {problems}"
    if not problems and fault in FATAL and any(call.is_write for call in session.faults.struck):
        return "the command does not report the fault"
    return wrong_after_up(command, account) or wrong_after_down(command, account)


def wrong_after_up(command: str, account: Account) -> str:
    if problems := errors(up(account, account.session("next"), SETTINGS[command])):
        return f"the next up fails: {problems}"
    account.rest()
    if account.snapshot() != deployed(command):
        return "the next up does not deploy what the settings describe"
    if changes(up(account, account.session("next"), SETTINGS[command])) != {"unchanged"}:
        return "an up after that still changes something"
    return ""


def wrong_after_down(command: str, account: Account) -> str:
    outcomes, left = down(account, account.session("next"), SETTINGS[command])
    if errors(outcomes) or left or account.leftovers():
        return f"the next down leaves {left or account.leftovers()}: {errors(outcomes)}"
    return ""


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
@pytest.mark.parametrize("command", SETTINGS)
def test_after_any_fault_at_any_call_the_next_up_and_down_finish_the_job(
    command: str, fault: Fault, record_property: Callable[[str, object], None]
) -> None:
    cases = [
        (operation, nth) for operation, nth, is_write in points(command) if is_write or fault in FAULTS_OF_READS
    ]
    deployed(command)
    wrong = []
    for operation, nth in cases:
        with mock_aws(config=MOTO), Account() as account:
            prepare(command, account)
            if problem := wrong_after_fault(command, account, operation, nth, fault):
                wrong.append(f"{operation} #{nth}: {problem}")
    record_property("matrix cases", len(cases))
    assert wrong == []
