"""The replies: Lambda's response for an HTTP API (payload format 2.0)."""

from __future__ import annotations

import json
import re

from .item import TOO_LARGE, json_text
from .table import REVISION

TYPE_CHECKING = False  # importing `typing` would slow down every cold start
if TYPE_CHECKING:
    from typing import Any

    from .dynamodb import RejectedError, UnavailableError
    from .item import Attributes

#: The cause if it is unknown whether a patch was applied.
MAYBE_APPLIED = "MaybeApplied"

# "Type mismatch for Index Key owner Expected: S …" and "… IndexName: owner-index, IndexKey: owner".
_INDEX_KEY = re.compile(r"Index ?Key:? ([A-Za-z0-9_.-]+)")


def item_reply(status: int, item: Attributes, tag: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
    visible = {name: value for name, value in item.items() if name != REVISION}
    return json_reply(status, json_text(visible), {"etag": tag, **(headers or {})})


def json_reply(status: int, body: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
    return {"statusCode": status, "headers": {"content-type": "application/json", **(headers or {})}, "body": body}


def problem_reply(status: int, message: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
    return json_reply(status, json.dumps({"error": message}), headers)


def unavailable_reply(unavailable: UnavailableError) -> dict[str, Any]:
    if unavailable.cause == MAYBE_APPLIED:
        return problem_reply(503, "It is unknown whether the patch was applied. Get the item before you try again")
    return problem_reply(503, "The database is busy or unreachable. Try again", {"retry-after": "1"})


def rejection_reply(rejected: RejectedError) -> dict[str, Any]:
    """Only the item's size and an index key are the client's errors; all others are due to the table or the role."""
    if rejected.cause == "ValidationException" and "Item size has exceeded" in rejected.message:
        return problem_reply(413, TOO_LARGE)
    # The handler checks the indexes that it knows, but another release of the stack may have created more.
    key = _INDEX_KEY.search(rejected.message) if rejected.cause == "ValidationException" else None
    if key is not None:
        return problem_reply(400, f"{key[1]} has a value that an index of the table does not accept")
    return problem_reply(500, "Internal server error")
