"""The settings that were given to a stack, as tags of its table, so that later commands know them.

One text, such as `memory=512 tag=team=web`, or `defaults` if no setting was given, is split over as many tags as it
needs: `items-api:settings`, `items-api:settings-2`, … A part that another one follows ends with `+`. Characters that
tags do not support in every service are written as `@` and two hexadecimal digits for each byte.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

KEY = "items-api:settings"
# When the stack expires, in ISO 8601. It is also among the settings; this tag is for people, and for `list` and `gc`.
EXPIRES = "items-api:expires"
_NONE = "defaults"
_MORE = "+"
_MAX_VALUE = 256


def to_tags(settings: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The tags for settings, each with one or more values."""
    words = (f"{setting}={_escaped(value)}" for setting, values in settings.items() for value in values)
    text = " ".join(words) or _NONE
    parts = []
    while len(text) > _MAX_VALUE:
        end = _MAX_VALUE - len(_MORE)
        while " " in text[end - 1 : end + 1]:  # no part starts or ends with a space
            end -= 1
        parts.append(text[:end] + _MORE)
        text = text[end:]
    return {_key(number): part for number, part in enumerate([*parts, text], start=1)}


def from_tags(tags: Mapping[str, str]) -> dict[str, list[str]] | None:
    """The settings that `to_tags` was given; None if a tag is missing."""
    text, number = "", 1
    while (part := tags.get(_key(number))) is not None:
        text += part.removesuffix(_MORE)
        if not part.endswith(_MORE):
            settings: dict[str, list[str]] = {}
            for setting, equals, value in (word.partition("=") for word in text.split(" ")):
                if equals:
                    settings.setdefault(setting, []).append(_unescaped(value))
            return settings
        number += 1
    return None


def expiry_of(tags: Mapping[str, str]) -> datetime | None:
    """When the stack expires whose table has these tags; None if it does not. Without a time zone, it is UTC."""
    try:
        found = datetime.fromisoformat(tags.get(EXPIRES, ""))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _key(number: int) -> str:
    return KEY if number == 1 else f"{KEY}-{number}"


def _escaped(value: str) -> str:
    return quote(value, safe="/:=._-").replace("~", "%7E").replace("%", "@")


def _unescaped(value: str) -> str:
    return unquote(value.replace("@", "%"))
