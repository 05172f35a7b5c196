"""That an API refuses wrong credentials."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from items_api.smoke.api import Api, Unexpected, compact, expect_equal, expect_status, path_of
from items_api.smoke.claims import Claim

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from items_api.smoke.access import Access
    from items_api.smoke.claims import CheckFunction
    from items_api.smoke.curl import Request


def refusals(api: Api, reader: Access | None) -> Iterator[Claim]:
    """That wrong credentials are refused, and nothing is written with them.

    Args:
        api: the API under test.
        reader: credentials that allow only to read, if there are any.
    """
    for what, headers in api.access.wrong():
        yield Claim(f"PUT {what} is refused", _refuses(headers, api.access.refusal), is_refusal=True)
    if reader:
        yield Claim("GET with the read token is allowed", _allows_reading(reader), is_refusal=True)
        yield Claim("PUT with the read token is refused", _refuses(reader.headers, 401, 403), is_refusal=True)


def _refuses(headers: Callable[[Request], Mapping[str, str]], *statuses: int) -> CheckFunction:
    def check(api: Api) -> None:
        item_id = api.new_id(f"refused-{secrets.token_hex(4)}")
        response = api.send_as(headers, "PUT", path_of(item_id), compact({"itemId": item_id}))
        expect_status(response, *statuses)
        expect_equal("item", api.current_item(item_id), None)

    return check


def _allows_reading(reader: Access) -> CheckFunction:
    """An API refuses every write with a token that is not valid at all."""

    def check(api: Api) -> None:
        response = api.send_as(reader.headers, "GET", "/items?limit=1")
        try:
            expect_status(response, 200)
        except Unexpected as finding:
            why = reader.why_refused(writes=False) if response.status in (401, 403) else ""
            raise Unexpected(f"{finding}. {why}" if why else str(finding)) from None

    return check
