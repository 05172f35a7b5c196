"""What the commands and the server share: the files in the folder of a local AWS, and constants."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

ACCOUNT = "123456789012"
HOST = "127.0.0.1"
STARTING, READY, STOPPING = "starting", "ready", "stopping"
EMPTY_PATH = "/_items-api/empty"  # the response is 204 or 409; the Authorization header must be the access key
PORT_TAKEN = 3  # exit code of the server: another program uses its port


class Paths:
    """The files of one local AWS."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = folder / "settings.json"  # {"port": int, "access_key": str, "secret_key": str}
        self.process = folder / "process.json"  # {"pid": int, "phase": str}; exists without a server after a crash
        self.server_lock = folder / "server.lock"  # held by the server while it runs
        self.command_lock = folder / "commands.lock"  # held by a command while it finds, starts or stops the server
        self.state = folder / "state"
        self.scratch = folder / "tmp"
        self.log = folder / "server.log"


def read_json(path: Path) -> dict[str, Any] | None:
    """Read a JSON object; None if the file is missing or invalid."""
    try:
        content = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Replace a file atomically. Only its owner can read it, because it may contain credentials."""
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(content, file)
    new.replace(path)
