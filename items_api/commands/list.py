"""`items-api list`: list every stack in the account and region."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from items_api.commands.boundary import Command
from items_api.commands.opening import listed_stacks
from items_api.commands.options import account_options
from items_api.commands.target import LOCAL_IS_EMPTY
from items_api.provision.listing import LISTED
from items_api.terminal.result import Result
from items_api.terminal.text import Line
from items_api.terminal.times import age_text, expiry_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from items_api.commands.target import Target
    from items_api.provision.listing import Listed
    from items_api.terminal.screen import Screen


@click.command(cls=Command, empty={"stacks": []})
@account_options
def list(screen: Screen, *, target: Target) -> Result:  # noqa: A001 - the name of the command
    """List every stack in the account and region."""
    found = listed_stacks(screen, target)
    if found is None:
        return Result(document={"region": target.region, "stacks": []}, lines=[Line(LOCAL_IS_EMPTY)])
    document = {"account": found.account_id, "region": found.account.region, "stacks": found.stacks}
    return Result(document=document, lines=_lines(found.stacks))


def _lines(found: Sequence[Listed]) -> Sequence[Line]:
    if not found:
        return [Line("There is no stack.")]
    width = max(len(stack.name) for stack in found)
    return [Line(f"  {stack.name:<{width}}  {_described(stack)}", essential=True) for stack in found]


def _described(stack: Listed) -> str:
    now = datetime.now(UTC)
    parts = [stack.endpoint] if stack.endpoint else []
    if stack.created:
        parts.append(f"{age_text(now - stack.created)} old")
    if stack.expires:
        parts.append(expiry_text(stack.expires, now))
    if stack.missing:
        kinds = f"{len(stack.found)} of {len(LISTED)} resources"
        parts.append(f"incomplete: {kinds}; missing: {', '.join(stack.missing)}")
    return "  ".join(parts)
