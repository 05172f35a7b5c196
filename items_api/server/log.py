"""The log: lines that are written together, some milliseconds later."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress

_SECONDS = 0.01


class Log:
    """Writes to a file descriptor. If no one reads it any more, requests are answered nevertheless."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._loop = asyncio.get_running_loop()
        self._lines: list[str] = []

    def write(self, line: str) -> None:
        if not self._lines:
            self._loop.call_later(_SECONDS, self.flush)
        self._lines.append(line)

    def flush(self) -> None:
        content = "".join(self._lines).encode()
        self._lines.clear()
        with suppress(OSError):
            while content:
                content = content[os.write(self._descriptor, content) :]
