"""Times and durations for people."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60))


def age_text(duration: timedelta) -> str:
    """A duration in its largest unit: `3 d`, `5 h`, `40 min`, `12 s`."""
    seconds = int(duration.total_seconds())
    for unit, size in _UNITS:
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{max(seconds, 0)} s"


def expiry_text(expires: datetime, now: datetime) -> str:
    """`expires in 2 d`, `expired 5 h ago`."""
    left = expires - now
    return f"expires in {age_text(left)}" if left > timedelta() else f"expired {age_text(-left)} ago"
