"""Entity tags, and the headers If-Match and If-None-Match (RFC 9110, section 13)."""

from __future__ import annotations

import re

from .item import fingerprint
from .table import ABSENT, EXISTS, REVISION, Condition

TYPE_CHECKING = False  # importing `typing` would slow down every cold start
if TYPE_CHECKING:
    from .item import Attributes

ANY = "*"
_REVISION = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TAGS = re.compile(r'(W/)?("[^"\x00-\x20\x7f]*")[ \t]*(?:,[ \t,]*|$)')


def tag_of(item: Attributes) -> str:
    """The strong entity tag of an item: its revision, or a hash of its content if another tool has written it."""
    revision = item.get(REVISION, {}).get("S")
    if type(revision) is str and _REVISION.fullmatch(revision):
        return f'"{revision}"'
    return f'"c.{fingerprint(item)}"'


class Preconditions:
    """What a request requires of the current item. `match` and `none_match` are sets of tags; None means no header."""

    def __init__(self, match: frozenset[str] | None, none_match: frozenset[str] | None) -> None:
        self.match = match
        self.none_match = none_match

    @property
    def have_tags(self) -> bool:
        """Whether the current item is needed to decide."""
        given = (self.match or frozenset()) | (self.none_match or frozenset())
        return self.match == frozenset() or bool(given - {ANY})

    def matches(self, tag: str | None) -> bool:
        """Whether If-Match allows an item with this tag; None stands for no item."""
        return self.match is None or (tag is not None and bool(self.match & {ANY, tag}))

    def differs(self, tag: str | None) -> bool:
        """The same for If-None-Match."""
        return self.none_match is None or tag is None or not self.none_match & {ANY, tag}

    def condition(self) -> Condition | None:
        """The condition of a write if there are no tags, but perhaps `*`."""
        conditions = [*([EXISTS] if self.match else []), *([ABSENT] if self.none_match else [])]
        return Condition(" AND ".join([condition.expression for condition in conditions])) if conditions else None


def tags(value: object, *, weak: bool) -> frozenset[str] | None:
    """The tags in a header, or `*`; None if the header is invalid. Weak tags count only if `weak`."""
    if type(value) is not str:
        return None
    text = value.strip(" \t,")  # empty elements of a list count as nothing
    if text == ANY:
        return frozenset({ANY})
    found, position = [], 0
    while position < len(text):
        match = _TAGS.match(text, position)
        if match is None:
            return None
        position = match.end()
        if weak or not match[1]:
            found.append(match[2])
    return frozenset(found) if text else None
