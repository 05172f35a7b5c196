"""The parameters of GET /items: how many items a page has, and where it starts."""

from __future__ import annotations

import base64
import re
import zlib

from .request import HTTPError

MAX_LIMIT = 1000

_LIMIT = re.compile(r"[1-9][0-9]{0,3}")


def read_limit(text: object) -> int:
    limit = int(text) if type(text) is str and _LIMIT.fullmatch(text) else 0
    if not 1 <= limit <= MAX_LIMIT:
        raise HTTPError(400, f"limit must be an integer from 1 to {MAX_LIMIT}")
    return limit


def cursor_of(table: str, item_id: str) -> str:
    """Encode the id that a page ended at as an opaque, URL-safe cursor.

    The checksum detects mistakes and cursors of other tables. It is not for security: the worst that a forged cursor
    can do is to start a page after some id.
    """
    key = item_id.encode()
    checksum = zlib.crc32(table.encode() + b"\0" + key).to_bytes(4, "big")
    return base64.urlsafe_b64encode(checksum + key).rstrip(b"=").decode()


def read_cursor(table: str, cursor: object) -> str:
    try:
        text = str(cursor)
        item_id = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))[4:].decode()
    except ValueError:
        item_id = ""
    if not item_id or cursor_of(table, item_id) != cursor:
        raise HTTPError(400, "next is not a valid cursor: use the URL in the Link header")
    return item_id
