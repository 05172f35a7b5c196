"""`items-api down`: delete the stack and verify that nothing remains."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from items_api import local
from items_api.commands.boundary import Command
from items_api.commands.opening import known_of, opened
from items_api.commands.options import explain_option, target_options, yes_option
from items_api.commands.running import confirm, run_steps
from items_api.commands.transfers import PIPE, FileName, back_up
from items_api.errors import Problem
from items_api.terminal.result import DONE, FAILED, Result
from items_api.terminal.status import items_text
from items_api.terminal.text import Line

_BACKUP = "DynamoDB keeps a free backup of the table for 35 days, because it had point-in-time recovery."

if TYPE_CHECKING:
    from items_api.commands.target import Target
    from items_api.provision.outcome import Outcome
    from items_api.provision.stack import Stack
    from items_api.terminal.screen import Screen


@click.command(cls=Command)
@target_options
@click.option("--keep-table", is_flag=True, help="Keep the table and its items; the next up reuses it.")
@click.option(
    "--backup",
    type=FileName(),
    metavar="FILE",
    help="First write all items to this file, as dump --typed does, and verify it.",
)
@explain_option
@yes_option
def down(screen: Screen, *, target: Target, keep_table: bool, backup: str | None, explain: bool, yes: bool) -> Result:
    """Delete the stack and verify that nothing remains."""
    if backup == PIPE:
        raise click.UsageError("--backup needs a file, which is read again before anything is deleted.")
    with opened(screen, target, explain=explain) as stack:
        if stack is None:
            line = Line("The local AWS is empty: there is nothing to delete.")
            return Result(document={"region": target.region, "resources": []}, lines=[line])
        stack.look()
        if not keep_table:
            target.check_protection(stack)
        if not yes and any(step.owned for step in stack.steps):
            _confirm(screen, stack, keep_table=keep_table, local=target.local)
            stack.look()  # the stack may have changed while the prompt was open
        table = stack.table.owned
        if backup is not None:
            back_up(screen, stack, target, Path(backup))
        has_system_backup = bool(table and table.fields["point-in-time recovery"] and not keep_table)
        outcomes = run_steps(screen, stack, stack.down(keep=_keep if keep_table else None))
        result = _result(stack, outcomes, keep_table=keep_table)
        if has_system_backup and result.ok:
            result = replace(result, lines=[*result.lines, Line(_BACKUP)])
        if target.local and result.ok:
            return replace(result, lines=[*result.lines, *_stop_if_empty()])
        return result


def _keep() -> str:
    return "kept with its data because of --keep-table"


def _confirm(screen: Screen, stack: Stack, *, keep_table: bool, local: bool) -> None:
    """Ask. If items would be lost, the answer is the name of the stack."""
    table, name = stack.table.owned, stack.settings.name
    if keep_table or not table:
        confirm(screen, f"This would delete the stack {name}.")
        return
    # The table's own count is always current on the local AWS, but up to six hours old on AWS.
    counted = (table.items, False) if local else stack.count_items()
    if counted is None:
        items = "its items (they cannot be counted right now)"
    else:
        count, more = counted
        items = f"more than {count:,} items" if more else f"its {items_text(count)}"
    effect = f"This would delete the stack {name}, including the table {stack.table.name} and {items}."
    confirm(screen, effect, typed="" if counted == (0, False) else name)


def _result(stack: Stack, outcomes: list[Outcome], *, keep_table: bool) -> Result:
    ok = not stack.remaining and not any(outcome.error for outcome in outcomes)
    lines = [
        Line(f"Still exists: {outcome.title} {outcome.name} ({outcome.arn})", "red", essential=True)
        for outcome in stack.remaining
    ]
    if ok:
        kept = f" except the table {stack.table.name}" if keep_table and stack.table.owned else ""
        foreign = any(step.found and not step.owned for step in stack.steps)
        lines = [Line(f"Nothing{' of this stack' if foreign else ''} remains{kept}.", "green")]
    document = {**known_of(stack), "resources": outcomes}
    return Result(DONE if ok else FAILED, ok=ok, document=document, lines=lines)


def _stop_if_empty() -> list[Line]:
    try:
        running = local.find(local.home())
        if running is None or local.status(running).resources:
            return []
        local.stop(local.home(), forget=True)
    except (OSError, Problem) as error:
        return [Line(f"Could not stop the local AWS: {error}", "yellow", essential=True)]
    return [Line("The local AWS is empty and has been stopped.")]
