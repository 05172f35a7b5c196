"""What the commands and the server share: the files in the folder of a local AWS, the server's own API, constants."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ACCOUNT = "123456789012"
HOST = "127.0.0.1"
STARTING, READY, STOPPING = "starting", "ready", "stopping"
LOGS = "cloudwatch_logs"  # ministack's name of the service; its state grows with each request
# The server's own API: GET, with the secret access key as the Authorization header. The response is a `Status`.
STATUS_PATH = "/_items-api/status"
SAVE_PATH = "/_items-api/save"  # saves the state before it responds


@dataclass(frozen=True)
class Status:
    """What the server reports about itself. Times are in seconds since 1970.

    Attributes:
        started: when the server started.
        resources: the number of resources of a kind that stacks use, in all regions.
        apis: `name`, `region`, `endpoint` and `tags` of each HTTP API.
        moved: messages about endpoints whose port was taken when the server started.
        size: of the saved state, in bytes.
        saved: the time of the last saved state; None if there is none.
        save_interval: the number of seconds within which a change is saved; logs have their own.
        save_error: why the state cannot be saved; empty if it can.
    """

    started: float
    resources: int
    apis: Sequence[dict[str, Any]]
    moved: Sequence[str]
    size: int
    saved: float | None
    save_interval: float
    log_save_interval: float
    save_error: str


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
        self.old_log = folder / "server.old.log"


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
