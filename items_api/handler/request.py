"""Reads what an HTTP API event (payload format 2.0) asks for, and finds what is wrong with it."""

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
    """A reply other than success: its status, what is wrong with what, and headers."""

    def __init__(self, status: int, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers


class Request:
    """What an event asks for. Malformed parts read as absent: whoever may invoke directly may send anything.

    Args:
        event: an HTTP API event, or anything.
        until: when the reply must be ready, on `time.monotonic`'s clock.
    """

    def __init__(self, event: object, until: float) -> None:
        self._event = _mapping(event)
        context = _mapping(self._event.get("requestContext"))
        self.until = until
        self.request_id = context.get("requestId")
        self.query = _mapping(self._event.get("queryStringParameters"))
        path, self._path_id = _split_path(self._event)
        #: A route key, one of `ROUTES` if the contract knows the request.
        self.route = f"{_mapping(context.get('http')).get('method')} {path}"

    def item_id(self) -> str:
        return check_id(self._path_id)

    def body(self) -> dict[str, Any]:
        """The JSON object in the body, whatever its content type says."""
        body = self._event.get("body")
        if type(body) is not str or not body:
            raise HTTPError(400, "The body is empty: send a JSON object")
        return parse(_decoded(body) if self._event.get("isBase64Encoded") is True else body)

    def condition(self) -> str | None:
        """The two conditional headers as DynamoDB's condition expression."""
        headers = _mapping(self._event.get("headers"))
        conditions = []
        for name, expression in (("if-match", EXISTS), ("if-none-match", ABSENT)):
            value = headers.get(name)
            if value is None:
                continue
            if type(value) is not str or value.strip() != "*":
                raise HTTPError(400, f"{name} takes only *: items have no entity tags")
            conditions.append(expression)
        return " AND ".join(conditions) or None


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _split_path(event: dict[str, Any]) -> tuple[object, object]:
    """The path as its route has it, and the id in it.

    An HTTP API decodes every escape of a path except `%25`, so one replacement undoes the rest exactly. It also cuts a
    path at a decoded `?`, before anyone here could know. Behind a stage or a base path `rawPath` starts otherwise.
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
        raise HTTPError(400, "The body is not base64, though the event says so") from None
    except UnicodeDecodeError:
        raise HTTPError(400, "The body is not UTF-8") from None
