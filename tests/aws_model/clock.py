"""Time that passes only when everybody waits: 8 seconds cost a third of a millisecond, and are 8 seconds."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from dataclasses import dataclass, field

# A thread that can run does so within one such pause, because the pausing one gives up the interpreter's lock.
_PAUSE = 50e-6
_LONGEST_NAP = 0.05  # how late, in real seconds, a sleeper who is not the next to wake sees its event set


@dataclass(order=True)
class _Sleeper:
    deadline: float
    turn: int
    wake: threading.Event = field(default_factory=threading.Event, compare=False)


class VirtualClock:
    """The product's `Clock`: jumps to the next deadline as soon as no thread has anything left to do.

    Whether one has is not asked of the threads but watched: `pauses` short pauses in a row, in which nobody slept, woke
    or called AWS. A thread held up for longer finds that some time has passed, as on any real computer: the clock may
    be less exact then, but never wrong. More `pauses` make it more exact and slower.
    """

    def __init__(self, pauses: int = 3) -> None:
        self._pauses = pauses
        self._now = 0.0
        self._stirs = 0
        self._wanted = 1
        self._lock = threading.Lock()
        self._turns = itertools.count()
        self._sleepers: list[_Sleeper] = []

    def now(self) -> float:
        return self._now

    def stir(self) -> None:
        """Somebody is at work: time stands still for another moment."""
        self._stirs += 1

    def gather(self, sleepers: int) -> None:
        """Let no time pass before so many sleep at once, so that calls meant to be made at the same moment are.

        Holds once; `gather(1)` ends it.
        """
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
            self._leave(me)

    def advance(self, seconds: float) -> None:
        """Let time pass while nobody is at work."""
        self.sleep(seconds, threading.Event())

    def _move_on(self, first: _Sleeper, until: threading.Event) -> None:
        """The one who wakes next moves the time, unless somebody stirs."""
        before = self._stirs
        for _ in range(self._pauses):
            time.sleep(_PAUSE)
            if self._stirs != before:
                return
        with self._lock:
            asleep = len(self._sleepers) >= self._wanted and self._stirs == before
            if asleep and self._sleepers[0] is first and not until.is_set():
                self._wanted = 1
                self._now = first.deadline
                for sleeper in self._sleepers:
                    if sleeper.deadline <= self._now:
                        sleeper.wake.set()

    def _leave(self, me: _Sleeper) -> None:
        with self._lock:
            self.stir()
            self._sleepers.remove(me)
            heapq.heapify(self._sleepers)
            if self._sleepers:
                self._sleepers[0].wake.set()
