"""`items-api gc`: delete the stacks that have expired."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from items_api.commands.boundary import Command
from items_api.commands.opening import find_account
from items_api.commands.options import account_options, yes_option
from items_api.commands.running import confirm, run_steps
from items_api.commands.target import LOCAL_IS_EMPTY
from items_api.errors import Problem
from items_api.provision.listing import stacks
from items_api.provision.stack import Stack
from items_api.settings import Settings
from items_api.settings.tags import expiry_of
from items_api.terminal.result import DONE, FAILED, PENDING, Result
from items_api.terminal.text import Line, problem_lines
from items_api.terminal.times import age_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from items_api.aws.session import Account
    from items_api.commands.target import Target
    from items_api.provision.listing import Listed
    from items_api.terminal.screen import Screen


@click.command(cls=Command, list_key="stacks")
@account_options
@click.option("--dry-run", is_flag=True, help="Only list what has expired; exit with 3 if anything has.")
@click.option("--with-items", is_flag=True, help="Also delete tables that contain items.")
@yes_option
def gc(screen: Screen, *, target: Target, dry_run: bool, with_items: bool, yes: bool) -> Result:
    """Delete the stacks that have expired: see up --expires.

    Tables that contain items are kept, unless you add --with-items.
    """
    account = find_account(screen, target, start=False)
    if account is None:
        return Result(document={"region": target.region, "stacks": []}, lines=[Line(LOCAL_IS_EMPTY)])
    aws = account.aws()
    account_id = aws.account_id()
    now = datetime.now(UTC)
    found = [stack for stack in stacks(aws, account.region, account_id) if stack.expires and stack.expires <= now]
    document = {"account": account_id, "region": account.region, "stacks": found}
    if not found:
        return Result(document=document, lines=[Line("No stack has expired.")])
    if dry_run:
        return Result(PENDING, document=document, lines=_expired_lines(found, now))
    if not yes:
        confirm(screen, f"This would delete the expired stacks {', '.join(stack.name for stack in found)}.")
    results = [_delete(screen, account, account_id, stack, with_items=with_items) for stack in found]
    failed = any(result["error"] or result["remaining"] for result in results)
    return Result(FAILED if failed else DONE, ok=not failed, document={**document, "stacks": results})


def _expired_lines(found: Sequence[Listed], now: datetime) -> list[Line]:
    width = max(len(stack.name) for stack in found)
    return [
        Line(f"  {stack.name:<{width}}  expired {age_text(now - stack.expires)} ago", essential=True)
        for stack in found
        if stack.expires
    ]


def _delete(screen: Screen, account: Account, account_id: str, listed: Listed, *, with_items: bool) -> dict[str, Any]:
    """Delete one stack, unless it no longer expires. An error does not keep the others from being deleted."""
    stack = Stack(Settings(listed.name, account.region), account.aws(), account_id)
    result: dict[str, Any] = {**listed.as_json(), "change": "skipped", "resources": [], "remaining": [], "error": None}
    screen.line(f"Stack {listed.name}", "bold", essential=True)
    try:
        stack.look()
        table = stack.table.owned
        expires = expiry_of((table and table.tags) or {})
        if expires is None or expires > datetime.now(UTC):
            screen.line("  It no longer expires, or its table is gone. It was not deleted.", "yellow", essential=True)
            return result
        stack.check_protection(keep_table=False)
        has_items = stack.count_items() not in (None, (0, False))
        keep_table = has_items and not with_items
        outcomes = run_steps(screen, stack, stack.down(keep_table=keep_table))
    except Problem as problem:
        screen.lines(_indented(problem))
        return {**result, "change": "failed", "error": problem}
    remaining = [outcome.name for outcome in stack.remaining]
    error = next((outcome.error for outcome in outcomes if outcome.error), None)
    kept = f" except the table {stack.table.name}, which contains items" if keep_table else ""
    if not error and not remaining:
        screen.line(f"  Nothing remains{kept}.", "green")
    change = "failed" if error or remaining else "deleted"
    return {**result, "change": change, "resources": outcomes, "remaining": remaining, "error": error}


def _indented(problem: Problem) -> list[Line]:
    return [line._replace(text=f"  {line.text}", style="red", essential=True) for line in problem_lines(problem)]
