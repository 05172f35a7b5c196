"""`items-api list`: list every stack in the account and region."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from items_api.commands.boundary import Command
from items_api.commands.opening import find_account
from items_api.commands.options import account_options
from items_api.commands.target import LOCAL_IS_EMPTY
from items_api.provision.listing import LISTED, stacks
from items_api.terminal.result import Result
from items_api.terminal.text import Line
from items_api.terminal.times import age_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from items_api.commands.target import Target
    from items_api.provision.listing import Listed
    from items_api.terminal.screen import Screen


@click.command(cls=Command, list_key="stacks")
@account_options
def list(screen: Screen, *, target: Target) -> Result:  # noqa: A001 - the name of the command
    """List every stack in the account and region."""
    account = find_account(screen, target, start=False)
    if account is None:
        return Result(document={"region": target.region, "stacks": []}, lines=[Line(LOCAL_IS_EMPTY)])
    aws = account.aws()
    account_id = aws.account_id()
    where = "the local AWS, account" if target.local else "account"
    screen.line(f"Stacks in {where} {account_id}, region {account.region}")
    found = stacks(aws, account.region, account_id)
    document = {"account": account_id, "region": account.region, "stacks": found}
    return Result(document=document, lines=_lines(found))


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
        left = stack.expires - now
        parts.append(f"expires in {age_text(left)}" if left > timedelta() else f"expired {age_text(-left)} ago")
    if stack.missing:
        kinds = f"{len(stack.found)} of {len(LISTED)} resources"
        parts.append(f"incomplete: {kinds}; missing: {', '.join(stack.missing)}")
    return "  ".join(parts)
