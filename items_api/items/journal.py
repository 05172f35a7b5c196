"""What an interrupted dump or load has completed, in a small file beside its own."""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, BinaryIO

from items_api.errors import CannotLock, CannotResume

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VERSION = 1  # of what is in a journal; another version of items-api may not understand it


class Journal:
    """A JSON document that is replaced as a whole. `work` is what it belongs to; other work cannot continue it."""

    def __init__(self, file: Path, kind: str, work: dict[str, Any]) -> None:
        self.path = file.with_name(f"{file.name}.{kind}-journal")
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
            raise self._problem("is damaged", again="") from None
        if not (isinstance(work, dict) and isinstance(done, dict) and done):
            raise self._problem("is damaged", again="")
        if work != self._work:
            differing = sorted(key for key in self._work if work.get(key) != self._work[key])
            names = " and ".join(name.replace("--only-new", "use of --only-new") for name in differing)
            raise self._problem(f"was written for another {names or 'version of items-api'}")
        result: dict[str, Any] = done
        return result

    def write(self, done: dict[str, Any]) -> None:
        new = self.path.with_name(f"{self.path.name}.new")
        # Only for its owner, because it has keys of items.
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with naming(new), os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump({"work": self._work, "done": done}, file)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            new.unlink(missing_ok=True)
            raise
        new.replace(self.path)

    def delete(self) -> None:
        self.path.unlink(missing_ok=True)

    def _problem(self, why: str, again: str = "Run the command exactly as before. ") -> CannotResume:
        option = "--force" if self._kind == "dump" else "--restart"
        what = f"The interrupted {self._kind} cannot be continued."
        todo = f"{again}To start over, add {option}."
        return CannotResume(what, f"Its journal {self.path} {why}.", todo)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Add the name of the file to an OSError of reading or writing, which has none."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


def now_text() -> str:
    """The time as people read it in a journal: "2026-11-30 04:15 UTC"."""
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"


def lock(file: BinaryIO, path: Path) -> None:
    """Lock the file, which is open, until it is closed.

    Raises:
        CannotLock: another command is working on it, or the file system has no locks.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_replaced = os.fstat(file.fileno()).st_ino != path.stat().st_ino
    except (BlockingIOError, FileNotFoundError):
        is_replaced = True
    except OSError as error:
        why = f"{error.strerror}. Without a lock, another command could work on the file at the same time."
        todo = "Use a file on another file system, or a pipe."
        raise CannotLock(f"The file {path} cannot be locked.", why, todo) from None
    if is_replaced:
        raise CannotLock(f"Another command is working on {path}.", "", "Wait until it has finished.")
