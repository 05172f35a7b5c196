"""`items-api status`: compare the stack with the settings."""

from __future__ import annotations

import itertools
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from items_api.commands.access import lines_about
from items_api.commands.boundary import Command
from items_api.commands.opening import known_of, opened
from items_api.commands.options import settings_options, target_options
from items_api.errors import Interrupted
from items_api.observe.cost import estimate, worst_case
from items_api.observe.details import COUNTED_EVERY_HOURS, Details, console_links
from items_api.observe.metrics import read_metrics, requests_of_month
from items_api.terminal.result import ABSENT, DONE, PENDING, Result
from items_api.terminal.status import details_lines
from items_api.terminal.text import Line, outcomes_lines

if TYPE_CHECKING:
    from items_api.commands.given import Given
    from items_api.commands.target import Target
    from items_api.provision.stack import Stack
    from items_api.terminal.screen import Screen

WATCH_SECONDS = 5.0
LOOKS_PER_METRIC = 12  # metrics cost money and change only once a minute


@click.command(cls=Command)
@target_options
@settings_options
@click.option("--watch", is_flag=True, help="Refresh every 5 seconds until Ctrl-C.")
def status(screen: Screen, *, target: Target, given: Given, watch: bool) -> Result:
    """Compare the stack with the settings. Exit with 3 if it differs, 4 if it does not exist."""
    if watch and (screen.json or not screen.is_terminal):
        raise click.UsageError("--watch needs a terminal and cannot be combined with --json.")
    with opened(screen, target, given) as stack:
        if stack is None:
            line = Line(f"There is no stack {target.name}: the local AWS is empty.")
            return Result(ABSENT, ok=False, document={"region": target.region, "resources": []}, lines=[line])
        if watch:
            return _watch(screen, stack, target, given)
        result, _ = _look(screen, stack, target, given)
        return result


def _watch(screen: Screen, stack: Stack, target: Target, given: Given) -> Result:
    details: Details | None = None
    try:
        for look in itertools.count():
            known = None if look % LOOKS_PER_METRIC == 0 else details
            result, details = _look(screen, stack, target, given, known=known)
            click.clear()
            screen.line(f"Stack {target.name} at {time.strftime('%H:%M:%S')}, every {WATCH_SECONDS:.0f} s until Ctrl-C")
            screen.lines(result.lines)
            time.sleep(WATCH_SECONDS)
    except KeyboardInterrupt:  # the normal way to stop
        return Result(Interrupted.exit_code)
    raise AssertionError  # the loop never ends


def _look(
    screen: Screen, stack: Stack, target: Target, given: Given, *, known: Details | None = None
) -> tuple[Result, Details]:
    outcomes = stack.look()
    states = {str(outcome.state) for outcome in outcomes}
    console = not (target.local or target.endpoint_url)
    details = read_details(stack, console=console, local=target.local, known=known)
    lines = [*given.lines(stack), *outcomes_lines(outcomes), *details_lines(details, encoding=screen.encoding)]
    if "drifted" in states or ("missing" in states and "ok" in states):
        lines.append(
            Line(
                "Differences are shown as: current value → configured value. "
                f"Run items-api up{target.flags} to apply the configured values; to keep the current ones, "
                "run it with these values as options."
            )
        )
    lines += lines_about(stack, target)
    code = DONE if states == {"ok"} else ABSENT if states <= {"missing", "foreign"} else PENDING
    document = {
        **known_of(stack),
        "endpoint": stack.endpoint,
        "settings": given.as_json(stack),
        "resources": outcomes,
        "details": details,
    }
    return Result(code, ok=code == DONE, document=document, lines=lines), details


def read_details(
    stack: Stack,
    *,
    console: bool = True,
    local: bool = False,
    now: datetime | None = None,
    known: Details | None = None,
) -> Details:
    """What the stack's `look` found, and its metrics, which take one request.

    Args:
        stack: a stack after `look`.
        console: whether the stack has an AWS console; an emulator has none.
        local: whether the stack is on the local AWS, whose item count is always current and whose size is invented.
        now: the end of the 24 hours.
        known: earlier details whose metrics are reused, because metrics cost money.
    """
    table, function, release, api = stack.table.owned, stack.function.owned, stack.release.owned, stack.api.owned
    requests: float | None = None
    if known:
        metrics, notes = known.metrics, known.notes
        requests = known.month.requests if known.month else None
    elif api:
        moment = now or datetime.now(UTC)
        (metrics, note), requests = stack.aws.together(
            lambda: read_metrics(stack.aws, stack.settings, api.api_id, moment),
            lambda: requests_of_month(stack.aws, api.api_id, moment) if console else None,
        )
        notes = (note,) if note else ()
    else:
        metrics, notes = None, ()
    owned = {step.type for step in stack.steps if step.owned}
    links = console_links(stack.settings, api.api_id if api else None) if console else {}
    return Details(
        items=table.items if table else None,
        size=table.size if table and not local else None,
        counted_every_hours=0 if local else COUNTED_EVERY_HOURS,
        updated=function.updated if function else None,
        memory=function.fields.get("memory") if function else None,
        live=release.live.as_json() if release and release.live else None,
        previous=release.previous.as_json() if release and release.previous else None,
        metrics=metrics,
        month=None if requests is None else estimate(requests, stack.settings),
        worst_case=worst_case(stack.settings) if console and api else None,
        links={type_: url for type_, url in links.items() if type_ in owned},
        notes=notes,
    )
