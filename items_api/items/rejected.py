"""The lines that could not be loaded, in a file beside the one that was."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class Rejected:
    """One JSON object for each line: its number, the reason, and the text. The file exists only if there are any."""

    def __init__(self, path: Path, length: int = 0) -> None:
        """`length` is that of the part of an existing file that is kept."""
        self.path = path
        self._length = length
        if length:
            os.truncate(path, length)
        else:
            path.unlink(missing_ok=True)

    def add(self, number: int, reason: str, text: bytes | None) -> None:
        shown = None if text is None else text.decode(errors="replace")
        entry = json.dumps({"line": number, "reason": reason, "text": shown}, ensure_ascii=False)
        # Like the file, it may be confidential.
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "ab") as file:
            file.write(entry.encode() + b"\n")
            self._length = file.tell()

    def commit(self) -> int:
        """The length of the file."""
        return self._length
