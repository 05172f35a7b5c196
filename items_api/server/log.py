"""The log: lines that a thread writes together, some milliseconds later."""

from __future__ import annotations

import json
import os
import select
import threading
from collections import deque

_SECONDS = 0.05
# If no one reads the log, or slowly, so many lines wait, which take about 3 MB. Others are dropped.
MAX_WAITING = 10_000
# What several workers write to one pipe is not mixed up if each write has at most PIPE_BUF bytes, 4,096 on Linux.
_MAX_BYTES = 4096
_CLOSE_SECONDS = 1.0


class Log:
    """Writes to a file descriptor. Requests are answered even if no one reads it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lines: deque[bytes] = deque()
        self._dropped = 0
        self._due = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def write(self, line: str) -> None:
        """Write a line, which ends with a line break, soon."""
        if len(self._lines) < MAX_WAITING:
            self._lines.append(line.encode())
        else:
            self._dropped += 1
        if not self._due.is_set():
            self._due.set()

    def close(self) -> None:
        """Write what is left, if there is someone who reads it."""
        self._closing.set()
        self._due.set()
        self._thread.join(_CLOSE_SECONDS)

    def _run(self) -> None:
        is_last = False
        while not is_last:
            self._due.wait()
            is_last = self._closing.wait(_SECONDS)
            self._due.clear()
            try:
                self._write_waiting()
            except OSError:
                self._lines.clear()  # the reader has ended

    def _write_waiting(self) -> None:
        content = b""
        while self._lines:
            line = self._lines.popleft()
            if len(content) + len(line) > _MAX_BYTES:
                self._write(content)
                content = b""
            content += line
        self._write(content)
        if self._dropped:
            dropped, self._dropped = self._dropped, 0
            self._write(json.dumps({"error": "LogDropped", "lines": dropped}).encode() + b"\n")

    def _write(self, content: bytes) -> None:
        while content:
            try:
                content = content[os.write(self._descriptor, content) :]
            except BlockingIOError:  # another program has made the pipe non-blocking
                poll = select.poll()
                poll.register(self._descriptor, select.POLLOUT)
                poll.poll()
