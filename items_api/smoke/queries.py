"""That GET /items returns the items with a value, for each attribute with an index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from items_api.smoke.api import JSON, Api, Unexpected, compact, expect_equal, expect_error, parsed
from items_api.smoke.claims import Claim
from items_api.smoke.pages import pages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from items_api.smoke.claims import CheckFunction

# DynamoDB usually updates an index within a fraction of a second.
_ATTEMPTS, _PAUSE = 10, 0.5


def queries(indexes: Sequence[str], sleep: Callable[[float], None]) -> Iterator[Claim]:
    """Claims about an API with indexes on these attributes."""
    for attribute in indexes:
        yield Claim(f"GET /items?{attribute}= returns the items with this value", _finds(attribute, sleep))
        yield Claim(f"POST rejects a number as {attribute}", _rejects_value(attribute, 5))
        yield Claim(f"POST rejects an empty {attribute}", _rejects_value(attribute, ""))


def _finds(attribute: str, sleep: Callable[[float], None]) -> CheckFunction:
    def check(api: Api) -> None:
        value = f"{api.id_prefix} ü&{attribute}"
        expected = [api.create_item(f"{attribute}-{number}", **{attribute: value}) for number in (1, 2)]
        api.create_item(f"{attribute}-3", **{attribute: f"{value}."})
        api.create_item(f"{attribute}-4")
        for attempt in range(_ATTEMPTS):
            found = [item for page in pages(api, f"/items?{attribute}={quote(value)}&limit=1") for item in page]
            if len(found) == len(expected):
                break
            if attempt < _ATTEMPTS - 1:
                sleep(_PAUSE)
        expect_equal("items", _by_id(found), _by_id(expected))

    return check


def _by_id(items: list[Any]) -> list[Any]:
    if not all(isinstance(item, dict) and "itemId" in item for item in items):
        raise Unexpected("expected items, got something else")
    return sorted(items, key=lambda item: str(item["itemId"]))


def _rejects_value(attribute: str, value: object) -> CheckFunction:
    def check(api: Api) -> None:
        item_id = api.new_id(f"{attribute}-rejected-{type(value).__name__}")
        response = api.send("POST", "/items", compact({"itemId": item_id, attribute: value}), JSON)
        expect_error(response, 400)
        if attribute not in str(parsed(response)["error"]):
            raise Unexpected(f"expected an error that names {attribute}, got {parsed(response)['error']}")
        expect_equal("item", api.current_item(item_id), None)

    return check
