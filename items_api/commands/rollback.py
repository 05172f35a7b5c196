"""`items-api rollback`: make the previous release live again."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import click

from items_api.commands.boundary import Command
from items_api.commands.opening import known_of, opened
from items_api.commands.options import explain_option, target_options, yes_option
from items_api.commands.running import confirm
from items_api.commands.target import LOCAL_IS_EMPTY
from items_api.errors import CannotRollBack
from items_api.settings.tags import from_tags
from items_api.terminal.result import Result
from items_api.terminal.text import Line, outcome_lines

if TYPE_CHECKING:
    from items_api.commands.target import Target
    from items_api.provision.stack import Stack
    from items_api.provision.versions import Version
    from items_api.terminal.screen import Screen


@click.command(cls=Command)
@target_options
@explain_option
@yes_option
def rollback(screen: Screen, *, target: Target, explain: bool, yes: bool) -> Result:
    """Make the previous release live again. A second rollback undoes the first.

    The stack then differs from its settings, until the next up releases them again.
    """
    with opened(screen, target, explain=explain) as stack:
        if stack is None:
            raise target.no_stack(LOCAL_IS_EMPTY)
        stack.look()
        release = stack.release.owned
        if release is None:
            raise target.no_stack("It has no release.")
        live, previous = stack.release.versions_to_swap()
        if missing := stack.missing_indexes(previous):
            raise _needs_indexes(stack, previous, missing, target)
        if not yes:
            differences = [
                f"{field}: {live.fields[field]} → {previous.fields[field]}"
                for field in ("memory", "timeout")
                if live.fields[field] != previous.fields[field]
            ]
            what = f" ({', '.join(differences)})" if differences else ""
            confirm(screen, f"This would replace version {live} with version {previous}{what}.")
        outcome = stack.roll_back()
        is_undo = previous.number > live.number
        todo = "" if is_undo else f"To release the current settings again, run items-api up{target.flags}."
        return Result(
            document={**known_of(stack), "endpoint": stack.endpoint, "resources": [outcome]},
            lines=[*outcome_lines(outcome), *([Line(todo)] if todo else [])],
        )


def _needs_indexes(stack: Stack, version: Version, missing: list[str], target: Target) -> CannotRollBack:
    which, it = (f"indexes on {', '.join(missing)}", "them") if len(missing) > 1 else (f"index on {missing[0]}", "it")
    remembered = (from_tags(stack.table.owned.tags or {}) if stack.table.owned else None) or {}
    indexes = "".join(f" --index {shlex.quote(name)}" for name in sorted({*remembered.get("index", []), *missing}))
    return CannotRollBack(
        f"Cannot roll back to version {version.number}: it needs the {which}.",
        f"The table {stack.table.name} does not have {it}, or not yet, or the role may not use {it}.",
        f"To use the {which} again, release the current code with this command:\nitems-api up{target.flags}{indexes}",
    )
