"""Where the commands and the server of one local AWS meet: a folder, and the words they exchange in it."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

ACCOUNT = "123456789012"
HOST = "127.0.0.1"
STARTING, READY, STOPPING = "starting", "ready", "stopping"
EMPTY_PATH = "/_items-api/empty"  # the server answers 204 or 409 to who sends its access key as authorization
PORT_TAKEN = 3  # the server's exit code: the port that its endpoints contain belongs to another program now


class Place:
    """The folder of one local AWS: where its server and the commands meet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = (
            folder / "settings.json"
        )  # {"port": int, "access_key": str, "secret_key": str}; outlives servers
        self.process = folder / "process.json"  # {"pid": int, "phase": str}; still there without a server, it crashed
        self.lock = folder / "server.lock"  # held by the server for as long as it lives
        self.turn = folder / "commands.lock"  # held by a command while it looks, starts or stops
        self.state = folder / "state"
        self.scratch = folder / "tmp"
        self.log = folder / "server.log"


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in a file, or None where there is none or not a whole one."""
    try:
        found = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Replaces the file in one move, readable by its owner alone: it may hold credentials."""
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(content, file)
    fresh.replace(path)
