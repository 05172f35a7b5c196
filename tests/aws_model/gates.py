"""Who does what first: hooks at single calls, and gates that hold a call until it is told to go on."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.aws_model.journal import Call

_PATIENCE = 20.0  # real seconds; a gate that nobody opens is a mistake in the test


@dataclass
class Gate:
    """A call that waits: `reached` is set when it stands at the gate, `open()` lets it through."""

    name: str
    reached: threading.Event = field(default_factory=threading.Event)
    _opened: threading.Event = field(default_factory=threading.Event)

    def open(self) -> None:
        self._opened.set()

    def wait_until_reached(self) -> None:
        if not self.reached.wait(_PATIENCE):
            raise AssertionError(f"{self.name} was never called")

    def hold(self) -> None:
        self.reached.set()
        if not self._opened.wait(_PATIENCE):
            raise AssertionError(f"nobody opened the gate at {self.name}")


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
    """Hooks run in the caller's thread, before the request leaves or after the answer has come. They may call AWS."""

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

    def hold_until(self, held: tuple[str, str], done: tuple[str, str]) -> Gate:
        """(process, operation): the first's call waits until the second's is answered.

        `hold_until(("first", "apigatewayv2.CreateStage"), ("second", "apigatewayv2.CreateApi"))`
        """
        gate = self.pause_before(held[1], process=held[0])
        self.after(done[1], lambda call: gate.open(), process=done[0])
        return gate

    def run_before(self, call: Call) -> None:
        for hook in [hook for hook in self._before if hook.fits(call)]:
            hook.act(call)

    def run_after(self, call: Call) -> None:
        for hook in [hook for hook in self._after if hook.fits(call)]:
            hook.act(call)
