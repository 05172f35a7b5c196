"""`items-api gc`: delete the stacks that have expired."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from items_api.commands.boundary import Command
from items_api.commands.known import knowing
from items_api.commands.opening import listed_stacks
from items_api.commands.options import account_options, yes_option
from items_api.commands.running import confirm, run_steps
from items_api.commands.target import LOCAL_IS_EMPTY
from items_api.errors import ChangedMeanwhile, Interrupted, Problem
from items_api.provision.outcome import Change
from items_api.provision.stack import Stack
from items_api.provision.table import Table
from items_api.settings import Settings
from items_api.settings.tags import expiry_of
from items_api.terminal.result import DONE, FAILED, PENDING, Result
from items_api.terminal.text import Line, problem_lines
from items_api.terminal.times import expiry_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from items_api.commands.target import Target
    from items_api.provision.listing import Listed
    from items_api.terminal.screen import Screen


_NOTHING_DONE: Mapping[str, Any] = {"resources": (), "remaining": (), "error": None}


@click.command(cls=Command, empty={"stacks": []})
@account_options
@click.option("--dry-run", is_flag=True, help="Only list what has expired; exit with 3 if anything has.")
@click.option("--with-items", is_flag=True, help="Also delete tables that contain items.")
@yes_option
def gc(screen: Screen, *, target: Target, dry_run: bool, with_items: bool, yes: bool) -> Result:
    """Delete the stacks that have expired: see up --expires.

    Tables that contain items are kept, unless you add --with-items.
    """
    found = listed_stacks(screen, target)
    if found is None:
        return Result(document={"region": target.region, "stacks": []}, lines=[Line(LOCAL_IS_EMPTY)])
    now = datetime.now(UTC)
    expired = [stack for stack in found.stacks if stack.expires and stack.expires <= now]
    document = {"account": found.account_id, "region": found.account.region, "stacks": expired}
    if not expired:
        return Result(document=document, lines=[Line("No stack has expired.")])
    if dry_run:
        return Result(PENDING, document=document, lines=_expired_lines(expired, now, with_items=with_items))
    if not yes:
        names = ", ".join(stack.name for stack in expired)
        tables = "including all items in their tables" if with_items else "except tables that contain items"
        confirm(screen, f"This would delete the expired stacks {names}, {tables}.")
    results: list[dict[str, Any]] = []
    with knowing(lambda: {**document, "stacks": results}, interrupted=lambda: _interrupted(results)):
        for listed in expired:
            results.append({**listed.as_json(), **_NOTHING_DONE, "change": "failed"})  # if it is interrupted
            stack = Stack(Settings(listed.name, found.account.region), found.account.aws(), found.account_id)
            results[-1] |= _delete(screen, stack, replace(target, name=listed.name), with_items=with_items)
    failed = any(result["error"] or result["remaining"] for result in results)
    return Result(FAILED if failed else DONE, ok=not failed, document={**document, "stacks": results})


def _expired_lines(expired: Sequence[Listed], now: datetime, *, with_items: bool) -> list[Line]:
    width = max(len(stack.name) for stack in expired)
    lines = [
        Line(f"  {stack.name:<{width}}  {_described(stack, expiry_text(stack.expires, now))}", essential=True)
        for stack in expired
        if stack.expires
    ]
    tables = "" if with_items else " and tables that contain items"
    return [*lines, Line(f"Protected stacks{tables} would be kept.")]


def _described(stack: Listed, expired: str) -> str:
    return f"{expired}; only its table is left" if stack.found == (Table.title,) else expired


def _delete(screen: Screen, stack: Stack, target: Target, *, with_items: bool) -> dict[str, Any]:
    """Delete one stack, unless it no longer expires. An error does not keep the others from being deleted."""
    screen.line(f"Stack {target.name}", "bold", essential=True)
    try:
        stack.look()
        if not _has_expired(stack):
            why = "It no longer expires" if stack.table.owned else "Its table, which says when it expires, is gone"
            screen.line(f"  {why}. It was not deleted.", "yellow", essential=True)
            return {"change": "skipped"}
        target.check_protection(stack)
        keep, check = partial(_why_kept, stack, with_items=with_items), partial(_check_expired, stack, target)
        outcomes = run_steps(screen, stack, stack.down(keep=keep, check=check))
    except Problem as problem:
        screen.lines(_indented(problem))
        return {"resources": stack.results, "error": problem}
    remaining = [outcome.name for outcome in stack.remaining]
    error = next((outcome.error for outcome in outcomes if outcome.error), None)
    kept = any(outcome.title == Table.title and outcome.change == Change.SKIPPED for outcome in outcomes)
    if not error and not remaining:
        screen.line(f"  Nothing remains{f' except the table {stack.table.name}' if kept else ''}.", "green")
    change = "failed" if error or remaining else "kept" if kept else "deleted"
    return {"change": change, "resources": outcomes, "remaining": remaining, "error": error}


def _interrupted(results: list[dict[str, Any]]) -> Interrupted:
    *done, last = (result["name"] for result in results)
    deleted = f"Done: {', '.join(done)}. " if done else ""
    return Interrupted("Interrupted.", f"{deleted}Unfinished: {last}.", "Run the command again to finish.")


def _has_expired(stack: Stack) -> bool:
    """Whether the table that the last look found says so. Its tags are unknown while it is being deleted."""
    table = stack.table.owned
    expires = expiry_of((table and table.tags) or {})
    return expires is not None and expires <= datetime.now(UTC)


def _check_expired(stack: Stack, target: Target) -> None:
    """Read the tag again, and raise `ChangedMeanwhile` if the stack has been extended since it was looked at."""
    stack.table.explained("read", stack.table.look)
    table = stack.table.owned
    if table and not table.deleting and not _has_expired(stack):
        raise ChangedMeanwhile(
            f"The stack {target.name} was extended while it was being deleted.",
            "Its table and everything that was created since then are kept.",
            f"To create the rest again, run items-api up{target.flags}.",
        )


def _why_kept(stack: Stack, *, with_items: bool) -> str:
    if with_items or stack.count_items() in (None, (0, False)):
        return ""
    return "kept, because it contains items"


def _indented(problem: Problem) -> list[Line]:
    return [line._replace(text=f"  {line.text}", style="red", essential=True) for line in problem_lines(problem)]
