"""`items-api logs`: show the function's log."""

from __future__ import annotations

import json
import time
from datetime import datetime
from typing import TYPE_CHECKING

import click

from items_api.commands.boundary import Command
from items_api.commands.durations import seconds_in
from items_api.commands.opening import known_of, opened
from items_api.commands.options import target_options
from items_api.commands.target import LOCAL_IS_EMPTY, Target
from items_api.errors import Interrupted
from items_api.observe.events import local_time
from items_api.observe.tail import Tail
from items_api.terminal.logs import event_lines
from items_api.terminal.result import Result
from items_api.terminal.text import Line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from items_api.observe.events import Event
    from items_api.terminal.screen import Screen


def start_of(text: str, now: float) -> int:
    """The start that --since gives, an age like `15m` or an ISO 8601 time, in milliseconds since 1970.

    Args:
        text: the option's value; a time without an offset is in this computer's time zone.
        now: seconds since 1970.

    Raises:
        click.BadParameter: the text is neither, or the time is in the future.
    """
    if (age := seconds_in(text)) is not None:
        return max(0, int(1000 * (now - age)))
    try:
        moment = datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):  # some systems do not support times before 1970
        raise click.BadParameter(
            f"{text!r} is not a time. Use an age like 30s, 15m, 2h or 1d, or an ISO 8601 time "
            "like 2026-11-23T10:00 or 2026-11-23T09:00Z."
        ) from None
    if moment > now:
        raise click.BadParameter(f"{text!r} is in the future. Use a time in the past.")
    return max(0, int(1000 * moment))


@click.command(cls=Command, empty={"events": []})
@target_options
@click.option(
    "--since",
    default="15m",
    show_default=True,
    metavar="TIME",
    callback=lambda _ctx, _param, text: start_of(text.strip(), time.time()),
    help="Show the last 30s, 15m, 2h or 1d, or start at an ISO 8601 time.",
)
@click.option("--follow", "-f", is_flag=True, help="Keep showing new lines until Ctrl-C; with --json, as a stream.")
@click.option("--filter", "text", metavar="TEXT", help="Show only lines that contain this text.")
@click.option("--errors", is_flag=True, help="Show only failures: 5xx responses and errors in the log.")
def logs(screen: Screen, *, target: Target, since: int, follow: bool, text: str | None, errors: bool) -> Result:
    """Show the function's log, one line per request. With -v, also show Lambda's own lines."""
    with opened(screen, target) as stack:
        if stack is None:
            raise target.no_stack(LOCAL_IS_EMPTY)
        group = stack.settings.log_group_name
        tail = Tail(stack.aws, group, since, absent=target.no_stack(f"The log group {group} does not exist."))
        every = tail.follow() if follow else tail.read()
        events = (event for event in every if event.matches(text=text, errors=errors))
        if screen.json and not follow:
            return Result(document={**known_of(stack), "events": list(events)})
        if not (screen.json or screen.verbose or text):
            # One line per request; --verbose adds Lambda's own lines.
            events = (event for event in events if event.is_error or not event.is_platform)
        return _show(screen, events, since, follow=follow)


def _show(screen: Screen, events: Iterator[Event], since: int, *, follow: bool) -> Result:
    shown = 0
    try:
        for event in events:
            shown += 1
            if screen.json:
                screen.document(json.dumps(event.as_json()))
            else:
                screen.lines(event_lines(event, verbose=screen.verbose))
            if screen.lost:  # the reader (`| head`) exited
                break
    except KeyboardInterrupt:
        if follow:  # the normal way to stop
            return Result(Interrupted.exit_code)
        raise
    lines = [] if shown else [Line(f"No lines since {local_time(since)}. New lines take a few seconds to appear.")]
    return Result(lines=lines)
