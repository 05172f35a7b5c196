"""Durations as options take them: `30s`, `15m`, `2h`, `1d`."""

from __future__ import annotations

import re

_AGE = re.compile(r"(\d{1,9})([smhd])", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds_in(text: str) -> int | None:
    """None if the text is not a duration."""
    age = _AGE.fullmatch(text)
    return int(age[1]) * _SECONDS[age[2]] if age else None
