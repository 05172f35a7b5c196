"""Limits how many capacity units are used in a second."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from items_api.aws.client import Aws

_LONGEST_WAIT = 0.5


class Rate:
    """`per_second` is None if there is no limit."""

    def __init__(self, aws: Aws, per_second: float | None) -> None:
        self.per_second = per_second
        self._aws = aws
        self._lock = threading.Lock()
        self._paid_at = aws.now()

    def wait(self, expected: float) -> None:
        """Wait until everything that was used is paid for. The next call will probably use this many units."""
        while self.per_second is not None:
            with self._lock:
                left = self._paid_at - self._aws.now()
                if left <= 0:
                    self._paid_at = self._aws.now() + expected / self.per_second
                    return
            self._aws.pause(min(left, _LONGEST_WAIT))

    def correct(self, expected: float, used: float) -> None:
        """The call has used this many units instead."""
        if self.per_second is not None:
            with self._lock:
                self._paid_at += (used - expected) / self.per_second
