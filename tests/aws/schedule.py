"""Adds order: hooks before and after single calls, and gates that hold a call until the test opens them."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.aws.journal import Call

_PATIENCE = 20.0  # real seconds; a gate that no one opens is a mistake in the test


@dataclass
class Gate:
    """Holds a call: `wait_until_reached()`, then `open()`."""

    name: str
    _reached: threading.Event = field(default_factory=threading.Event)
    _opened: threading.Event = field(default_factory=threading.Event)

    def open(self) -> None:
        self._opened.set()

    def wait_until_reached(self) -> None:
        if not self._reached.wait(_PATIENCE):
            raise AssertionError(f"{self.name} was never called")

    def hold(self) -> None:
        self._reached.set()
        if not self._opened.wait(_PATIENCE):
            raise AssertionError(f"no one opened the gate at {self.name}")


@dataclass(frozen=True)
class _Hook:
    operation: str
    process: str | None
    nth: int | None
    act: Callable[[Call], object]

    def fits(self, call: Call) -> bool:
        return (
            self.operation == call.operation and self.process in (None, call.process) and self.nth in (None, call.nth)
        )


class Schedule:
    """Hooks run in the caller's thread, before the request is sent or after the answer has arrived. They may call AWS.

    `nth` counts the calls of one process from 1; None means every call.
    """

    def __init__(self) -> None:
        self._before: list[_Hook] = []
        self._after: list[_Hook] = []

    def before(
        self, operation: str, act: Callable[[Call], object], *, process: str | None = None, nth: int | None = 1
    ) -> None:
        self._before.append(_Hook(operation, process, nth, act))

    def after(
        self, operation: str, act: Callable[[Call], object], *, process: str | None = None, nth: int | None = 1
    ) -> None:
        self._after.append(_Hook(operation, process, nth, act))

    def pause_before(self, operation: str, *, process: str | None = None, nth: int = 1) -> Gate:
        """Hold the call until the gate is opened."""
        gate = Gate(operation)
        self.before(operation, lambda call: gate.hold(), process=process, nth=nth)
        return gate

    def run_before(self, call: Call) -> None:
        for hook in [hook for hook in self._before if hook.fits(call)]:
            hook.act(call)

    def run_after(self, call: Call) -> None:
        for hook in [hook for hook in self._after if hook.fits(call)]:
            hook.act(call)
