"""The log: lines that are written together, some milliseconds later."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress

_SECONDS = 0.01
# What several workers write to one pipe is not mixed up if each write has at most PIPE_BUF bytes, 4,096 on Linux.
_MAX_BYTES = 4096


class Log:
    """Writes to a file descriptor. If no one reads it any more, requests are answered nevertheless."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._loop = asyncio.get_running_loop()
        self._lines: list[bytes] = []

    def write(self, line: str) -> None:
        if not self._lines:
            self._loop.call_later(_SECONDS, self.flush)
        self._lines.append(line.encode())

    def flush(self) -> None:
        lines, self._lines = self._lines, []
        content = b""
        for line in lines:
            if len(content) + len(line) > _MAX_BYTES:
                self._write(content)
                content = b""
            content += line
        self._write(content)

    def _write(self, content: bytes) -> None:
        with suppress(OSError):
            while content:
                content = content[os.write(self._descriptor, content) :]
