"""Every call that reached the model, in the order of arrival."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.aws_model.actions import actions_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_READS = ("Get", "List", "Describe", "Scan", "Query")


@dataclass
class Call:
    """One request. `nth` counts from 1 the calls of this operation by this process; times are the clock's.

    `outcome` is "ok", an AWS error code, or one of "cut" and "killed"; "" while the call is under way.
    """

    process: str
    service: str
    action_name: str
    http_method: str
    path: str
    region: str
    parameters: Mapping[str, Any] = field(repr=False)
    nth: int
    start: float
    end: float = 0.0
    outcome: str = ""

    @property
    def operation(self) -> str:
        """`iam.CreateRole`."""
        return f"{self.service}.{self.action_name}"

    @property
    def is_write(self) -> bool:
        return not self.action_name.startswith(_READS)

    @property
    def actions(self) -> list[tuple[str, str]]:
        """The IAM actions that this call needs, each with its resource; the operation's own first."""
        return actions_of(self)


class Journal:
    def __init__(self) -> None:
        self.calls: list[Call] = []
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, str], int] = {}

    def __iter__(self) -> Iterator[Call]:
        return iter(tuple(self.calls))

    def __len__(self) -> int:
        return len(self.calls)

    def open(self, **what: Any) -> Call:
        with self._lock:
            key = (what["process"], f"{what['service']}.{what['action_name']}")
            self._counts[key] = self._counts.get(key, 0) + 1
            call = Call(nth=self._counts[key], **what)
            self.calls.append(call)
            return call

    def clear(self) -> None:
        """Forget what was; `nth` goes on counting."""
        with self._lock:
            self.calls.clear()

    def of(self, *operations: str, process: str | None = None) -> list[Call]:
        """The calls of these operations (of all, if none is named), and of one process."""
        return [
            call
            for call in self
            if (not operations or call.operation in operations) and process in (None, call.process)
        ]

    def operations(self, process: str | None = None) -> list[str]:
        return [call.operation for call in self.of(process=process)]

    def points(self, process: str | None = None) -> list[tuple[str, int]]:
        """(operation, nth) of every call: where a fault can strike."""
        return [(call.operation, call.nth) for call in self.of(process=process)]

    def writes(self, process: str | None = None) -> list[Call]:
        return [call for call in self.of(process=process) if call.is_write]

    def actions(self) -> set[str]:
        """Every IAM action that was needed: what a deployer's policy must allow."""
        return {action for call in self for action, _ in call.actions}

    def depth(self, process: str | None = None) -> int:
        """The most calls that followed one another, each begun after the one before had ended.

        Picking the earliest end again and again is the longest such row (interval scheduling). Needs a latency above 0.
        """
        rounds, free = 0, float("-inf")
        for call in sorted(self.of(process=process), key=lambda call: call.end):
            if call.start >= free:
                rounds, free = rounds + 1, call.end
        return rounds

    def seconds(self, process: str | None = None) -> float:
        """From the first call's start to the last one's end."""
        calls = self.of(process=process)
        return max(call.end for call in calls) - min(call.start for call in calls) if calls else 0.0
