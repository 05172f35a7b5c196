"""What an interrupted dump or load has completed, in a small file beside its own."""

from __future__ import annotations

import fcntl
import json
import os
from typing import TYPE_CHECKING, Any, BinaryIO

from items_api.errors import CannotResume

if TYPE_CHECKING:
    from pathlib import Path


class Journal:
    """A JSON document that is replaced as a whole. `work` is what it belongs to; other work cannot continue it."""

    def __init__(self, file: Path, kind: str, work: dict[str, Any]) -> None:
        self.path = journal_path(file, kind)
        self._kind = kind
        self._work = work

    def read(self) -> dict[str, Any] | None:
        """What has been completed; None if there is no journal.

        Raises:
            CannotResume: the journal belongs to other work, or is damaged.
            OSError: it cannot be read.
        """
        try:
            found = json.loads(self.path.read_text("utf-8"))
            work, done = found["work"], found["done"]
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):
            raise self._problem("It is damaged.") from None
        if not (isinstance(work, dict) and isinstance(done, dict) and done):
            raise self._problem("It is damaged.")
        if work != self._work:
            differing = sorted(key for key in self._work if work.get(key) != self._work[key])
            raise self._problem(f"It is about another {' and '.join(differing) or 'version of items-api'}.")
        result: dict[str, Any] = done
        return result

    def write(self, done: dict[str, Any]) -> None:
        new = self.path.with_name(f"{self.path.name}.new")
        # It has keys of items.
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump({"work": self._work, "done": done}, file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self.path)

    def delete(self) -> None:
        self.path.unlink(missing_ok=True)

    def _problem(self, why: str) -> CannotResume:
        what = "the journal and the file" if self._kind == "dump" else "the journal"
        todo = f"Run the interrupted command again as it was. To start over, delete {what}."
        return CannotResume(f"The journal {self.path} does not belong to this command.", why, todo)


def journal_path(file: Path, kind: str) -> Path:
    """Where the journal of a dump or a load of this file is."""
    return file.with_name(f"{file.name}.{kind}-journal")


def lock(file: BinaryIO, path: Path) -> None:
    """Raise `CannotResume` if another command is working on this file. The lock ends when it is closed."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        why = f"Another command is working on {path}."
        raise CannotResume("Nothing was changed.", why, "Wait until it has finished.") from None
