"""Finds the server process of a local AWS and talks to it."""

from __future__ import annotations

import json
import time
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from items_api.errors import LocalUnavailable
from items_api.local.paths import HOST, READY, STARTING, STATUS_PATH, Paths, Status, read_json

try:
    import fcntl
except ModuleNotFoundError:
    raise LocalUnavailable(
        "The local AWS does not run on Windows.", "It requires POSIX locks and processes.", "Use WSL."
    ) from None

if TYPE_CHECKING:
    from collections.abc import Callable

START_SECONDS = 60.0  # usually less than one, but much longer on a small machine with a slow disk


@dataclass(frozen=True)
class LocalAws:
    """A running local AWS. `note` has messages for the user, one per line; it is usually empty."""

    endpoint_url: str
    access_key: str
    secret_key: str
    pid: int
    port: int
    note: str = ""


def is_alive(paths: Paths) -> bool:
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


def wait(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def phase(paths: Paths) -> str:
    return str((read_json(paths.process) or {}).get("phase", STARTING))


def process_id(paths: Paths) -> int | None:
    """The process id of the server. If it is starting or stopping, wait until that is done; None if none is running."""
    if not wait(lambda: not is_alive(paths) or phase(paths) == READY, START_SECONDS):
        raise LocalUnavailable(
            "The local AWS does not respond.",
            f"It has been {phase(paths)} for {START_SECONDS:.0f} s.",
            f"See {paths.log}. To stop it and delete all local data, run: items-api local reset",
        )
    process = read_json(paths.process)
    return int(process["pid"]) if process and is_alive(paths) else None


def find(paths: Paths) -> LocalAws | None:
    """The server. If it is starting or stopping, wait until that is done."""
    pid = process_id(paths)
    if pid is None:
        return None
    settings = read_json(paths.settings) or {}
    port, access_key, secret_key = (settings.get(key) for key in ("port", "access_key", "secret_key"))
    if not (isinstance(port, int) and isinstance(access_key, str) and isinstance(secret_key, str)):
        raise LocalUnavailable(
            "Could not connect to the local AWS.",
            f"{paths.settings}, which has its port and credentials, is missing or damaged.",
            "Run items-api local stop. The next start creates a new file and keeps your data.",
        )
    return LocalAws(f"http://{HOST}:{port}", access_key, secret_key, pid, port)


def ask(running: LocalAws, path: str = STATUS_PATH, *, timeout: float = 30.0) -> Status:
    """Send a request to the server's own API."""
    from http.client import HTTPConnection, HTTPException  # noqa: PLC0415 - 13 ms, which --help does not need

    try:
        with closing(HTTPConnection(HOST, running.port, timeout=timeout)) as connection:
            connection.request("GET", path, headers={"Authorization": running.access_key})
            return Status(**json.loads(connection.getresponse().read()))
    except (OSError, HTTPException, ValueError, TypeError) as error:
        raise LocalUnavailable(
            f"The local AWS (process {running.pid}) does not respond.",
            f"{type(error).__name__}: {error}.",
            "Run items-api local stop, then the command again.",
        ) from None
