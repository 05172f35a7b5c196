"""Adds faults: which call of a process fails, and how."""

from __future__ import annotations

import threading
from enum import Enum
from typing import TYPE_CHECKING

from botocore.exceptions import ConnectionClosedError, ReadTimeoutError

from tests.aws.refusal import Refusal, denied, server_error, throttled

if TYPE_CHECKING:
    from tests.aws.journal import Call

USER = "arn:aws:iam::123456789012:user/dev"


class ProcessKilled(BaseException):
    """The process is gone. No `except Exception` of the product sees it, and none of its later calls takes effect."""


class Fault(Enum):
    THROTTLED = "throttled"
    THROTTLED_FIVE_TIMES = "throttled five times"
    FAILED_BEFORE = "500 before it took effect"
    FAILED_AFTER = "500 after it took effect"
    CUT_BEFORE = "connection closed before it took effect"
    CUT_AFTER = "connection closed after it took effect"
    NO_ANSWER = "took effect, and the answer timed out"
    DENIED = "access denied"
    KILLED_BEFORE = "process killed before the call"
    KILLED_AFTER = "process killed after the call"

    @property
    def takes_effect(self) -> bool:
        return self in (Fault.FAILED_AFTER, Fault.CUT_AFTER, Fault.NO_ANSWER, Fault.KILLED_AFTER)

    @property
    def times(self) -> int:
        """How many calls of the operation in a row fail."""
        return 5 if self is Fault.THROTTLED_FIVE_TIMES else 1


def instead_of(fault: Fault | Refusal, call: Call) -> BaseException:
    """What the caller gets instead of the answer."""
    match fault:
        case Refusal():
            error: BaseException = fault
        case Fault.THROTTLED | Fault.THROTTLED_FIVE_TIMES:
            error = throttled(call.service)
        case Fault.FAILED_BEFORE | Fault.FAILED_AFTER:
            error = server_error(call.service)
        case Fault.CUT_BEFORE | Fault.CUT_AFTER:
            error = ConnectionClosedError(endpoint_url=call.url)
        case Fault.NO_ANSWER:
            error = ReadTimeoutError(endpoint_url=call.url)
        case Fault.DENIED:
            error = denied(call.service, USER, *call.actions[0])
        case Fault.KILLED_BEFORE | Fault.KILLED_AFTER:
            error = ProcessKilled(call.process)
    return error


class Faults:
    """The faults of one process.

    session.faults.at("iam.CreateRole", 1, Fault.CUT_AFTER)
    session.faults.at("sts.GetCallerIdentity", 1, Refusal("SignatureDoesNotMatch", "Signature expired: ...", 403))
    """

    def __init__(self) -> None:
        self._entries: list[tuple[str, range, Fault | Refusal]] = []
        self._lock = threading.Lock()
        self.struck: list[Call] = []

    def at(self, operation: str, nth: int, fault: Fault | Refusal, times: int | None = None) -> None:
        """Fail the process's `nth` call of `operation`, counted from 1."""
        times = times or (fault.times if isinstance(fault, Fault) else 1)
        self._entries.append((operation, range(nth, nth + times), fault))

    def take(self, call: Call) -> Fault | Refusal | None:
        with self._lock:
            for operation, numbers, fault in self._entries:
                if operation == call.operation and call.nth in numbers:
                    self.struck.append(call)
                    return fault
        return None
