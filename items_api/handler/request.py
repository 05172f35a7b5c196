"""Parses and validates HTTP API events (payload format 2.0)."""

from __future__ import annotations

import base64
import binascii
import re

from .item import MAX_BYTES, TOO_LARGE, check_key, parse
from .preconditions import Preconditions, tags
from .table import REVISION

TYPE_CHECKING = False  # importing `typing` would slow down every cold start
if TYPE_CHECKING:
    from typing import Any

ITEM_PATH = "/items/"

_RESERVED = re.compile(rb"[^A-Za-z0-9._~-]")


class HTTPError(Exception):
    """An error reply: its status, a message that names the problem, and extra headers."""

    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
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
        raw = self._event.get("rawQueryString")
        #: Whether a parameter occurs twice: an HTTP API joins the values with a comma, which they can contain.
        self.repeats = type(raw) is str and len([pair for pair in raw.split("&") if pair]) > len(self.query)
        path, self._path_id = _split_path(self._event)
        #: The route key; one of `ROUTES` if the API supports the request.
        self.route = f"{_mapping(context.get('http')).get('method')} {path}"

    def item_id(self) -> str:
        return check_key(self._path_id)

    def body(self) -> dict[str, Any]:
        """The JSON object in the body, regardless of the content type."""
        body = self._event.get("body")
        if type(body) is not str or not body:
            raise HTTPError(400, "The body is empty: send a JSON object")
        if self._event.get("isBase64Encoded") is True:
            body = _decoded(body)
        # Parsing millions of elements would take seconds and 1 GB. In DynamoDB, each takes at least a byte, too.
        if body.count(",") > MAX_BYTES:
            raise HTTPError(413, TOO_LARGE)
        document = parse(body)
        if REVISION in document:
            raise HTTPError(400, f"{REVISION} is the name of an attribute that this API itself uses")
        return document

    def patch(self) -> dict[str, Any]:
        """The JSON merge patch in the body, whatever its content type, unless that is the one of another format."""
        kind = _mapping(self._event.get("headers")).get("content-type")
        if type(kind) is str and kind.partition(";")[0].strip().lower() == "application/json-patch+json":
            headers = {"accept-patch": "application/merge-patch+json"}
            raise HTTPError(415, "JSON Patch is not supported: send a JSON merge patch (RFC 7396)", headers)
        return self.body()

    def preconditions(self) -> Preconditions:
        headers = _mapping(self._event.get("headers"))
        found = []
        for name in ("If-Match", "If-None-Match"):
            value = headers.get(name.lower())
            parsed = None if value is None else tags(value, weak=name == "If-None-Match")
            if value is not None and parsed is None:
                raise HTTPError(400, f'{name} must be * or entity tags in double quotes, such as "abc"')
            found.append(parsed)
        return Preconditions(*found)


def percent_encoded(text: str) -> str:
    """Escape all but unreserved characters (RFC 3986)."""
    return _RESERVED.sub(lambda match: b"%%%02X" % match[0][0], text.encode()).decode()


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
