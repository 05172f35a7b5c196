"""Starts the server process of a local AWS."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from items_api.errors import LocalUnavailable
from items_api.local.paths import LOGS, STARTING, Paths, read_json, write_json
from items_api.local.process import LocalAws, ask, find, phase

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SERVER: tuple[str, ...] = (sys.executable, "-P", "-m", "items_api.local.server")
# The server inherits only these from the user's environment: no AWS settings, no proxy, no settings of ministack.
INHERITED_VARIABLES = ("HOME", "LANG", "LC_ALL", "LC_CTYPE", "PATH", "PYTHONPATH", "TZ", "VIRTUAL_ENV")


def server_environment(user: Mapping[str, str]) -> dict[str, str]:
    """The environment of the server: a few variables of the user, and the location of this package."""
    package_root = str(Path(__file__).resolve().parent.parent.parent)
    inherited = {name: user[name] for name in INHERITED_VARIABLES if name in user}
    return inherited | {"PYTHONPATH": os.pathsep.join(filter(None, [package_root, user.get("PYTHONPATH")]))}


def require_ministack() -> None:
    if importlib.util.find_spec("ministack") is None:
        from items_api.extras import install_command, this_copy  # noqa: PLC0415 - 10 ms, for an error

        raise LocalUnavailable(
            "The local AWS is not installed.",
            "It requires ministack, an optional dependency of items-api.",
            f"Install it with this command:\n{install_command('local', this_copy())}",
        )


def start(paths: Paths, report: Callable[[str], None]) -> LocalAws:
    """Start the server and wait until it is ready. Its note says what has changed since the last one."""
    require_ministack()
    crash = crash_note(paths)
    report("Starting the local AWS.")
    crashed = read_json(paths.process) if crash else None
    port = _prepare(paths)
    with paths.log.open("xb") as log:
        done = subprocess.run(  # noqa: S603 - fixed command
            [*SERVER, str(paths.folder)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=paths.folder,
            env=server_environment(os.environ),
            check=False,
        )
    running = find(paths) if done.returncode == 0 else None
    if running is None:
        if crashed:  # so that the next start reports the crash
            write_json(paths.process, crashed)
        raise _start_error(paths)
    notes = [crash, _moved_note(running, port), *ask(running).moved]
    return replace(running, note="\n".join(filter(None, notes)))


def _prepare(paths: Paths) -> int | None:
    """Create the credentials on the first start, and clean up after the last server. Returns the saved port."""
    settings = read_json(paths.settings) or {}
    port = settings.get("port")
    if port is not None and not (type(port) is int and 0 < port < 65536):  # noqa: PLR2004 - TCP's ports
        raise LocalUnavailable(
            f"{paths.settings} contains an invalid port: {port!r}.", todo="Use a number from 1 to 65535."
        )
    created = {"access_key": f"LOCAL{os.urandom(16).hex().upper()}", "secret_key": os.urandom(20).hex()}
    kept = {key: value for key in created if isinstance(value := settings.get(key), str)}
    write_json(paths.settings, {"port": port, **created, **kept})
    paths.process.unlink(missing_ok=True)
    if paths.log.exists():
        paths.log.replace(paths.old_log)
    return port


def crash_note(paths: Paths) -> str:
    """A message about data loss, if the last server crashed: its process file exists and it had become ready."""
    if not paths.process.exists() or phase(paths) == STARTING:
        return ""
    saved = last_save(paths)
    if saved is None:
        return "The local AWS crashed or was killed before it first saved its state. All of its resources are lost."
    shown = datetime.fromtimestamp(saved).astimezone()
    return f"The local AWS crashed or was killed. Changes after its last save ({shown:%Y-%m-%d %H:%M:%S}) are lost."


def last_save(paths: Paths) -> float | None:
    """The time of the last saved state, in seconds since 1970. It is the modification time of the files."""
    return max((path.stat().st_mtime for path in paths.state.glob("*.json") if path.stem != LOGS), default=None)


def _moved_note(running: LocalAws, port: int | None) -> str:
    if port in (None, running.port):
        return ""
    what = f"Another program uses port {port}, so the AWS endpoint is now {running.endpoint_url}."
    return f"{what} Set AWS_ENDPOINT_URL again in shells that have the old one."


def _start_error(paths: Paths) -> LocalUnavailable:
    lines = paths.log.read_text(errors="replace").strip().splitlines()
    return LocalUnavailable(
        "The local AWS could not start.",
        f"The last line of its log: {lines[-1]}" if lines else "Its log is empty.",
        f"See {paths.log}. To start again without any data, run items-api local reset.",
    )
