"""The fault matrix: whichever call of a command fails, and however it fails, the next commands finish the job."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

import pytest
from moto import mock_aws

from items_api.errors import Problem
from items_api.settings import Settings
from tests.aws import MOTO, NO_DELAYS, SHORT, Account, Fault, ProcessKilled
from tests.provision.drive import changes, down, errors, up

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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


def fail(command: str, account: Account, operation: str, nth: int, fault: Fault) -> None:
    """Run the command with one fault. It survives the fault or reports it."""
    session = account.session("faulted")
    account.journal.clear(session.process.name)
    session.faults.at(operation, nth, fault)
    try:
        problems = run(command, account, session)
    except (Problem, ProcessKilled) as end:
        problems = [str(end)]
    if fault not in FATAL:
        assert problems == []
    elif any(call.is_write for call in session.faults.struck):
        assert problems != []


def deploy(command: str, account: Account) -> None:
    """Run the next `up` with the command's settings. It leaves exactly the stack that they describe."""
    assert errors(up(account, account.session("next"), SETTINGS[command])) == []
    account.rest()
    assert account.snapshot() == deployed(command)


def remove(command: str, account: Account) -> None:
    """Run the next `down` with the command's settings. It leaves nothing."""
    outcomes, left = down(account, account.session("next"), SETTINGS[command])
    assert (errors(outcomes), left, account.leftovers()) == ([], [], [])


@contextmanager
def naming(case: object) -> Iterator[None]:
    """Add the case to the message of a failed assertion."""
    try:
        yield
    except AssertionError as error:
        error.add_note(f"in the case {case}")
        raise


def cases(command: str, fault: Fault) -> list[tuple[str, int]]:
    deployed(command)
    return [(operation, nth) for operation, nth, is_write in points(command) if is_write or fault in FAULTS_OF_READS]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
@pytest.mark.parametrize("command", SETTINGS)
def test_after_any_fault_at_any_call_the_next_up_and_down_finish_the_job(
    command: str, fault: Fault, record_property: Callable[[str, object], None]
) -> None:
    """The cases share an account: each starts from what the one before it leaves.

    After `down` fails, that is the stack which the next `up` deploys, so the next `down` is the next case.
    """
    all_cases = cases(command, fault)
    record_property("matrix cases", len(all_cases))
    with mock_aws(config=MOTO), Account() as account:
        prepare(command, account)
        for case in all_cases:
            with naming(case):
                fail(command, account, *case, fault)
                deploy(command, account)
                if command != "down":
                    remove(command, account)
                    prepare(command, account)
        deploy(command, account)
        # Accounts with equal snapshots behave alike, so this holds after every case.
        assert changes(up(account, settings=SETTINGS[command])) == {"unchanged"}
        remove(command, account)


@pytest.mark.parametrize("fault", sorted(FATAL, key=str), ids=lambda fault: fault.name)
def test_after_an_up_that_fails_at_any_call_the_next_down_removes_everything(
    fault: Fault, record_property: Callable[[str, object], None]
) -> None:
    all_cases = cases("up", fault)
    record_property("matrix cases", len(all_cases))
    with mock_aws(config=MOTO), Account(delays=SHORT) as account:
        for case in all_cases:
            with naming(case):
                fail("up", account, *case, fault)
                account.rest(1.0)  # until the user types the next command
                remove("up", account)
