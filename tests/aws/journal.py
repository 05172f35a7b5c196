"""Adds a journal: every call of every process, in the order of arrival. Calls that the test makes itself are not in it.

https://en.wikipedia.org/wiki/Interval_scheduling is how `depth` counts round trips.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.aws.actions import actions_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_READS = ("Get", "List", "Describe", "Scan", "Query", "Filter")


@dataclass
class Call:
    """One request. `nth` counts this process's calls of this operation from 1; times are the clock's.

    `outcome` is "ok", an AWS error code, "cut" (no answer) or "killed"; it is empty while the call is in flight.
    """

    process: str
    service: str
    action_name: str
    region: str
    http_method: str
    path: str
    url: str
    parameters: Mapping[str, Any] = field(repr=False)
    nth: int = 0
    start: float = 0.0
    end: float = 0.0
    outcome: str = ""
    seen: Any = field(default=None, repr=False)  # what a layer remembers between the arrival and the effect

    @property
    def operation(self) -> str:
        """`iam.CreateRole`."""
        return f"{self.service}.{self.action_name}"

    @property
    def is_write(self) -> bool:
        return not self.action_name.startswith(_READS)

    @property
    def actions(self) -> list[tuple[str, str]]:
        """The IAM actions that this call needs, each with its resource; the operation's own action first."""
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

    def add(self, call: Call) -> None:
        with self._lock:
            key = (call.process, call.operation)
            call.nth = self._counts[key] = self._counts.get(key, 0) + 1
            self.calls.append(call)

    def clear(self, process: str | None = None) -> None:
        """Forget the calls. With `process`, also start counting that process's calls from 1 again."""
        with self._lock:
            self.calls.clear()
            self._counts = {key: count for key, count in self._counts.items() if key[0] != process}

    def of(self, *operations: str, process: str | None = None) -> list[Call]:
        """The calls of these operations (of all operations if none is named), and of one process."""
        return [
            call
            for call in self
            if (not operations or call.operation in operations) and process in (None, call.process)
        ]

    def operations(self) -> list[str]:
        return [call.operation for call in self]

    def writes(self) -> list[Call]:
        return [call for call in self if call.is_write]

    def actions(self) -> set[str]:
        """Every IAM action that the calls needed."""
        return {action for call in self for action, _ in call.actions}

    def depth(self) -> int:
        """The longest chain of calls in which each starts after the one before has ended. Needs a latency above 0."""
        rounds, free = 0, float("-inf")
        for call in sorted(self, key=lambda call: call.end):
            if call.start >= free:
                rounds, free = rounds + 1, call.end
        return rounds

    def seconds(self) -> float:
        """From the start of the first call to the end of the last one."""
        return max(call.end for call in self) - min(call.start for call in self)
