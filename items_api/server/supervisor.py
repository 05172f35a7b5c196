"""Runs the workers: replaces those that end, restarts all of them, and stops them, without losing requests."""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import time
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any

from items_api.errors import CannotServe

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

START_SECONDS = 30.0
# A worker takes up to 60 s for its last requests.
STOP_SECONDS = 70.0
# After Ctrl-C, a person who waits longer than this is told why.
NOTICE_SECONDS = 1.0
# If workers end again and again, the pause before the next start doubles up to this.
MAX_PAUSE_SECONDS = 30.0
_STOPPING = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGQUIT})
# A terminal sends these to the whole process group. The supervisor alone handles them.
_GROUP = frozenset({signal.SIGINT, signal.SIGQUIT, signal.SIGHUP})
_SPAWN = multiprocessing.get_context("spawn")


class _Worker:
    def __init__(self, work: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        self.ready, theirs = _SPAWN.Pipe(duplex=False)
        self.process = _SPAWN.Process(target=work, args=(*arguments, theirs))
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _GROUP)
        try:
            resource_tracker.ensure_running()  # it changes the mask
            signal.pthread_sigmask(signal.SIG_BLOCK, _GROUP)
            self.process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            theirs.close()

    @property
    def has_ended(self) -> bool:
        return not self.process.is_alive()

    @property
    def end_text(self) -> str:
        """How it ended, as the beginning of a sentence."""
        code = self.process.exitcode or 0
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        return f"Process {self.process.pid} {how}"


class Supervisor:
    """Keeps some processes running. Each calls `work(*arguments, ready)`, and `ready.send(…)` when it has started.

    Args:
        work: what a process does until SIGTERM.
        arguments: are sent to it.
        listener: is closed when the processes stop, so that new clients are refused at once.
        warn: gets a sentence about a process that does not start, or that ends too early, or too late.
    """

    def __init__(
        self,
        work: Callable[..., None],
        arguments: tuple[Any, ...],
        listener: socket.socket,
        warn: Callable[[str], object],
    ) -> None:
        self._work = work
        self._arguments = arguments
        self._listener = listener
        self._warn = warn
        self._workers: list[_Worker] = []
        self._signals: list[int] = []
        self._wakeup, self._wake = os.pipe()
        self._pause = self._next_start = 0.0

    def run(self, number: int, started: Callable[[], None]) -> bool:
        """Run until a signal ends it: SIGTERM, SIGQUIT, Ctrl-C, or SIGHUP because the terminal is closed.

        Args:
            number: of processes.
            started: is called when all of them have started.

        Returns whether it was Ctrl-C. Raises `CannotServe` if a process does not start.
        """
        with self._handling_signals():
            try:
                for _ in range(number):
                    self._workers.append(self._start())
                if all(self._becomes_ready(worker) for worker in self._workers):
                    started()
                elif not self._must_stop:
                    raise CannotServe("A server process could not start.", "", "Fix the cause shown above.")
                while not self._must_stop:
                    self._replace_ended()
                    if signal.SIGHUP in self._signals:
                        self._restart()
                    else:
                        self._wait_for_event()
                return signal.SIGINT in self._signals
            finally:
                self._stop()

    @contextmanager
    def _handling_signals(self) -> Iterator[None]:
        has_terminal = _has_terminal()

        def note(number: int, _frame: object) -> None:
            is_hangup = number == signal.SIGHUP and has_terminal and not _has_terminal()
            self._signals.append(signal.SIGTERM if is_hangup else number)

        os.set_blocking(self._wake, False)
        os.set_blocking(self._wakeup, False)
        before = {number: signal.getsignal(number) for number in _STOPPING | _GROUP}
        wakeup = signal.set_wakeup_fd(self._wake)
        for number, handler in before.items():
            if number != signal.SIGHUP or handler is not signal.SIG_IGN:  # nohup
                signal.signal(number, note)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(wakeup)
            os.close(self._wake)
            os.close(self._wakeup)

    @property
    def _must_stop(self) -> bool:
        return not _STOPPING.isdisjoint(self._signals)

    def _start(self) -> _Worker:
        return _Worker(self._work, self._arguments)

    def _becomes_ready(self, worker: _Worker) -> bool:
        """Wait until a process has started, or failed, or until everything has to stop."""
        deadline = time.monotonic() + START_SECONDS
        while not self._must_stop and time.monotonic() < deadline:
            with suppress(EOFError):
                if worker.ready.poll():
                    worker.ready.recv()
                    return True
            if worker.has_ended:
                return False
            self._wait([worker], worker.ready, seconds=deadline - time.monotonic())
        return False

    def _replace_ended(self) -> None:
        now = time.monotonic()
        if now < self._next_start:
            return
        ended = [worker for worker in self._workers if worker.has_ended]
        if not ended:
            return
        recent = now < self._next_start + MAX_PAUSE_SECONDS
        self._pause = min(2 * self._pause or 1.0, MAX_PAUSE_SECONDS) if recent else 0.0
        self._next_start = now + self._pause
        for worker in ended:
            self._warn(f"{worker.end_text}, so another one replaces it.")
        self._workers = [self._start() if worker in ended else worker for worker in self._workers]

    def _restart(self) -> None:
        """Replace one process after the other. This ends early if all have to stop, or if a new one does not start."""
        while signal.SIGHUP in self._signals:
            self._signals.remove(signal.SIGHUP)
        for number in range(len(self._workers)):
            new = self._start()
            if not self._becomes_ready(new):
                new.process.kill()
                new.process.join()
                if not self._must_stop:
                    self._warn("A new process did not start, so the old ones continue.")
                return
            old, self._workers[number] = self._workers[number], new
            old.process.terminate()
            while not old.has_ended:
                if self._must_stop:
                    self._workers.append(old)
                    return
                self._replace_ended()
                self._wait_for_event(old)

    def _wait_for_event(self, *others: _Worker) -> None:
        running = [worker for worker in self._workers if not worker.has_ended]
        is_complete = len(running) == len(self._workers)
        self._wait([*running, *others], seconds=None if is_complete else self._next_start - time.monotonic())

    def _stop(self) -> None:
        """Let the processes answer their last requests. Another Ctrl-C ends them at once."""
        self._listener.close()
        for worker in self._workers:
            if not worker.has_ended:
                worker.process.terminate()
        now = time.monotonic()
        deadline, notice = now + STOP_SECONDS, now + NOTICE_SECONDS if signal.SIGINT in self._signals else math.inf
        self._signals.clear()
        while running := [worker for worker in self._workers if not worker.has_ended]:
            now = time.monotonic()
            if signal.SIGINT in self._signals or now > deadline:
                for worker in running:
                    worker.process.kill()
            elif now > notice:
                self._warn("Requests are still running. Press Ctrl-C again to end them.")
                notice = math.inf
            self._wait(running, seconds=max(0.1, min(deadline, notice) - now))

    def _wait(self, workers: list[_Worker], *others: Any, seconds: float | None = None) -> None:
        """Wait for a signal, for the end of one of these processes, or for something else."""
        wait([self._wakeup, *[worker.process.sentinel for worker in workers], *others], seconds)
        with suppress(BlockingIOError):
            while os.read(self._wakeup, 100):
                pass


def _has_terminal() -> bool:
    """Whether there is a controlling terminal. A program that started in one has none after it has been closed."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True
