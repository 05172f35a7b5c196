"""The commands' side: finds the server, starts it, asks it, stops it."""

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

from items_api.errors import LocalUnavailable
from items_api.local.place import EMPTY_PATH, HOST, PORT_TAKEN, READY, STARTING, Place, read_json, write_json

try:
    import fcntl
except ModuleNotFoundError:
    raise LocalUnavailable(
        "The local AWS does not run on Windows itself.", "It needs POSIX locks and processes.", "Run it in WSL."
    ) from None

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

START_SECONDS = 60.0  # a cold disk on a small machine; usually it is well under one
# What the server needs from the user's environment. Nothing of AWS, no proxy, no setting of ministack's own.
KEPT_VARIABLES = ("HOME", "LANG", "LC_ALL", "LC_CTYPE", "PATH", "PYTHONPATH", "TZ", "VIRTUAL_ENV")


@dataclass(frozen=True)
class LocalAws:
    """A running local AWS: where it is, what to sign with, and what its user must be told (`note`, often empty)."""

    endpoint_url: str
    access_key: str
    secret_key: str
    pid: int
    port: int
    note: str = ""


def home() -> Path:
    """The user's folder for this tool: `ITEMS_API_HOME`, or the platform's application folder."""
    if chosen := os.environ.get("ITEMS_API_HOME"):
        return Path(chosen).expanduser().absolute()
    import click  # noqa: PLC0415 - the functions below must stay cheap to import

    return Path(click.get_app_dir("items-api"))


def ensure_running(home: Path, say: Callable[[str], None] = lambda _: None) -> LocalAws:
    """Finds the server or starts it; `say` hears what takes time. Raises LocalUnavailable."""
    with _in_turn(home, say) as place:
        return _running(place) or _start(place, say)


def resume(home: Path, say: Callable[[str], None] = lambda _: None) -> LocalAws | None:
    """Finds the server, or starts it again with its state; None if there never was one or it ended empty."""
    with _in_turn(home, say) as place:
        running = _running(place)
        ran_before = place.state.exists() or place.process.exists()
        return _start(place, say) if ran_before and not running else running


def find(home: Path) -> LocalAws | None:
    """The running server, or None. Looks only; costs a file lock and two small files."""
    place = Place(home / "local-aws")
    return _running(place) if place.folder.exists() else None


def is_empty(running: LocalAws) -> bool:
    """Whether nothing that a stack is made of is left on it, in any region."""
    from http.client import HTTPConnection  # noqa: PLC0415 - as above

    connection = HTTPConnection(HOST, running.port, timeout=30)
    with contextlib.closing(connection):
        connection.request("GET", EMPTY_PATH, headers={"Authorization": running.access_key})
        return connection.getresponse().status == 204  # noqa: PLR2004 - No Content


def stop(home: Path, *, forget: bool = False, patience: float = 30.0) -> None:
    """Stops the server, if one runs, after it has saved its state. `forget`: nothing is worth keeping, port included.

    Raises LocalUnavailable if it has not ended after `patience` seconds; it is never killed, for that would lose what
    it has not saved.
    """
    with _in_turn(home, lambda _: None) as place:
        running = _running(place)
        if running:
            os.kill(running.pid, signal.SIGTERM)
            if not _wait(lambda: not _alive(place), patience):
                raise LocalUnavailable(
                    f"The local AWS (process {running.pid}) did not stop.",
                    f"It was asked to and had {patience:g} s to save its state.",
                    f"Look into {place.log}. To give up what is unsaved: kill -9 {running.pid}",
                )
        if forget:
            shutil.rmtree(place.state, ignore_errors=True)
            shutil.rmtree(place.scratch, ignore_errors=True)
            place.settings.unlink(missing_ok=True)
            place.process.unlink(missing_ok=True)


def server_environment(user: Mapping[str, str]) -> dict[str, str]:
    """What the server inherits: a few variables of the user's, and where this package is."""
    package_root = str(Path(__file__).resolve().parent.parent.parent)
    kept = {name: user[name] for name in KEPT_VARIABLES if name in user}
    return kept | {"PYTHONPATH": os.pathsep.join(filter(None, [package_root, user.get("PYTHONPATH")]))}


@contextlib.contextmanager
def _in_turn(home: Path, say: Callable[[str], None]) -> Iterator[Place]:
    """The place, for one command at a time."""
    place = Place(home / "local-aws")
    try:
        place.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        turn = place.turn.open("a")
    except OSError as error:
        raise LocalUnavailable(
            f"Could not use the folder {home} for the local AWS.",
            f"{error.strerror}: {error.filename}.",
            "Set ITEMS_API_HOME to a folder that you may write to.",
        ) from None
    with turn:
        try:
            fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another items-api is starting or stopping the local AWS; waiting for it.")
            fcntl.flock(turn, fcntl.LOCK_EX)
        yield place


def _alive(place: Place) -> bool:
    """Whether a server holds its lock. The kernel frees it however the server ends."""
    try:
        lock = place.lock.open("r+")
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


def _phase(place: Place) -> str:
    return str((read_json(place.process) or {}).get("phase", STARTING))


def _running(place: Place, note: str = "") -> LocalAws | None:
    """The server once it is ready; one that is on its way up or down is waited for."""
    if not _wait(lambda: not _alive(place) or _phase(place) == READY, START_SECONDS):
        raise LocalUnavailable(
            "The local AWS hangs.",
            f"It has been {_phase(place)} for {START_SECONDS:.0f} s.",
            f"Look into {place.log}, and end it: kill {(read_json(place.process) or {}).get('pid', '')}",
        )
    process, settings = read_json(place.process), read_json(place.settings)
    if not _alive(place) or process is None or settings is None:
        return None
    return LocalAws(
        endpoint_url=f"http://{HOST}:{settings['port']}",
        access_key=settings["access_key"],
        secret_key=settings["secret_key"],
        pid=process["pid"],
        port=settings["port"],
        note=note,
    )


def _start(place: Place, say: Callable[[str], None]) -> LocalAws:
    _require_ministack()
    note = _crash_note(place)
    say("Starting the local AWS.")
    crashed = read_json(place.process) if note else None
    _prepare(place)
    with place.log.open("xb") as log:
        done = subprocess.run(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-P", "-m", "items_api.local.server", str(place.folder)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=place.folder,
            env=server_environment(os.environ),
            check=False,
        )
    running = _running(place, note) if done.returncode == 0 else None
    if running is None:
        if crashed:  # who starts it at last shall still be told
            write_json(place.process, crashed)
        raise _port_taken(place) if done.returncode == PORT_TAKEN else _died(place)
    return running


def _require_ministack() -> None:
    if importlib.util.find_spec("ministack") is None:
        raise LocalUnavailable(
            "The local AWS is not installed.",
            "It is the package ministack, an extra of this one.",
            "Install it: pip install 'items-api[local]', or pipx inject items-api ministack, or "
            "uv tool install 'items-api[local]'.",
        )


def _prepare(place: Place) -> None:
    """Gives the place its credentials, once, and clears away what the last server left."""
    import secrets  # noqa: PLC0415 - costs 10 ms, which only a start shall pay

    settings = read_json(place.settings) or {}
    port = settings.get("port")
    if port is not None and not (type(port) is int and 0 < port < 65536):  # noqa: PLR2004 - TCP's ports
        raise LocalUnavailable(
            f"{place.settings} names a port that is none: {port!r}.", todo="Make it a number from 1 to 65535."
        )
    settings.setdefault("access_key", f"LOCAL{secrets.token_hex(16).upper()}")
    settings.setdefault("secret_key", secrets.token_hex(20))
    write_json(place.settings, settings)
    place.process.unlink(missing_ok=True)
    if place.log.exists():
        place.log.replace(place.log.with_suffix(".old.log"))


def _crash_note(place: Place) -> str:
    """What a crash cost. A process file without its server is the mark of one, unless it never got ready."""
    if not place.process.exists() or _phase(place) == STARTING:
        return ""
    saved = max((file.stat().st_mtime for file in place.state.glob("*.json")), default=None)
    lost = "nothing of it was saved yet"
    if saved is not None:
        lost = (
            f"what changed after its last save, {datetime.fromtimestamp(saved).astimezone():%Y-%m-%d %H:%M:%S}, is lost"
        )
    return f"The local AWS had been killed or had crashed: {lost}."


def _port_taken(place: Place) -> LocalUnavailable:
    port = (read_json(place.settings) or {}).get("port")
    return LocalUnavailable(
        "The local AWS could not start.",
        f"Another program listens on its port {port}, which is part of the endpoints it has given out.",
        f"Find that program (lsof -i :{port}) and stop it. Or start afresh beside it, on a free port: "
        "set ITEMS_API_HOME to another folder.",
    )


def _died(place: Place) -> LocalUnavailable:
    lines = place.log.read_text(errors="replace").strip().splitlines()
    return LocalUnavailable(
        "The local AWS could not start.",
        f"Its last words: {lines[-1]}" if lines else "It ended without a word.",
        f"The whole log is {place.log}.",
    )
