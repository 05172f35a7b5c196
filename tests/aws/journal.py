"""Every call of every process, in the order of arrival. Calls that the test makes itself are not recorded."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.aws.permissions import actions_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.aws.faults import Process

_READS = ("Get", "List", "Describe", "Scan", "Query", "Filter")


@dataclass
class Call:
    """One request. `nth` counts this process's calls of this operation from 1; times are the clock's.

    `outcome` is "ok", an AWS error code or the name of an exception; it is empty while the call is in flight.
    """

    owner: Process | None = field(repr=False)  # None for a call that the test makes itself
    service: str
    action_name: str
    region: str
    http_method: str
    parameters: Mapping[str, Any] = field(repr=False)
    path: str = ""
    url: str = ""
    nth: int = 0
    start: float = 0.0
    end: float = 0.0
    outcome: str = ""

    # What the pipeline and the layers remember while the call is in flight:
    page_start: int = field(default=0, repr=False)
    seen: Any = field(default=None, repr=False)
    writes_to: tuple[str, ...] = field(default=(), repr=False)
    overlaps: bool = field(default=False, repr=False)  # with another write to the same resource
    result: BaseException | None = field(default=None, repr=False)  # what the caller gets instead of the response
    work: ExitStack = field(default_factory=ExitStack, repr=False)  # open while moto handles the request

    @property
    def process(self) -> str:
        return self.owner.name if self.owner else ""

    @property
    def operation(self) -> str:
        """`iam.CreateRole`."""
        return f"{self.service}.{self.action_name}"

    @property
    def is_write(self) -> bool:
        return not self.action_name.startswith(_READS)


class Journal:
    def __init__(self) -> None:
        self._calls: list[Call] = []
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str]] = Counter()

    def __iter__(self) -> Iterator[Call]:
        return iter(tuple(self._calls))

    def __len__(self) -> int:
        return len(self._calls)

    def add(self, call: Call) -> None:
        key = (call.process, call.operation)
        with self._lock:
            self._counts[key] += 1
            call.nth = self._counts[key]
            self._calls.append(call)

    def clear(self, process: str | None = None) -> None:
        """Forget the calls. With `process`, also start counting that process's calls from 1 again."""
        with self._lock:
            self._calls.clear()
            for key in [key for key in self._counts if key[0] == process]:
                del self._counts[key]

    def of(self, operation: str) -> list[Call]:
        return [call for call in self if call.operation == operation]

    def writes(self) -> list[Call]:
        return [call for call in self if call.is_write]

    def actions(self) -> set[str]:
        """Every IAM action that the calls needed."""
        return {action for call in self for action, _ in actions_of(call)}

    def depth(self) -> int:
        """The longest chain of calls in which each starts after the one before has ended. Needs a latency above 0.

        The greedy solution of https://en.wikipedia.org/wiki/Interval_scheduling.
        """
        rounds, free = 0, float("-inf")
        for call in sorted(self, key=lambda call: call.end):
            if call.start >= free:
                rounds, free = rounds + 1, call.end
        return rounds

    def seconds(self) -> float:
        """From the start of the first call to the end of the last one."""
        return max(call.end for call in self) - min(call.start for call in self)
