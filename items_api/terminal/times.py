"""Times and durations for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import timedelta

_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60))


def age_text(duration: timedelta) -> str:
    """A duration in its largest unit: `3 d`, `5 h`, `40 min`, `12 s`."""
    seconds = int(duration.total_seconds())
    for unit, size in _UNITS:
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{max(seconds, 0)} s"
