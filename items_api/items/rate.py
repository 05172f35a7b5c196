"""Limits how many capacity units are used in a second."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from items_api.aws.client import Aws


class Rate:
    """Calls take turns. `units_per_second` is None if there is no limit."""

    def __init__(self, aws: Aws, units_per_second: float | None) -> None:
        self._aws = aws
        self._per_second = units_per_second
        self._lock = threading.Lock()
        self._next_turn = aws.now()

    def wait(self, expected: float) -> None:
        """Wait for the turn of a call that will probably use this many units."""
        if self._per_second is None:
            return
        with self._lock:
            turn = max(self._next_turn, self._aws.now())
            self._next_turn = turn + expected / self._per_second
        while (left := turn - self._aws.now()) > 0:
            self._aws.pause(min(left, 1.0))

    def correct(self, expected: float, used: float) -> None:
        """The call has used this many units instead."""
        if self._per_second is not None:
            with self._lock:
                self._next_turn += (used - expected) / self._per_second
