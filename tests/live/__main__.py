"""`python -m tests.live`: run the scenario in the account that ITEMS_API_LIVE_ACCOUNT names."""

import argparse
import json
import os
import secrets
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from items_api import __version__
from items_api.settings import Settings, parse_tags
from tests.live import existing
from tests.live.processes import ROOT, Processes
from tests.live.recorder import Recorder
from tests.live.redaction import leaks
from tests.live.report import THROTTLE_BURST, THROTTLE_RATE, Report
from tests.live.scenario import Run, owner_tag, steps

VARIABLE = "ITEMS_API_LIVE_ACCOUNT"
LATE_LINES_SECONDS = 30  # a late log line could recreate the log group


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="make live", description=__doc__)
    parser.add_argument("--output", type=Path, help="where to write the recording and the row, instead of this folder")
    parser.add_argument("--only", action="append", help="run only this step; repeatable")
    options = parser.parse_args(arguments)
    wanted = os.environ.get(VARIABLE, "")
    if not wanted:
        return _refuse(f"{VARIABLE} is not set.", f"Set it to the ID of the account to use: {VARIABLE}=123456789012")
    session = boto3.Session(region_name=os.environ.get("AWS_REGION") or None)
    if not session.region_name:
        return _refuse("No region is set.", "Set AWS_REGION, for example to us-east-1.")
    try:
        identity = session.client("sts").get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        return _refuse(f"Could not look up the AWS account: {error}", "Check your credentials.")
    if identity["Account"] != wanted:
        why = f"Your credentials belong to account {identity['Account']}, but {VARIABLE} is {wanted}."
        return _refuse(why, "Nothing was changed. Correct the variable or use other credentials.")
    emulated = bool(os.environ.get("AWS_ENDPOINT_URL"))
    # What an emulator answers says nothing about AWS, so it does not go into the repository.
    output = options.output or (ROOT / "build" / "live" if emulated else ROOT)
    with tempfile.TemporaryDirectory() as folder:
        try:
            return _run(session, identity, Path(folder), output, options.only, emulated=emulated)
        except KeyboardInterrupt:
            return 130


def _run(
    session: boto3.Session, identity: Any, folder: Path, output: Path, only: list[str] | None, *, emulated: bool
) -> int:
    began = datetime.now(UTC)
    started = began.isoformat(timespec="seconds")
    recording = output / "tests" / "recordings" / f"{began:%Y-%m-%dT%H%M%S}-{session.region_name}.jsonl"
    recording.parent.mkdir(parents=True, exist_ok=True)
    settings = Settings(
        name=existing.PREFIX + secrets.token_hex(3),
        region=session.region_name,
        tags=parse_tags([owner_tag(started)]),
        throttle_rate=THROTTLE_RATE,
        throttle_burst=THROTTLE_BURST,
    )
    processes = Processes(recording, identity["Account"], time.time(), _variables(settings), folder)
    run = Run(session, identity["Account"], identity["Arn"], settings, processes, emulated)
    report = Report(started, f"{settings.region} (emulator)" if emulated else settings.region)
    header = {"comment": f"items-api {__version__}, {report.region}, {started}", "delays": {}}
    recording.write_text(json.dumps(header) + "\n")
    _announce(run, recording)
    try:
        _attempt(report, "sweep", lambda: _sweep(run))
        # Listings of the whole account are not recorded: they may show resources that are none of the run's business.
        Recorder(recording, "by hand", run.account, processes.started).attach()
        run.session = boto3.Session(region_name=settings.region)
        for step, act in steps(run):
            if not report.failure and (only is None or step in only):
                _attempt(report, step, act)
    finally:
        clean_up(run, report, session)
        _finish(run, report, recording, output)
    return 0 if report.ok else 1


def _variables(settings: Settings) -> dict[str, str]:
    """These settings, as the commands read them."""
    return {
        "ITEMS_API_NAME": settings.name,
        "ITEMS_API_REGION": settings.region,
        "ITEMS_API_TAG": " ".join(f"{key}={value}" for key, value in settings.tags.items()),
        "ITEMS_API_THROTTLE_RATE": str(settings.throttle_rate),
        "ITEMS_API_THROTTLE_BURST": str(settings.throttle_burst),
    }


def _announce(run: Run, recording: Path) -> None:
    print(f"Account {run.account}, region {run.settings.region}, stack {run.settings.name}")
    print(f"This creates the stack {run.settings.name} several times, changes it by hand, and deletes it. It creates a")
    print(f"temporary role {existing.deployer_role(run.settings.name)} and deletes it too. First, it deletes stacks")
    print(
        f"named {existing.PREFIX}… with the tag {existing.STARTED_TAG} that runs of more than an hour ago left behind."
    )
    print(f"It costs less than a cent and takes about ten minutes. Every call is recorded in {recording}.")
    sys.stdout.flush()


def _attempt(report: Report, name: str, act: Callable[[], None]) -> None:
    began, outcome = time.monotonic(), "ok"
    try:
        act()
    except Exception as error:  # noqa: BLE001 - whatever it is, the rest must be cleaned up and reported
        report.failure += f"{name}: {error}\n"
        outcome = "failed"
    except KeyboardInterrupt:
        report.failure += f"{name}: interrupted\n"
        raise
    report.seconds[name] = time.monotonic() - began
    print(f"{outcome:6}  {name}  {report.seconds[name]:.1f} s", flush=True)


def _sweep(run: Run) -> None:
    stacks, deployers = existing.abandoned(existing.resources(run.session, existing.PREFIX), run.settings.region)
    for role in deployers:
        existing.delete_role(run.session, role.name)
    for stack in stacks:
        run.processes.run("down", "--yes", "--name", stack)
        print(f"        deleted {stack}, which an earlier run left behind")


def clean_up(run: Run, report: Report, session: boto3.Session, pause: Callable[[float], None] = time.sleep) -> None:
    """Runs after every outcome, also Ctrl-C: delete what may be left, then look for leaks in every service."""
    name = run.settings.name
    actions: Iterable[tuple[str, Callable[[], None]]] = (
        ("cleanup", lambda: run.processes.run("down", "--yes")),
        ("cleanup of the role", lambda: existing.delete_role(session, existing.deployer_role(name))),
        ("wait for late log lines", lambda: pause(0 if run.emulated else LATE_LINES_SECONDS)),
        ("leak check", lambda: report.leaks.extend(existing.leaks(session, name, pause))),
    )
    for title, act in actions:
        _attempt(report, title, act)


def _finish(run: Run, report: Report, recording: Path, output: Path) -> None:
    text = recording.read_text()
    report.apis = text.count('"operation": "CreateApi"')
    if leaked := leaks(text, run.account):
        recording.unlink()
        report.failure += f"The recording was deleted, because it contained secrets: {len(leaked)} places.\n"
    page = output / "docs" / "live.md"
    page.parent.mkdir(parents=True, exist_ok=True)
    with page.open("a") as file:
        file.write(report.row())
    print(report.failure + ("Leaks: " + ", ".join(report.leaks) if report.leaks else "No leaks."))
    print(f"Cost: {report.cost()}. Recording: {recording}")


def _refuse(why: str, todo: str) -> int:
    print(f"{why}\n{todo}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a cancelled workflow must clean up too
    sys.exit(main(sys.argv[1:]))
