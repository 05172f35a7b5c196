"""The command `logs`. Heavy modules are imported where they are needed, so that --help stays quick."""

from __future__ import annotations

import re
import time
from datetime import datetime
from typing import TYPE_CHECKING

import click

from items_api.command import Command
from items_api.errors import Interrupted, NoStack
from items_api.options import target_options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from items_api.errors import Problem
    from items_api.observe.logs import Event
    from items_api.run import Run

DONE = 0
_AGE = r"(\d{1,9})([smhd])"
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def start_of(text: str, now: float) -> int:
    """The moment that --since means, in milliseconds since 1970: an age like `15m`, or an ISO 8601 time.

    Args:
        text: what the user wrote; a time without an offset is this computer's.
        now: seconds since 1970.

    Raises:
        click.BadParameter: it is neither, or lies in the future.
    """
    if age := re.fullmatch(_AGE, text):
        return max(0, int(1000 * (now - int(age[1]) * _SECONDS[age[2]])))
    try:
        moment = datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):  # some systems know no time before 1970
        raise click.BadParameter(
            f"{text!r} is no time. Use an age like 30s, 15m, 2h or 1d, or an ISO 8601 time "
            "like 2026-11-23T10:00 or 2026-11-23T09:00Z."
        ) from None
    if moment > now:
        raise click.BadParameter(f"{text!r} lies in the future. Name a time that has passed.")
    return max(0, int(1000 * moment))


@click.command(cls=Command)
@target_options
@click.option(
    "--since",
    default="15m",
    show_default=True,
    metavar="TIME",
    callback=lambda _ctx, _param, text: start_of(text.strip(), time.time()),
    help="An age (30s, 15m, 2h, 1d) or an ISO 8601 time.",
)
@click.option("--follow", "-f", is_flag=True, help="Go on with what comes in, until Ctrl-C. With --json: a stream.")
@click.option("--filter", "text", metavar="TEXT", help="Only lines that contain this text, as they stand in the log.")
@click.option("--errors", is_flag=True, help="Only lines that tell of a failure: 5xx, causes, Lambda's own.")
def logs(run: Run, *, since: int, follow: bool, text: str | None, errors: bool) -> int:
    """Show the function's log, one line a request."""
    from items_api.observe import lines  # noqa: PLC0415

    def report(events: list[Event], problem: Problem | None = None) -> str:
        stack = run.stack
        account, region = (stack.account, stack.settings.region) if stack else (None, None)
        return lines.report_json(events, name=run.target.name, account=account, region=region, error=problem)

    run.failure = lambda problem: report([], problem)
    events = _events(run, since, follow=follow)
    chosen = (event for event in events if lines.matches(event.message, text=text, errors=errors))
    if run.target.json and not follow:
        run.screen.document(report(list(chosen)))
        return DONE
    if not (run.target.json or run.target.verbose or text):
        # A request is one line; Lambda's own lines about it are for those who ask.
        chosen = (event for event in chosen if lines.is_error(event.message) or not lines.is_platform(event.message))
    return _show(run, chosen, since, follow=follow)


def _events(run: Run, since: int, *, follow: bool) -> Iterator[Event]:
    from items_api.observe.logs import Tail  # noqa: PLC0415

    todo = f"Run items-api up{run.target.flags} first."
    stack = run.open()
    if stack is None:
        raise NoStack(f"There is no stack {run.target.name} to read logs of.", "The local AWS holds nothing.", todo)
    tail = Tail(stack.aws, stack.settings.log_group_name, since, todo=todo)
    return tail.follow() if follow else tail.read()


def _show(run: Run, events: Iterator[Event], since: int, *, follow: bool) -> int:
    from items_api.observe import lines  # noqa: PLC0415

    shown = 0
    try:
        for event in events:
            shown += 1
            if run.target.json:
                run.screen.document(lines.event_json(event))
            else:
                for line, style in lines.event_lines(event, verbose=run.target.verbose):
                    run.screen.line(line, style, essential=True)
            if run.screen.lost:  # the reader (`| head`) has gone: to follow on would be for nobody
                return DONE
    except KeyboardInterrupt:
        if follow:  # the way to end it, not an accident to explain
            return Interrupted.exit_code
        raise
    if not shown:
        run.screen.line(f"Nothing since {lines.local_time(since)}. A line comes in seconds after its request.")
    return DONE
