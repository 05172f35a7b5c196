"""Starts and stops the local AWS. A lock allows only one command at a time to do so."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from items_api.errors import LocalUnavailable
from items_api.local import process, starting
from items_api.local.paths import SAVE_PATH, Paths, Status, read_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from items_api.local.process import LocalAws


def home() -> Path:
    """The user's folder for this tool: `ITEMS_API_HOME`, or the platform's application folder."""
    if folder := os.environ.get("ITEMS_API_HOME"):
        return Path(folder).expanduser().absolute()
    return Path(click.get_app_dir("items-api"))


def paths_in(home: Path) -> Paths:
    return Paths(home / "local-aws")


def ensure_running(home: Path, report: Callable[[str], None] = lambda _: None) -> LocalAws:
    """Find the server or start it. `report` gets progress messages. Raises LocalUnavailable."""
    with _exclusive(home, report) as paths:
        return _current(paths) or starting.start(paths, report)


def resume(home: Path, report: Callable[[str], None] = lambda _: None) -> LocalAws | None:
    """Find the server or restart it with its state. None if it never ran or its state was deleted."""
    with _exclusive(home, report) as paths:
        running = _current(paths)
        ran_before = paths.state.exists() or paths.process.exists()
        return starting.start(paths, report) if ran_before and not running else running


def find(home: Path) -> LocalAws | None:
    """Find the server without starting it."""
    paths = paths_in(home)
    return process.find(paths) if paths.folder.exists() else None


def status(running: LocalAws) -> Status:
    return process.ask(running)


def has_data(home: Path) -> bool:
    """Whether there is something that `reset` would delete."""
    paths = paths_in(home)
    return process.is_alive(paths) or any(map(Path.exists, (paths.state, paths.settings, paths.process)))


def stop(home: Path, *, forget: bool = False, timeout: float = 30.0) -> bool:
    """Stop the server after it has saved its state. `forget` kills it and deletes the state and the settings instead.

    Returns whether it was running. Raises LocalUnavailable if the state cannot be saved, or after `timeout` seconds.
    """
    with _exclusive(home, lambda _: None) as paths:
        pid = process.process_id(paths)
        if pid is not None and not forget:
            _save(paths, pid, timeout)
        if pid is not None:
            _end(paths, pid, signal.SIGKILL if forget else signal.SIGTERM, timeout)
        if forget:
            _delete(paths)
        return pid is not None


def reset(home: Path, timeout: float = 30.0) -> None:
    """Kill the server and delete all local data. Also works if a file is damaged or the server does not respond."""
    with _exclusive(home, lambda _: None) as paths:
        if process.is_alive(paths):
            pid = (read_json(paths.process) or {}).get("pid")
            if not isinstance(pid, int):
                raise LocalUnavailable(
                    "Could not stop the local AWS.",
                    f"It is running, but {paths.process}, which has its process ID, is missing or damaged.",
                    f"Find the process with: lsof {paths.server_lock}. Kill it and run items-api local reset again.",
                )
            _end(paths, pid, signal.SIGKILL, timeout)
        _delete(paths)
        for log in (paths.log, paths.old_log):
            log.unlink(missing_ok=True)


@contextlib.contextmanager
def _exclusive(home: Path, report: Callable[[str], None]) -> Iterator[Paths]:
    """Hold the lock that allows only one command at a time."""
    paths = paths_in(home)
    try:
        paths.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with paths.command_lock.open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                report("Waiting for another items-api process that is starting or stopping the local AWS.")
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield paths
    except OSError as error:
        raise LocalUnavailable(
            f"Could not use the folder {home} for the local AWS.",
            f"{error.strerror}: {error.filename or paths.folder}.",
            "Fix the cause, or set ITEMS_API_HOME to another folder.",
        ) from None


def _current(paths: Paths) -> LocalAws | None:
    """The server, if it is running. Its note says if its state cannot be saved at the moment."""
    running = process.find(paths)
    try:
        now = process.ask(running) if running else None
    except LocalUnavailable:
        if process.wait(lambda: not process.is_alive(paths), 1):
            return None  # it was about to end
        raise
    if not (running and now and now.save_error):
        return running
    since = f"changes since {datetime.fromtimestamp(now.saved).astimezone():%H:%M:%S}" if now.saved else "all changes"
    return replace(
        running,
        note=f"The local AWS cannot save its state: {now.save_error} It keeps trying. If it stops before that, "
        f"{since} are lost.",
    )


def _save(paths: Paths, pid: int, timeout: float) -> None:
    """Save the state, if the server responds. Raises LocalUnavailable if the state cannot be saved."""
    try:
        running = process.find(paths)
        error = process.ask(running, SAVE_PATH, timeout=timeout).save_error if running else ""
    except LocalUnavailable:
        return
    if error:
        raise LocalUnavailable(
            f"Could not stop the local AWS (process {pid}).",
            f"It cannot save its state: {error}",
            f"Fix the cause and stop it again. To stop it without saving its state, run: kill -9 {pid}",
        )


def _end(paths: Paths, pid: int, stop_signal: signal.Signals, timeout: float) -> None:
    """Send the signal and wait until the server has ended. SIGKILL also ends the processes of Lambda functions."""
    with contextlib.suppress(ProcessLookupError):
        (os.killpg if stop_signal is signal.SIGKILL else os.kill)(pid, stop_signal)
    if not process.wait(lambda: not process.is_alive(paths), timeout):
        raise LocalUnavailable(
            f"Could not stop the local AWS (process {pid}).",
            f"It was still running {timeout:g} s after {stop_signal.name}.",
            f"See {paths.log}. To stop it without saving its state, run: kill -9 {pid}",
        )


def _delete(paths: Paths) -> None:
    shutil.rmtree(paths.state, ignore_errors=True)
    shutil.rmtree(paths.scratch, ignore_errors=True)
    paths.settings.unlink(missing_ok=True)
    paths.process.unlink(missing_ok=True)
