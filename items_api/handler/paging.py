"""The parameters of GET /items: which items, how many a page has, and where it starts."""

from __future__ import annotations

import base64
import json
import re
import zlib

from .item import ItemError, check_key
from .request import HTTPError, percent_encoded

TYPE_CHECKING = False  # importing `typing` would slow down every cold start
if TYPE_CHECKING:
    from collections.abc import Mapping

    from .request import Request

MAX_LIMIT = 1000
MAX_INDEXES = 5

_LIMIT = re.compile(r"[1-9][0-9]{0,3}")
_INDEXABLE = re.compile(r"[A-Za-z0-9_.-]{1,249}")


class Page:
    """What a request asks for. Raises HTTPError or ItemError.

    `match` is an attribute and its value, or None for all items; `after` is the id that the page follows, or None.
    """

    __slots__ = ("_given", "_scope", "after", "limit", "match")

    def __init__(self, request: Request, table: str, indexes: Mapping[str, str]) -> None:
        query = request.query
        if request.repeats:
            raise HTTPError(400, "A query parameter occurs more than once: use each one once")
        limit, cursor = query.get("limit"), query.get("next")
        self.limit = MAX_LIMIT if limit is None else _read_limit(limit)
        self.match = _read_match({name: query[name] for name in query if name not in {"limit", "next"}}, indexes)
        # The parameters that the link to the next page repeats.
        self._given = "" if limit is None else f"limit={self.limit}&"
        self._scope = table
        if self.match is not None:
            attribute, value = self.match
            self._given += f"{attribute}={percent_encoded(value)}&"
            self._scope += f"\0{attribute}\0{value}"
        self.after = None if cursor is None else _read_cursor(self._scope, cursor)

    def link(self, last: str) -> str:
        """The header with the link to the page after this id."""
        return f'</items?{self._given}next={cursor_of(self._scope, last)}>; rel="next"'


def _read_limit(text: object) -> int:
    limit = int(text) if type(text) is str and _LIMIT.fullmatch(text) else 0
    if not 1 <= limit <= MAX_LIMIT:
        raise HTTPError(400, f"limit must be an integer from 1 to {MAX_LIMIT}")
    return limit


def _read_match(query: Mapping[str, object], indexes: Mapping[str, str]) -> tuple[str, str] | None:
    for name in query:
        if name not in indexes:
            raise HTTPError(400, _no_index(name, indexes))
    if len(query) > 1:
        raise HTTPError(400, f"Only one attribute can select items: use {' or '.join(query)}")
    for name, value in query.items():
        if not value:
            raise HTTPError(400, f"{name} has no value: use ?{name}=VALUE")
        try:
            return name, check_key(value, name)
        except ItemError:
            raise HTTPError(400, f"The value of {name} is too long: no item can have it") from None
    return None


def _no_index(name: str, indexes: Mapping[str, str]) -> str:
    if name == "itemId":
        return "To get an item by its itemId, use GET /items/{id}"
    if not _INDEXABLE.fullmatch(name):
        return f"{json.dumps(name)} is not a parameter of GET /items"
    if len(indexes) >= MAX_INDEXES:
        return f"The API has no index on {name}: it has indexes on {', '.join(indexes)}, and cannot have more"
    options = "".join([f" --index {attribute}" for attribute in (*indexes, name)])
    return f"The API has no index on {name}: to add one, run items-api up{options}"


def cursor_of(scope: str, item_id: str) -> str:
    """Encode the id that a page ended at as an opaque, URL-safe cursor.

    The checksum detects mistakes and cursors of other tables and queries, which have another `scope`. It is not for
    security: the worst that a forged cursor can do is to start a page after some id.
    """
    key = item_id.encode()
    checksum = zlib.crc32(scope.encode() + b"\0" + key).to_bytes(4, "big")
    return base64.urlsafe_b64encode(checksum + key).rstrip(b"=").decode()


def _read_cursor(scope: str, cursor: object) -> str:
    try:
        text = str(cursor)
        item_id = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))[4:].decode()
    except ValueError:
        item_id = ""
    if not item_id or cursor_of(scope, item_id) != cursor:
        raise HTTPError(400, "next is not a valid cursor: use the URL in the Link header")
    return item_id
