"""The fault matrix: whichever call of a command fails, and however it fails, the next commands finish the job."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache

import pytest
from moto import mock_aws

from items_api.errors import Problem
from items_api.settings import Settings
from tests.aws import MOTO, NO_DELAYS, SHORT, Account, Fault, ProcessKilled, ProcessSession
from tests.provision.drive import changes, down, errors, up

# They differ in everything that `up` can change, so the way back needs the same calls.
SETTINGS = {
    "first": Settings(
        tags={"team": "api"}, auth="jwt", jwt_issuer="https://issuer.example", jwt_audiences=("a",), indexes=("owner",)
    ),
    "second": Settings(
        memory=512,
        timeout=20,
        log_retention=30,
        throttle_rate=50,
        cors_origins=("https://a.example",),
        tags={"team": "web"},
        auth="iam",
        indexes=("status",),
    ),
}
# The calls of a run that fail: (operation, nth).
Case = tuple[tuple[str, int], ...]
COMMANDS = ("up", "changing up", "down")
# Only faults that can make a difference:
# - A read has no effect, so a lost response and a 500 are one case for it.
# - The next command cannot tell a process that was killed at a read, or before a write, from one that was killed after
#   the write before it.
# - `up` and `down` cannot tell a 500 after a write took effect from one before, nor treat it unlike a lost response.
FAULTS_OF_READS = (Fault.THROTTLED, Fault.FAILED_BEFORE, Fault.DENIED)
FAULTS = (*FAULTS_OF_READS, Fault.CUT_AFTER, Fault.KILLED_AFTER)
# What a command cannot survive. After any other fault it has to succeed.
FATAL = {Fault.DENIED, Fault.KILLED_AFTER}


def run(command: str, account: Account, session: ProcessSession, settings: str) -> list[str]:
    """What goes wrong with the command."""
    if command != "down":
        return errors(up(account, session, SETTINGS[settings]))
    outcomes, left = down(account, session, SETTINGS[settings])
    return errors(outcomes) + [f"left: {outcome.name}" for outcome in left]


def target(command: str) -> str:
    return "second" if command == "changing up" else "first"


@contextmanager
def prepared(command: str) -> Iterator[Account]:
    """An account with what the command works on."""
    with mock_aws(config=MOTO), Account(delays=NO_DELAYS) as account:
        if command != "up":
            assert errors(up(account, account.session("prepare"), SETTINGS["first"])) == []
            account.rest()
        account.delays = SHORT
        yield account


@cache
def points(command: str) -> list[tuple[str, int, bool]]:
    """(operation, nth, whether it is a write) of every call without a fault; of a repeated read, the first two."""
    with prepared(command) as account:
        assert run(command, account, account.session("faulted"), target(command)) == []
        calls = [call for call in account.journal if call.process == "faulted"]
        return [(call.operation, call.nth, call.is_write) for call in calls if call.is_write or call.nth <= 2]


@cache
def deployed(settings: str) -> object:
    """The stack that the settings describe."""
    with mock_aws(config=MOTO), Account(delays=NO_DELAYS) as account:
        assert errors(up(account, settings=SETTINGS[settings])) == []
        account.rest()
        return account.snapshot()


def fail(command: str, account: Account, settings: str, case: Case, fault: Fault) -> bool:
    """Run the command with the fault at these calls. It survives the fault or reports it. Returns whether it wrote."""
    session = account.session("faulted")
    account.journal.clear()
    for operation, nth in case:
        session.faults.at(operation, nth, fault)
    try:
        problems = run(command, account, session, settings)
    except (Problem, ProcessKilled) as end:
        problems = [str(end)]
    if fault not in FATAL:
        assert problems == []
    elif any(call.is_write for call in account.journal if call.result):
        assert problems != []
    return account.journal.writes() != []


def check(account: Account, settings: str) -> None:
    """There is exactly the stack that the settings describe."""
    account.rest()
    assert account.snapshot() == deployed(settings)


def deploy(account: Account, settings: str) -> None:
    """Run the next `up`."""
    assert errors(up(account, account.session("next"), SETTINGS[settings])) == []
    check(account, settings)


def remove(account: Account, settings: str) -> None:
    """Run the next `down`. It leaves nothing."""
    outcomes, left = down(account, account.session("next"), SETTINGS[settings])
    assert (errors(outcomes), left, account.leftovers()) == ([], [], [])


@contextmanager
def naming(case: object) -> Iterator[None]:
    """Add the case to the message of a failed assertion."""
    try:
        yield
    except AssertionError as error:
        error.add_note(f"in the case {str(case)[:200]}")
        raise


def cases(command: str, fault: Fault) -> list[Case]:
    """One for each write, and for each read that ends the command. All other reads fail in the same run.

    AWS throttles all calls together: of each operation, two attempts of three.
    """
    deployed("first"), deployed("second")  # computed now, for only one account is active at a time
    if fault is Fault.THROTTLED:
        operations = {operation for operation, _, _ in points(command)}
        return [tuple((operation, nth) for operation in operations for nth in range(1000) if nth % 3)]
    reads = [(operation, nth) for operation, nth, is_write in points(command) if not is_write]
    writes: list[Case] = [((operation, nth),) for operation, nth, is_write in points(command) if is_write]
    if fault not in FAULTS_OF_READS:
        return writes
    return [*((read,) for read in reads), *writes] if fault in FATAL else [tuple(reads), *writes]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
@pytest.mark.parametrize("command", COMMANDS)
def test_after_any_fault_at_any_call_the_next_up_and_down_finish_the_job(
    command: str, fault: Fault, record_property: Callable[[str, object], None]
) -> None:
    """`up` starts with an empty account. The other commands start from what the case before leaves.

    After `down` fails, that is the stack which the next `up` deploys again. A changing `up` changes it back and forth.
    """
    all_cases = cases(command, fault)
    record_property("matrix cases", len(all_cases))
    settings, others = target(command), "first"
    with ExitStack() as last:
        account = last.enter_context(prepared(command))
        for case in all_cases:
            with naming(case):
                if not fail(command, account, settings, case, fault):
                    continue  # the account is as it was
                # Accounts with equal snapshots behave alike, so one that is complete needs no other `up`.
                if fault in FATAL or command == "down":
                    deploy(account, settings)
                else:
                    check(account, settings)
            if command == "up":
                last.close()
                account = last.enter_context(prepared(command))
            if command == "changing up":
                settings, others = others, settings
        deploy(account, settings)
        assert changes(up(account, settings=SETTINGS[settings])) == {"unchanged"}
        remove(account, settings)


@pytest.mark.parametrize("fault", sorted(FATAL, key=str), ids=lambda fault: fault.name)
def test_after_an_up_that_fails_at_any_call_the_next_down_removes_everything(
    fault: Fault, record_property: Callable[[str, object], None]
) -> None:
    all_cases = cases("up", fault)
    record_property("matrix cases", len(all_cases))
    with mock_aws(config=MOTO), Account(delays=SHORT) as account:
        for case in all_cases:
            with naming(case):
                if not fail("up", account, "first", case, fault):
                    continue
                account.rest(1.0)  # until the user types the next command
                remove(account, "first")
