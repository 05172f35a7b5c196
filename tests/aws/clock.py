"""Virtual time: eight seconds of waiting for AWS take less than a millisecond of the test.

The product takes a `Clock` (`now`, `sleep`) and the layers measure every delay of AWS on the same one, so a test of a
race or of a wait is exact and quick.
"""

import heapq
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from items_api.aws.client import Clock

# A runnable thread runs within one such pause, because the pausing thread gives up the interpreter's lock.
_PAUSE = 50e-6
_LONGEST_NAP = 0.05  # real seconds until a sleeper that is not the next to wake notices that its event is set


@dataclass
class CountingClock(Clock):
    """Time passes only during a sleep, in which `then` runs. A sleep returns immediately and is recorded in `naps`."""

    then: Callable[[], None] = lambda: None
    time: float = 0.0
    naps: list[float] = field(default_factory=list)

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float, until: threading.Event) -> None:
        del until
        self.time += seconds
        self.naps.append(seconds)
        self.then()


@dataclass(order=True)
class _Sleeper:
    deadline: float
    turn: int
    wake: threading.Event = field(default_factory=threading.Event, compare=False)


class VirtualClock(Clock):
    """Jumps to the next deadline as soon as no thread has anything left to do.

    Calls that moto is handling are counted, and time stands still for them. The clock does not know about threads that
    compute between two calls. It watches for them instead: time moves after `pauses` short pauses in a row in which no
    thread went to sleep, woke up or called AWS. A thread that is held up for longer finds that some time has passed, as
    on a busy computer. More `pauses` make the clock more exact and slower.
    """

    def __init__(self, pauses: int = 3) -> None:
        self._pauses = pauses
        self._now = 0.0
        self._stirs = 0
        self._working = 0
        self._wanted = 1
        self._lock = threading.Lock()
        self._turns = itertools.count()
        self._sleepers: list[_Sleeper] = []

    def now(self) -> float:
        return self._now

    def stir(self) -> None:
        """Report activity: time stands still for another moment."""
        self._stirs += 1

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """No time passes inside the block."""
        with self._lock:
            self._working += 1
        try:
            yield
        finally:
            with self._lock:
                self._working -= 1
            self.stir()

    def gather(self, sleepers: int) -> None:
        """Stop time once until this many threads sleep, so that their calls are made at the same moment."""
        self._wanted = sleepers

    def sleep(self, seconds: float, until: threading.Event) -> None:
        if seconds <= 0 or until.is_set():
            return
        with self._lock:
            self.stir()
            me = _Sleeper(self._now + seconds, next(self._turns))
            heapq.heappush(self._sleepers, me)
        try:
            while self._now < me.deadline and not until.is_set():
                if self._sleepers[0] is me:
                    self._move_on(me, until)
                else:
                    me.wake.wait(_LONGEST_NAP)
                    me.wake.clear()
        finally:
            with self._lock:
                self.stir()
                self._sleepers.remove(me)
                heapq.heapify(self._sleepers)
                if self._sleepers:
                    self._sleepers[0].wake.set()

    def advance(self, seconds: float) -> None:
        """Let time pass while no command runs."""
        self.sleep(seconds, threading.Event())

    def _move_on(self, first: _Sleeper, until: threading.Event) -> None:
        """Called by the sleeper with the earliest deadline: move the time unless another thread is active."""
        before = self._stirs
        for _ in range(self._pauses):
            time.sleep(_PAUSE)
            if self._stirs != before or self._working:
                return
        with self._lock:
            asleep = len(self._sleepers) >= self._wanted and self._stirs == before and not self._working
            if asleep and self._sleepers[0] is first and not until.is_set():
                self._wanted = 1
                self._now = first.deadline
                for sleeper in self._sleepers:
                    if sleeper.deadline <= self._now:
                        sleeper.wake.set()
