"""Shared by the commands that change AWS: the confirmation prompt, and the progress of running steps."""

from __future__ import annotations

import sys
from contextlib import closing
from typing import TYPE_CHECKING

import click

from items_api.errors import NotConfirmed

if TYPE_CHECKING:
    from collections.abc import Generator

    from items_api.provision.outcome import Outcome, Progress
    from items_api.provision.stack import Stack
    from items_api.terminal.screen import Screen


def confirm(screen: Screen, effect: str, typed: str = "") -> None:
    """Ask the user. Raises `NotConfirmed` if the answer is no, or if there is no terminal.

    Args:
        screen: shows the question.
        effect: what the command would do, as a sentence.
        typed: what the user must type to confirm, such as the stack's name; empty for a question with yes or no.
    """
    if not (sys.stdin and sys.stdin.isatty() and screen.is_terminal):
        raise NotConfirmed(
            "Nothing was changed.",
            f"{effect} It needs confirmation, but there is no terminal for the prompt.",
            "Add --yes to confirm.",
        )
    if typed:
        question = screen.question(f"{effect} To confirm, type the name of the stack ({typed}):")
        if click.prompt(question, default="", show_default=False, prompt_suffix=" ", err=True).strip() != typed:
            raise NotConfirmed("Nothing was changed.", "You typed something else.", declined=True)
        return
    question = screen.question(f"{effect} Continue? [y/N]:")
    if not click.confirm(question, show_default=False, prompt_suffix=" ", err=True):
        raise NotConfirmed("Nothing was changed.", "You answered no.", declined=True)


def run_steps(screen: Screen, stack: Stack, events: Generator[Progress | Outcome]) -> list[Outcome]:
    """Show the events of running steps. Returns the outcomes in the order of the resources."""
    with closing(events), screen.steps([(step.title, step.name) for step in stack.steps]) as show:
        for event in events:
            show(event)
    return stack.results
