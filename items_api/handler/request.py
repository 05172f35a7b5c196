"""Parses and validates HTTP API events (payload format 2.0)."""

from __future__ import annotations

import base64
import binascii

from .dynamodb import ABSENT, EXISTS
from .item import check_id, parse

TYPE_CHECKING = False  # importing `typing` would slow down every cold start
if TYPE_CHECKING:
    from typing import Any

ITEM_PATH = "/items/"


class HTTPError(Exception):
    """An error reply: its status, a message that names the problem, and extra headers."""

    def __init__(self, status: int, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers


class Request:
    """The request in an HTTP API event. The reply must be ready at `deadline`, in `time.monotonic` seconds.

    A direct invocation can send any JSON value as the event, so malformed parts count as missing.
    """

    def __init__(self, event: object, deadline: float) -> None:
        self._event = _mapping(event)
        context = _mapping(self._event.get("requestContext"))
        self.deadline = deadline
        self.request_id = context.get("requestId")
        self.query = _mapping(self._event.get("queryStringParameters"))
        path, self._path_id = _split_path(self._event)
        #: The route key; one of `ROUTES` if the API supports the request.
        self.route = f"{_mapping(context.get('http')).get('method')} {path}"

    def item_id(self) -> str:
        return check_id(self._path_id)

    def body(self) -> dict[str, Any]:
        """The JSON object in the body, regardless of the content type."""
        body = self._event.get("body")
        if type(body) is not str or not body:
            raise HTTPError(400, "The body is empty: send a JSON object")
        return parse(_decoded(body) if self._event.get("isBase64Encoded") is True else body)

    def condition(self) -> str | None:
        """If-Match and If-None-Match as a DynamoDB condition expression."""
        headers = _mapping(self._event.get("headers"))
        conditions = []
        for name, expression in (("if-match", EXISTS), ("if-none-match", ABSENT)):
            value = headers.get(name)
            if value is None:
                continue
            if type(value) is not str or value.strip() != "*":
                raise HTTPError(400, f"{name} must be *, because items have no entity tags")
            conditions.append(expression)
        return " AND ".join(conditions) or None


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _split_path(event: dict[str, Any]) -> tuple[object, object]:
    """Return the path as in a route key, and the id.

    An HTTP API decodes every escape in a path except `%25`, so that is the only one left to decode. It also truncates
    a path at a decoded `?`, which cannot be detected here. With a stage or base path, `rawPath` has a prefix.
    """
    path = event.get("rawPath")
    if type(path) is str and path.startswith(ITEM_PATH) and path != ITEM_PATH:
        return "/items/{id+}", path.removeprefix(ITEM_PATH).replace("%25", "%")
    item_id = _mapping(event.get("pathParameters")).get("id")
    if item_id is not None:
        return "/items/{id+}", item_id
    return path, None


def _decoded(body: str) -> str:
    try:
        return base64.b64decode(body.encode("ascii"), validate=True).decode()
    except (binascii.Error, UnicodeEncodeError):
        raise HTTPError(400, "The body is not valid base64, although the event declares it as base64") from None
    except UnicodeDecodeError:
        raise HTTPError(400, "The body is not valid UTF-8") from None
