"""Follows the links of GET /items."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from items_api.smoke.api import Api, Unexpected, expect_status, parsed, shortened

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_PAGES = 50  # pages of 1000 items, to limit the cost on a large table


def pages(api: Api, path: str) -> Iterator[list[Any]]:
    next_path: str | None = path
    for _ in range(MAX_PAGES):
        if next_path is None:
            return
        response = api.send("GET", next_path)
        expect_status(response, 200)
        page = parsed(response)
        if not isinstance(page, list):
            raise Unexpected(f"expected a JSON array, got {shortened(response.body)}")
        yield page
        next_path = next_page(api)


def next_page(api: Api) -> str | None:
    """The path and query of the next page, from the Link header (RFC 8288) of the last response."""
    link = api.response.headers.get("link", "") if api.response else ""
    found = re.search(r'<([^>]*)>\s*;[^,]*\brel="?next"?', link)
    if not found:
        return None
    target = urlsplit(found[1])
    # The link may or may not include the path of the endpoint.
    return f"{target.path.removeprefix(urlsplit(api.endpoint).path)}?{target.query}"
