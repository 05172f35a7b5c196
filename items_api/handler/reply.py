"""The replies: Lambda's response for an HTTP API (payload format 2.0)."""

from __future__ import annotations

import json

from .dynamodb import REVISION, RejectedError
from .item import json_text

TYPE_CHECKING = False  # importing `typing` would slow down every cold start
if TYPE_CHECKING:
    from typing import Any

    from .item import Attributes


def item_reply(status: int, item: Attributes, tag: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
    visible = {name: value for name, value in item.items() if name != REVISION}
    return json_reply(status, json_text(visible), {"etag": tag, **(headers or {})})


def json_reply(status: int, body: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
    return {"statusCode": status, "headers": {"content-type": "application/json", **(headers or {})}, "body": body}


def problem_reply(status: int, message: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
    return json_reply(status, json.dumps({"error": message}), headers)


def rejection_reply(rejected: RejectedError) -> dict[str, Any]:
    """Only the item size is the client's error; all others are due to the table or the role."""
    if rejected.cause == "ValidationException" and "Item size has exceeded" in rejected.message:
        return problem_reply(413, "The item is larger than 400 KB, including attribute names")
    return problem_reply(500, "Internal server error")
