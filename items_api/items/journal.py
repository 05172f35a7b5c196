"""What an interrupted dump or load has completed, in a small file beside its own."""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, BinaryIO

from items_api.errors import CannotLock, CannotResume
from items_api.items.lines import Format

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

VERSION = 1  # of what is in a journal; another version of items-api may not understand it


class Journal:
    """A JSON document that is replaced as a whole. `work` is what it belongs to; other work cannot continue it."""

    def __init__(self, file: Path, kind: str, work: Mapping[str, Any]) -> None:
        self.path = file.with_name(f"{file.name}.{kind}-journal")
        self._file = file
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
            raise self._problem(f"Its journal {self.path} is damaged.") from None
        if not (isinstance(work, dict) and isinstance(done, dict) and done):
            raise self._problem(f"Its journal {self.path} is damaged.")
        if work != self._work:
            raise self._problem(*self._difference(work))
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

    def _difference(self, work: Mapping[str, Any]) -> tuple[str, str]:
        """Why this is other work, and what continues it, as sentences."""
        differing = {key for key, value in self._work.items() if work.get(key) != value}
        if work.keys() != self._work.keys() or differing & {"version", "segments"}:
            return "It was started by another version of items-api.", ""
        if "table" in differing:
            arn, own_arn = (str(one["table"]).partition(" ")[0] for one in (work, self._work))
            if arn == own_arn:
                return "The table has been deleted and created again since then.", ""
            return f"It is for the table {arn}.", "Check --name, --region, --profile, --endpoint-url and --local."
        if "file" in differing:
            return f"The file {self._file} has changed since then.", "Restore its original content."
        options = {"--typed": ("format", Format.TYPED), "--only-new": ("--only-new", True)}
        words = [
            f"{'with' if work.get(key) == value else 'without'} {option}"
            for option, (key, value) in options.items()
            if key in differing
        ]
        return f"It was started {' and '.join(words)}.", "Run the command exactly as before."

    def _problem(self, why: str, todo: str = "") -> CannotResume:
        option = "--force" if self._kind == "dump" else "--restart"
        what = f"The interrupted {self._kind} cannot be continued."
        return CannotResume(what, why, f"{todo} To start over, add {option}.".lstrip())


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
