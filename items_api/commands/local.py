"""`items-api local`: start, stop, inspect or reset the local AWS."""

from __future__ import annotations

import shlex
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from items_api import local as local_aws
from items_api.commands.boundary import CommandGroup
from items_api.commands.opening import LOCAL_REGION
from items_api.commands.options import output_options, yes_option
from items_api.commands.running import confirm
from items_api.terminal.result import ABSENT, Result
from items_api.terminal.status import size_text, time_text
from items_api.terminal.text import Line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from items_api.local import LocalAws, Status
    from items_api.local.paths import Paths
    from items_api.terminal.screen import Screen


@click.group(cls=CommandGroup)
def local(**_output: bool) -> None:
    """Start, stop, inspect or reset the local AWS.

    Commands with --local start it when they need it.
    """


@local.command(empty={"stacks": []})
@output_options
def start(screen: Screen) -> Result:
    """Start the local AWS with its saved data. If it is running, only show its status."""
    home = local_aws.home()
    change = "unchanged" if local_aws.find(home) else "started"
    running = local_aws.ensure_running(home, screen.line)
    for note in running.note.splitlines():
        screen.line(note, "yellow", essential=True)
    return _running(running, change)


@local.command(empty={"stacks": []})
@output_options
def stop(screen: Screen) -> Result:
    """Save the data and stop the local AWS."""
    del screen
    if not local_aws.stop(local_aws.home()):
        return _not_running()
    return Result(
        document=_document(change="stopped"), lines=[Line("The local AWS saved its data and stopped.", "green")]
    )


@local.command(empty={"stacks": []})
@output_options
def status(screen: Screen) -> Result:
    """Show the stacks in the local AWS and when it was saved. Exit with 4 if it is not running."""
    del screen
    running = local_aws.find(local_aws.home())
    return _running(running) if running else replace(_not_running(), code=ABSENT, ok=False)


@local.command(empty={"stacks": []})
@output_options
def env(screen: Screen) -> Result:
    """Print shell commands that point other AWS tools at the local AWS.

    Use it as: eval "$(items-api local env)". The output contains the secret access key.
    """
    running = local_aws.find(local_aws.home())
    if running is None:
        screen.warning("The local AWS is not running. Start it with: items-api up --local")  # stdout goes to eval
        return replace(_not_running(), code=ABSENT, ok=False, lines=[])
    values = {
        "AWS_ENDPOINT_URL": running.endpoint_url,
        "AWS_ACCESS_KEY_ID": running.access_key,
        "AWS_SECRET_ACCESS_KEY": running.secret_key,
        "AWS_DEFAULT_REGION": LOCAL_REGION,
        "AWS_REGION": LOCAL_REGION,
    }
    exports = [f"export {name}={shlex.quote(value)}" for name, value in values.items()]
    text = "\n".join(["unset AWS_PROFILE AWS_SESSION_TOKEN", *exports])
    return Result(text=None if screen.json else text, document=_document(running=True, environment=values))


@local.command(empty={"stacks": []})
@yes_option
@output_options
def reset(screen: Screen, *, yes: bool) -> Result:
    """Stop the local AWS and delete all of its data.

    This also works if it does not respond or if its files are damaged.
    """
    home = local_aws.home()
    if not local_aws.has_data(home):
        local_aws.require_ministack()
        return Result(document=_document(change="absent"), lines=[Line("The local AWS has no data to delete.")])
    if not yes:
        confirm(screen, f"This would stop the local AWS and delete everything in it ({_paths().folder}).")
    local_aws.reset(home)
    return Result(document=_document(change="deleted"), lines=[Line("The local AWS is stopped and empty.", "green")])


def _running(running: LocalAws, change: str = "unchanged") -> Result:
    now = local_aws.status(running)
    document = _document(
        endpoint=running.endpoint_url,
        change=change,
        running=True,
        pid=running.pid,
        started=_iso(now.started),
        stacks=_stacks(now),
        resource_count=now.resources,
    )
    document["state"] |= {
        "bytes": now.size,
        "saved": _iso(now.saved),
        "save_interval": now.save_interval,
        "log_save_interval": now.log_save_interval,
        "save_error": now.save_error or None,
    }
    return Result(document=document, lines=list(_lines(running, now)))


def _stacks(now: Status) -> list[dict[str, str]]:
    return [
        {"name": api["tags"]["items-api:stack"], "region": api["region"], "endpoint": api["endpoint"]}
        for api in now.apis
        if "items-api:stack" in api["tags"]
    ]


def _lines(running: LocalAws, now: Status) -> Iterator[Line]:
    yield Line(f"The local AWS is running (process {running.pid}, started {_local_time(now.started)}).")
    yield Line(f"  AWS endpoint   {running.endpoint_url}", essential=True)
    yield Line(f"  Resources      {now.resources}")
    for stack in _stacks(now):
        yield Line(f"  Stack          {stack['endpoint']}  {stack['name']}, {stack['region']}")
    saved = f"saved {_local_time(now.saved)}" if now.saved else "not saved yet"
    logs = f"; logs {now.log_save_interval:.1f} s" if now.log_save_interval > 1 else ""
    yield Line(f"  Data           {size_text(now.size)}, {saved}")
    yield Line(f"  Save interval  {now.save_interval:.1f} s{logs}")
    if now.save_error:
        yield Line(f"  Save error     {now.save_error} The local AWS keeps trying.", "red", essential=True)
    yield Line(f"  Folder         {_paths().folder}")
    yield Line(f"  Log            {_paths().log}")


def _not_running() -> Result:
    local_aws.require_ministack()
    document = _document()
    lines = [Line("The local AWS is not running.", essential=True)]
    if crash := local_aws.crash_note(_paths()):
        lines.append(Line(crash, "yellow", essential=True))
    if saved := local_aws.last_save(_paths()):
        size = size_text(document["state"]["bytes"])
        lines.append(Line(f"Its data ({size}, saved {_local_time(saved)}) is in {_paths().folder}."))
    return Result(document=document, lines=lines)


def _document(**known: Any) -> dict[str, Any]:
    """The JSON document of a local AWS that is not running, with the known values."""
    paths = _paths()
    return {
        "account": local_aws.ACCOUNT,
        "change": "unchanged",
        "running": False,
        "pid": None,
        "started": None,
        "stacks": [],
        "resource_count": None,
        "state": {
            "folder": str(paths.folder),
            "log": str(paths.log),
            "bytes": sum(path.stat().st_size for path in paths.state.glob("*.json")),
            "saved": _iso(local_aws.last_save(paths)),
            "save_interval": None,
            "log_save_interval": None,
            "save_error": None,
        },
        **known,
    }


def _paths() -> Paths:
    return local_aws.paths_in(local_aws.home())


def _iso(seconds: float | None) -> str | None:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds") if seconds else None


def _local_time(seconds: float) -> str:
    return time_text(datetime.fromtimestamp(seconds, UTC))
