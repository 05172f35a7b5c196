"""What an interrupted dump or load has completed, in a small file beside its own."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from items_api.errors import CannotResume

if TYPE_CHECKING:
    from pathlib import Path


class Journal:
    """A JSON document that is replaced as a whole. `work` is what it belongs to; other work cannot continue it."""

    def __init__(self, file: Path, kind: str, work: dict[str, Any]) -> None:
        self.path = file.parent / f"{file.name}.{kind}-journal"
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
        if work != self._work:
            differing = sorted(key for key in self._work if work.get(key) != self._work[key])
            raise self._problem(f"It is about another {' and '.join(differing) or 'version of items-api'}.")
        result: dict[str, Any] = done
        return result

    def write(self, done: dict[str, Any]) -> None:
        new = self.path.with_name(f"{self.path.name}.new")
        with new.open("w", encoding="utf-8") as file:
            json.dump({"work": self._work, "done": done}, file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self.path)

    def delete(self) -> None:
        self.path.unlink(missing_ok=True)

    def _problem(self, why: str) -> CannotResume:
        return CannotResume(
            f"The journal {self.path} does not belong to this command.",
            why,
            "Continue the interrupted command as it was started. To start again instead, delete the journal.",
        )
