"""Limits how many capacity units a second are used."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from items_api.aws.client import Aws


class Rate:
    """What a call has used is only known afterwards, so the next call waits until it has been paid for."""

    def __init__(self, aws: Aws, units_per_second: float | None) -> None:
        self._aws = aws
        self._per_second = units_per_second
        self._lock = threading.Lock()
        self._paid_at = aws.now()

    @property
    def is_limited(self) -> bool:
        return self._per_second is not None

    def wait(self) -> None:
        while (due := self._paid_at - self._aws.now()) > 0:
            self._aws.pause(min(due, 1.0))

    def use(self, units: float) -> None:
        if self._per_second is not None:
            with self._lock:
                self._paid_at = max(self._paid_at, self._aws.now()) + units / self._per_second
