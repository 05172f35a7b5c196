"""The product at work: what `up`, `down` and `status` do, without a terminal.

This is the only file of the provisioning tests that knows how the product is put together.
"""

from collections.abc import Callable, Generator
from contextlib import closing
from typing import Any

from items_api.aws.client import Aws
from items_api.provision.outcome import Change, Outcome, State
from items_api.provision.stack import Stack
from items_api.settings import Settings
from tests.aws import Account, ProcessSession

ACCOUNT = "123456789012"
DEFAULT = Settings()


def new_process(account: Account, session: ProcessSession | None = None, settings: Settings = DEFAULT) -> Stack:
    """A stack as a new process sees it."""
    aws = Aws(session or account.session(), clock=account.clock)
    return Stack(settings, aws, aws.account_id())


def finish(events: Generator[Any]) -> None:
    with closing(events):
        list(events)


def up(
    account: Account, session: ProcessSession | None = None, settings: Settings = DEFAULT, *, adopt: bool = False
) -> dict[str, Outcome]:
    """`items-api up`: outcomes by title."""
    stack = new_process(account, session, settings)
    stack.look()
    stack.plan(adopt=adopt)
    finish(stack.up())
    return {step.title: stack.outcomes[step] for step in stack.steps}


def down(
    account: Account,
    session: ProcessSession | None = None,
    settings: Settings = DEFAULT,
    *,
    keep: Callable[[], str] | None = None,
) -> tuple[dict[str, Outcome], list[Outcome]]:
    """`items-api down`: outcomes by title, and what it found when it looked again."""
    stack = new_process(account, session, settings)
    stack.look()
    finish(stack.down(keep=keep))
    return {step.title: stack.outcomes[step] for step in stack.steps}, stack.remaining


def states(account: Account, settings: Settings = DEFAULT) -> dict[str, State | None]:
    """`items-api status`: states by title."""
    return {outcome.title: outcome.state for outcome in new_process(account, settings=settings).look()}


def weakenings(stack: Stack, *, adopt: bool = False) -> list[str]:
    """What `up` asks about first, from what the stack's `look` found."""
    stack.plan(adopt=adopt)
    return [weakening.effect for weakening in stack.weakenings()]


def changes(outcomes: dict[str, Outcome]) -> set[Change | None]:
    return {outcome.change for outcome in outcomes.values()}


def errors(outcomes: dict[str, Outcome]) -> list[str]:
    return [str(outcome.error) for outcome in outcomes.values() if outcome.error]
