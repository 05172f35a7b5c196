"""No fault leaves a mess: every call of every command, and everything that can go wrong with it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pytest

from items_api.errors import Problem
from items_api.settings import Settings
from tests.aws_model import NO_DELAYS, SHORT, AwsWorld, Fault, ProcessKilled
from tests.provision.drive import changes, down, errors, up

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.aws_model import ModelSession

CHANGED = Settings(
    memory=512,
    timeout=20,
    log_retention=30,
    throttle_rate=50,
    cors_origins=("https://a.example",),
    tags={"team": "web"},
)
FAULTS = (
    Fault.THROTTLED,
    Fault.THROTTLED_FIVE_TIMES,
    Fault.FAILED_BEFORE,
    Fault.FAILED_AFTER,
    Fault.CUT_AFTER,
    Fault.DENIED,
    Fault.KILLED_BEFORE,
    Fault.KILLED_AFTER,
)
FATAL = {Fault.DENIED, Fault.KILLED_BEFORE, Fault.KILLED_AFTER}


def first_up(world: AwsWorld, session: ModelSession) -> list[str]:
    return errors(up(world, session))


def changing_up(world: AwsWorld, session: ModelSession) -> list[str]:
    return errors(up(world, session, CHANGED))


def going_down(world: AwsWorld, session: ModelSession) -> list[str]:
    outcomes, left = down(world, session)
    return errors(outcomes) + [f"left: {outcome.name}" for outcome in left]


COMMANDS: dict[str, Callable[[AwsWorld, ModelSession], list[str]]] = {
    "up": first_up,
    "changing up": changing_up,
    "down": going_down,
}

SETTINGS = {"up": Settings(), "changing up": CHANGED, "down": Settings()}


def prepared(command: str) -> AwsWorld:
    world = AwsWorld(delays=NO_DELAYS)
    if command != "up":
        up(world)
    world.rest()
    world.delays = SHORT
    return world


@cache
def points(command: str) -> list[tuple[str, int]]:
    """Every call that the command makes when nothing goes wrong; of a read that is repeated, the first two."""
    world = prepared(command)
    session = world.session()
    assert COMMANDS[command](world, session) == []
    return [
        (call.operation, call.nth) for call in world.journal.of(process=session.name) if call.is_write or call.nth <= 2
    ]


@cache
def configured(command: str) -> object:
    """What stands after the command's `up` when nothing goes wrong."""
    world = AwsWorld(delays=NO_DELAYS)
    assert errors(up(world, settings=SETTINGS[command])) == []
    world.rest()
    return world.snapshot()


def survive(command: str, operation: str, nth: int, fault: Fault) -> str:
    """What is wrong after the fault; empty if the next `up` mends and the next `down` removes everything."""
    world = prepared(command)
    session = world.session()
    session.faults.at(operation, nth, fault)
    try:
        said = COMMANDS[command](world, session)
    except (Problem, ProcessKilled) as end:
        said = [str(end)]
    if said and fault not in FATAL:
        return f"was not survived: {said}"
    if not said and fault in FATAL and any(call.is_write for call in session.faults.struck):
        return "went unnoticed"
    return wrong_after_up(world, command) or wrong_after_down(world, command)


def wrong_after_up(world: AwsWorld, command: str) -> str:
    if problems := errors(up(world, settings=SETTINGS[command])):
        return f"the next up fails: {problems}"
    world.rest()
    if world.snapshot() != configured(command):
        return "the next up does not reach the configured stack"
    if changes(up(world, settings=SETTINGS[command])) != {"unchanged"}:
        return "an up after that still changes something"
    return ""


def wrong_after_down(world: AwsWorld, command: str) -> str:
    outcomes, left = down(world, settings=SETTINGS[command])
    if errors(outcomes) or left or world.leftovers():
        return f"down leaves {left or world.leftovers()}: {errors(outcomes)}"
    return ""


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
@pytest.mark.parametrize("command", COMMANDS)
def test_after_any_fault_at_any_call_the_next_up_and_down_finish_the_job(
    command: str, fault: Fault, record_property: Callable[[str, object], None]
) -> None:
    cases = points(command)
    record_property("matrix cases", len(cases))
    bad = [
        f"{operation} #{nth}: {wrong}" for operation, nth in cases if (wrong := survive(command, operation, nth, fault))
    ]
    assert bad == []
