"""Shared by the commands that change AWS: the confirmation prompt, and the progress of running steps."""

from __future__ import annotations

import sys
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from items_api.commands.opening import stopped_responding
from items_api.errors import AwsUnreachable, NotConfirmed
from items_api.provision.step import Outcome

if TYPE_CHECKING:
    from collections.abc import Generator

    from items_api.commands.target import Target
    from items_api.provision.stack import Stack
    from items_api.provision.step import Progress
    from items_api.terminal.screen import Screen


def confirm(screen: Screen, effect: str) -> None:
    """Ask the user. Raises `NotConfirmed` if the answer is no, or if there is no terminal.

    `effect` is what the command would do, as a sentence.
    """
    if not (sys.stdin and sys.stdin.isatty() and screen.is_terminal):
        raise NotConfirmed(
            "Nothing was changed.",
            f"{effect} It needs confirmation, but there is no terminal for the prompt.",
            "Add --yes to confirm.",
        )
    if not click.confirm(f"{effect} Continue?", err=True):
        raise NotConfirmed("Nothing was changed.", "You answered no.")


def run_steps(screen: Screen, target: Target, stack: Stack, events: Generator[Progress | Outcome]) -> list[Outcome]:
    """Show the events of running steps. Returns the outcomes in the order of the resources."""
    with closing(events), screen.steps([(step.title, step.name) for step in stack.steps]) as show:
        for event in events:
            show(_explained(event, target) if isinstance(event, Outcome) else event)
    return [_explained(outcome, target) for outcome in stack.results]


def _explained(outcome: Outcome, target: Target) -> Outcome:
    if target.local and isinstance(outcome.error, AwsUnreachable):
        return replace(outcome, error=stopped_responding(outcome.error))
    return outcome
