"""`items-api url`: print the endpoint of the stack, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from items_api.commands.boundary import Command
from items_api.commands.opening import known_of, opened
from items_api.commands.options import target_options
from items_api.commands.target import LOCAL_IS_EMPTY, Target
from items_api.terminal.result import ABSENT, Result

if TYPE_CHECKING:
    from items_api.terminal.screen import Screen


@click.command(cls=Command, bare=True)
@target_options
def url(screen: Screen, *, target: Target) -> Result:
    """Print the endpoint of the stack."""
    known, why = {}, LOCAL_IS_EMPTY
    with opened(screen, target) as stack:
        if stack is not None:
            stack.look_at(stack.api)
            known, why = known_of(stack), "No HTTP API has its tags."
            if stack.endpoint:
                document = {**known, "endpoint": stack.endpoint, "resources": []}
                return Result(document=document, text=None if screen.json else stack.endpoint)
    return Result(ABSENT, ok=False, document={**known, "resources": []}, error=target.no_stack(why))
