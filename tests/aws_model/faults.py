"""What goes wrong, and at which call."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.aws_model.journal import Call
    from tests.aws_model.refusal import Refusal


class ProcessKilled(BaseException):
    """The process is gone. No `except Exception` of the product sees it, and none of its later calls takes effect."""


class Fault(Enum):
    THROTTLED = "throttled"
    THROTTLED_FIVE_TIMES = "throttled five times"
    FAILED_BEFORE = "500 before it took effect"
    FAILED_AFTER = "500 after it took effect"
    CUT_BEFORE = "connection cut before it took effect"
    CUT_AFTER = "connection cut after it took effect"
    NO_ANSWER = "took effect, and no answer came in time"
    DENIED = "access denied"
    KILLED_BEFORE = "process killed before the call"
    KILLED_AFTER = "process killed after the call"

    @property
    def times(self) -> int:
        """At how many calls of the operation, one after the other, it strikes."""
        return 5 if self is Fault.THROTTLED_FIVE_TIMES else 1


@dataclass(frozen=True)
class _Entry:
    operation: str | None
    first: int
    times: int
    fault: Fault | Refusal

    def strikes(self, call: Call, seq: int) -> bool:
        number = seq if self.operation is None else call.nth
        return self.operation in (None, call.operation) and self.first <= number < self.first + self.times


class Faults:
    """The faults of one process, in its own count of calls; each strikes once, if ever.

    faults.at("iam.CreateRole", 1, Fault.CUT_AFTER)
    faults.at_call(7, Fault.KILLED_BEFORE)
    faults.at("sts.GetCallerIdentity", 1, Refusal("SignatureDoesNotMatch", "Signature expired: ...", 403))
    """

    def __init__(self) -> None:
        self._entries: list[_Entry] = []
        self._lock = threading.Lock()
        self._seq = 0
        self.struck: list[Call] = []

    def at(self, operation: str, nth: int, fault: Fault | Refusal, times: int | None = None) -> None:
        """At the `nth` call of `operation`, counted from 1."""
        self._entries.append(_Entry(operation, nth, times or _times(fault), fault))

    def at_call(self, number: int, fault: Fault | Refusal, times: int | None = None) -> None:
        """At the process's `number`-th call of all, counted from 1."""
        self._entries.append(_Entry(None, number, times or _times(fault), fault))

    def take(self, call: Call) -> Fault | Refusal | None:
        with self._lock:
            self._seq += 1
            for entry in self._entries:
                if entry.strikes(call, self._seq):
                    self.struck.append(call)
                    return entry.fault
        return None


def _times(fault: Fault | Refusal) -> int:
    return fault.times if isinstance(fault, Fault) else 1
