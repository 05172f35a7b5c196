"""Saves ministack's state while it runs.

A forked process encodes and writes the state. It has a consistent copy, and no request has to wait for it: copying and
encoding 10 MB of small items takes more than a second. Only the server replaces the old files with the new ones, so an
interrupted save changes nothing.
"""

from __future__ import annotations

import asyncio
import copy
import gc
import hashlib
import json
import logging
import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ministack.core.persistence import _json_default, _state_format_version  # type: ignore[import-untyped]
from ministack.services import lambda_svc  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    States = Mapping[str, Callable[[], Any]]  # a function for each service that returns its state

BYTES_PER_SECOND = 10_000_000  # up to this size, a change is saved within a second
MAX_SECONDS = 300  # of one save
log = logging.getLogger("items_api.local")


class Saver:
    """Saves ministack services, each to its own file, soon after each change.

    It spends at most this `share` of the time on it.

    Attributes:
        size: of all files, in bytes.
        interval: the number of seconds within which a change is saved.
        saved: the time of the last saved state, in seconds since 1970; None if there is none.
        error: why the last save failed; empty if it did not.
    """

    def __init__(self, folder: Path, states: Callable[[], States], is_ours: Callable[[], bool], share: float) -> None:
        self._folder = folder
        self._states = states
        self._is_ours = is_ours
        self._share = share
        self._changed = asyncio.Event()
        self._saving = asyncio.Lock()
        self._sizes: dict[str, int] = {}
        self._digests: dict[str, str] = {}
        self._seconds = 0.0  # how long a save takes
        self.saved: float | None = None
        self.error = ""

    @property
    def size(self) -> int:
        return sum(self._sizes.values())

    @property
    def interval(self) -> float:
        return max(1.0, self.size / BYTES_PER_SECOND, self._seconds / self._share)

    def changed(self) -> None:
        self._changed.set()

    async def run(self) -> None:
        """Save the initial state, then every change."""
        self.changed()
        await self.save()
        while True:
            await self._changed.wait()
            # A change waits for the save that is running, for this pause and for its own save. A fifth is in reserve.
            await asyncio.sleep(0.8 * self.interval - 2 * self._seconds)
            await self.save()

    async def save(self) -> None:
        """Save all changes. After an error, they are saved by the next call."""
        async with self._saving:
            if not self._changed.is_set():
                return
            self._changed.clear()
            taken, start = time.time(), time.monotonic()
            try:
                error = await self._save(taken)
            except Exception as failure:  # noqa: BLE001 - the next save may succeed
                error = f"{failure}."
            self._seconds = max(time.monotonic() - start, self._seconds / 2)  # the next one may be as slow
            if error and error != self.error:
                log.error("The state cannot be saved: %s Trying again.", error)
            elif self.error and not error:
                log.warning("The state is saved again, after this error: %s", self.error)
            self.error = error
            if error:
                self._changed.set()
            else:
                self.saved = taken

    async def _save(self, taken: float) -> str:
        """Returns an error message, or an empty string."""
        pid, output = await _in_forked_process(lambda: self._write_files(taken))
        if not self._is_ours():
            return "The folder was deleted."
        if not output:
            for path in self._folder.glob(f"*.{pid}.new"):
                path.unlink()
            return "The process that saves the state died."
        report = json.loads(output)
        for service in report["written"]:
            (self._folder / f"{service}.{pid}.new").replace(self._folder / f"{service}.json")
        self._sizes |= report["sizes"]
        self._digests |= report["digests"]
        return str(report["error"])

    def _write_files(self, taken: float) -> bytes:
        """In the forked process: write the state of each service that has changed to a new file."""
        report: dict[str, Any] = {"written": [], "sizes": {}, "digests": {}, "error": ""}
        for service, get_state in self._states().items():
            path = self._folder / f"{service}.{os.getpid()}.new"
            try:
                content = _encoded(service, get_state())
                digest = hashlib.blake2b(content).hexdigest()
                if digest != self._digests.get(service):
                    _write(path, content, taken)
                    report["written"].append(service)
                report["sizes"][service] = len(content)
                report["digests"][service] = digest
            except Exception as error:  # noqa: BLE001 - the other services must be saved in any case
                report["error"] = f"{getattr(error, 'strerror', None) or error} ({service})."
                path.unlink(missing_ok=True)
        return json.dumps(report).encode()


def _encoded(service: str, state: object) -> bytes:
    """The content of the file from which ministack loads the state of a service."""
    file = {"__ministack_format__": _state_format_version(service), "payload": state}
    return json.dumps(file, default=_json_default, check_circular=False).encode()  # a fifth faster


def _write(path: Path, content: bytes, modified: float) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())  # otherwise, the file can be empty after a power failure
    os.utime(path, (modified, modified))


def delete_unused_code() -> None:
    """Delete the code of functions that no longer exist. Only at the start does the saved state not need it."""
    lambda_svc.get_state()


async def _in_forked_process(work: Callable[[], bytes]) -> tuple[int, bytes]:
    """Run this in a forked process. Returns its process id and result, which is empty if it died."""
    ours, theirs = os.pipe()
    with os.fdopen(ours, "rb", 0) as reader, os.fdopen(theirs, "wb", 0) as writer:
        pid = os.fork()
        if pid == 0:
            with suppress(BaseException):  # whatever happens, this copy of the server must not run on
                _detach(writer.fileno())
                writer.write(work())
            os._exit(0)
        writer.close()
        stream = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stream), reader)
        output = await stream.read()
    os.waitpid(pid, 0)  # noqa: ASYNC222 - it has just closed its output, and ends
    return pid, output


def _detach(writer: int) -> None:
    """Free the forked process from what it shares with the server, and make its copy of the state cheap.

    It must not hold the server's lock and ports if the server is killed.
    """
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    signal.alarm(MAX_SECONDS)
    for descriptor in [int(path.name) for path in Path("/dev/fd").iterdir()]:
        if descriptor not in (0, 1, 2, writer):
            with suppress(OSError):
                os.close(descriptor)
    gc.disable()
    setattr(copy, "deepcopy", lambda value: value)  # noqa: B010 - nothing changes in this process
    # ministack would delete code that the saved state still needs if the server is killed before it replaces the files.
    lambda_svc._prune_orphan_code_blobs = lambda _referenced: None  # noqa: SLF001
