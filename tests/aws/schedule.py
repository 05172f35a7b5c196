"""Adds order: hooks before and after single calls, and gates that hold a call until the test opens them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.aws.journal import Call

    Act = Callable[[Call], object]

_PATIENCE = 20.0  # real seconds; a gate that no one opens is a mistake in the test


class Gate:
    """Holds a call: `wait_until_reached()`, then `open()`."""

    def __init__(self) -> None:
        self._reached, self._opened = threading.Event(), threading.Event()

    def open(self) -> None:
        self._opened.set()

    def wait_until_reached(self) -> None:
        assert self._reached.wait(_PATIENCE), "the call was never made"

    def hold(self) -> None:
        self._reached.set()
        assert self._opened.wait(_PATIENCE), "no one opened the gate"


class Schedule:
    """Hooks run in the caller's thread, before the request is sent or after the answer has arrived. They may call AWS.

    `nth` counts the calls of one process from 1; None means every call.
    """

    def __init__(self) -> None:
        self._hooks: list[tuple[str, str, str | None, int | None, Act]] = []

    def before(self, operation: str, act: Act, *, process: str | None = None, nth: int | None = 1) -> None:
        self._hooks.append(("before", operation, process, nth, act))

    def after(self, operation: str, act: Act, *, process: str | None = None, nth: int | None = 1) -> None:
        self._hooks.append(("after", operation, process, nth, act))

    def pause_before(self, operation: str, *, process: str | None = None) -> Gate:
        """Hold the first call of the operation until the gate is opened."""
        gate = Gate()
        self.before(operation, lambda call: gate.hold(), process=process)
        return gate

    def run(self, when: str, call: Call) -> None:
        for moment, operation, process, nth, act in tuple(self._hooks):
            fits = process in (None, call.process) and nth in (None, call.nth)
            if (moment, operation) == (when, call.operation) and fits:
                act(call)
