"""The side of the commands: finds, starts, queries and stops the server."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from items_api.errors import LocalUnavailable
from items_api.local.paths import EMPTY_PATH, HOST, PORT_TAKEN, READY, STARTING, Paths, read_json, write_json

try:
    import fcntl
except ModuleNotFoundError:
    raise LocalUnavailable(
        "The local AWS does not run on Windows.", "It requires POSIX locks and processes.", "Use WSL."
    ) from None

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

START_SECONDS = 60.0  # usually less than one, but much longer on a small machine with a slow disk
# The server inherits only these from the user's environment: no AWS settings, no proxy, no settings of ministack.
INHERITED_VARIABLES = ("HOME", "LANG", "LC_ALL", "LC_CTYPE", "PATH", "PYTHONPATH", "TZ", "VIRTUAL_ENV")


@dataclass(frozen=True)
class LocalAws:
    """A running local AWS. `note` is a message for the user; it is usually empty."""

    endpoint_url: str
    access_key: str
    secret_key: str
    pid: int
    port: int
    note: str = ""


def home() -> Path:
    """The user's folder for this tool: `ITEMS_API_HOME`, or the platform's application folder."""
    if folder := os.environ.get("ITEMS_API_HOME"):
        return Path(folder).expanduser().absolute()
    return Path(click.get_app_dir("items-api"))


def ensure_running(home: Path, report: Callable[[str], None] = lambda _: None) -> LocalAws:
    """Find the server or start it. `report` gets progress messages. Raises LocalUnavailable."""
    with _exclusive(home, report) as paths:
        return _running(paths) or _start(paths, report)


def resume(home: Path, report: Callable[[str], None] = lambda _: None) -> LocalAws | None:
    """Find the server or restart it with its state. None if it never ran or its state was deleted."""
    with _exclusive(home, report) as paths:
        running = _running(paths)
        ran_before = paths.state.exists() or paths.process.exists()
        return _start(paths, report) if ran_before and not running else running


def find(home: Path) -> LocalAws | None:
    """Find the server without starting it."""
    paths = Paths(home / "local-aws")
    return _running(paths) if paths.folder.exists() else None


def is_empty(running: LocalAws) -> bool:
    """Whether it has no resources of a kind that stacks use, in any region."""
    from http.client import HTTPConnection  # noqa: PLC0415 - takes 13 ms to load, and only `down` needs it

    with contextlib.closing(HTTPConnection(HOST, running.port, timeout=30)) as connection:
        connection.request("GET", EMPTY_PATH, headers={"Authorization": running.access_key})
        return connection.getresponse().status == 204  # noqa: PLR2004 - No Content


def stop(home: Path, *, forget: bool = False, timeout: float = 30.0) -> None:
    """Stop the server, if it is running, after it has saved its state. `forget` deletes the state and the settings.

    Raises LocalUnavailable after `timeout` seconds. The server is never killed, because that could lose data.
    """
    with _exclusive(home, lambda _: None) as paths:
        running = _running(paths)
        if running:
            os.kill(running.pid, signal.SIGTERM)
            if not _wait(lambda: not _is_alive(paths), timeout):
                raise LocalUnavailable(
                    f"Could not stop the local AWS (process {running.pid}).",
                    f"It was still running {timeout:g} s after SIGTERM.",
                    f"See {paths.log}. To stop it without saving its state, run: kill -9 {running.pid}",
                )
        if forget:
            shutil.rmtree(paths.state, ignore_errors=True)
            shutil.rmtree(paths.scratch, ignore_errors=True)
            paths.settings.unlink(missing_ok=True)
            paths.process.unlink(missing_ok=True)


def server_environment(user: Mapping[str, str]) -> dict[str, str]:
    """The environment of the server: a few variables of the user, and the location of this package."""
    package_root = str(Path(__file__).resolve().parent.parent.parent)
    inherited = {name: user[name] for name in INHERITED_VARIABLES if name in user}
    return inherited | {"PYTHONPATH": os.pathsep.join(filter(None, [package_root, user.get("PYTHONPATH")]))}


@contextlib.contextmanager
def _exclusive(home: Path, report: Callable[[str], None]) -> Iterator[Paths]:
    """Hold the lock that allows only one command at a time."""
    paths = Paths(home / "local-aws")
    try:
        paths.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = paths.command_lock.open("a")
    except OSError as error:
        raise LocalUnavailable(
            f"Could not use the folder {home} for the local AWS.",
            f"{error.strerror}: {error.filename}.",
            "Set ITEMS_API_HOME to a folder that you can write to.",
        ) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report("Waiting for another items-api process that is starting or stopping the local AWS.")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield paths


def _is_alive(paths: Paths) -> bool:
    """Whether a server holds its lock. The kernel releases the lock however the server ends."""
    try:
        lock = paths.server_lock.open("r+")
    except FileNotFoundError:
        return False
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def _wait(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def _phase(paths: Paths) -> str:
    return str((read_json(paths.process) or {}).get("phase", STARTING))


def _running(paths: Paths, note: str = "") -> LocalAws | None:
    """The server. If it is starting or stopping, wait until that is done."""
    if not _wait(lambda: not _is_alive(paths) or _phase(paths) == READY, START_SECONDS):
        raise LocalUnavailable(
            "The local AWS does not respond.",
            f"It has been {_phase(paths)} for {START_SECONDS:.0f} s.",
            f"See {paths.log}, and stop the process: kill {(read_json(paths.process) or {}).get('pid', '')}",
        )
    process, settings = read_json(paths.process), read_json(paths.settings)
    if not _is_alive(paths) or process is None or settings is None:
        return None
    return LocalAws(
        endpoint_url=f"http://{HOST}:{settings['port']}",
        access_key=settings["access_key"],
        secret_key=settings["secret_key"],
        pid=process["pid"],
        port=settings["port"],
        note=note,
    )


def _start(paths: Paths, report: Callable[[str], None]) -> LocalAws:
    _require_ministack()
    note = _crash_note(paths)
    report("Starting the local AWS.")
    crashed = read_json(paths.process) if note else None
    _prepare(paths)
    with paths.log.open("xb") as log:
        done = subprocess.run(  # noqa: S603 - fixed command
            [sys.executable, "-P", "-m", "items_api.local.server", str(paths.folder)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=paths.folder,
            env=server_environment(os.environ),
            check=False,
        )
    running = _running(paths, note) if done.returncode == 0 else None
    if running is None:
        if crashed:  # so that the next start reports the crash
            write_json(paths.process, crashed)
        raise _start_error(paths, done.returncode)
    return running


def _require_ministack() -> None:
    if importlib.util.find_spec("ministack") is None:
        from items_api.local.install import install_command, this_copy  # noqa: PLC0415 - 10 ms, for an error

        raise LocalUnavailable(
            "The local AWS is not installed.",
            "It requires ministack, an optional dependency of items-api.",
            f"Install it with this command:\n{install_command(this_copy())}",
        )


def _prepare(paths: Paths) -> None:
    """Create the credentials on the first start, and clean up after the last server."""
    settings = read_json(paths.settings) or {}
    port = settings.get("port")
    if port is not None and not (type(port) is int and 0 < port < 65536):  # noqa: PLR2004 - TCP's ports
        raise LocalUnavailable(
            f"{paths.settings} contains an invalid port: {port!r}.", todo="Use a number from 1 to 65535."
        )
    settings.setdefault("access_key", f"LOCAL{os.urandom(16).hex().upper()}")
    settings.setdefault("secret_key", os.urandom(20).hex())
    write_json(paths.settings, settings)
    paths.process.unlink(missing_ok=True)
    if paths.log.exists():
        paths.log.replace(paths.log.with_suffix(".old.log"))


def _crash_note(paths: Paths) -> str:
    """A message about data loss, if the last server crashed: its process file exists and it had become ready."""
    if not paths.process.exists() or _phase(paths) == STARTING:
        return ""
    saved = max((file.stat().st_mtime for file in paths.state.glob("*.json")), default=None)
    if saved is None:
        return "The local AWS crashed or was killed before it first saved its state. All of its resources are lost."
    last_save = datetime.fromtimestamp(saved).astimezone()
    return f"The local AWS crashed or was killed. Changes after its last save ({last_save:%Y-%m-%d %H:%M:%S}) are lost."


def _start_error(paths: Paths, exit_code: int) -> LocalUnavailable:
    what = "The local AWS could not start."
    if exit_code == PORT_TAKEN:
        port = (read_json(paths.settings) or {}).get("port")
        return LocalUnavailable(
            what,
            f"Another program uses its port {port}, which cannot change because it is part of the endpoints.",
            f"Find that program (lsof -i :{port}) and stop it. Or set ITEMS_API_HOME to another folder to start a new "
            "local AWS on a free port.",
        )
    lines = paths.log.read_text(errors="replace").strip().splitlines()
    why = f"The last line of its log: {lines[-1]}" if lines else "Its log is empty."
    return LocalUnavailable(what, why, f"See {paths.log}.")
