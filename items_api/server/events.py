"""Requests and replies in the format of an HTTP API (payload format 2.0), as far as the handler uses it.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from uvicorn._types import HTTPScope

    Headers = list[tuple[bytes, bytes]]

_ESCAPES = re.compile(rb"(?:%(?!25)[0-9A-Fa-f]{2})+")
_ORIGIN = re.compile(rb"^https?://[^/]*", re.IGNORECASE)
_NO_BODY = frozenset({204, 304})


def path_of(raw: bytes) -> str:
    """The path of a request target, which may be a URL (RFC 9112, 3.2.2).

    An HTTP API decodes every escape in a path except `%25`.
    """
    if not raw.startswith(b"/"):
        raw = _ORIGIN.sub(b"", raw)
    if b"%" in raw:
        raw = _ESCAPES.sub(lambda found: bytes.fromhex(found[0].replace(b"%", b"").decode()), raw)
    return raw.decode("utf-8", "replace")


def headers_of(pairs: Iterable[tuple[bytes, bytes]]) -> tuple[dict[str, str], int]:
    """The headers and their size. Names are lower case; the values of the same header are joined by a comma."""
    headers: dict[str, str] = {}
    size = 0
    for name_bytes, value_bytes in pairs:
        name, value = name_bytes.decode("latin-1"), value_bytes.decode("latin-1")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
        size += len(name) + len(value)
    return headers, size


def event(request_id: str, scope: HTTPScope, path: str, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    method, raw_query = scope["method"], scope["query_string"]
    found: dict[str, Any] = {
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": raw_query.decode("latin-1"),
        "headers": headers,
        "requestContext": {"http": {"method": method, "path": path}, "requestId": request_id},
        "isBase64Encoded": False,
    }
    if raw_query:
        found["queryStringParameters"] = _query(found["rawQueryString"])
    if body:
        try:
            found["body"] = body.decode()
        except UnicodeDecodeError:
            found |= {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}
    return found


def _query(raw: str) -> dict[str, str]:
    query: dict[str, str] = {}
    for name, value in parse_qsl(raw, keep_blank_values=True):
        query[name] = f"{query[name]},{value}" if name in query else value
    return query


def response(reply: Mapping[str, Any]) -> tuple[int, Headers, bytes]:
    """The status, headers and body of what the handler returns."""
    status: int = reply["statusCode"]
    body = reply.get("body", "").encode()
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in reply.get("headers", {}).items()]
    if status not in _NO_BODY:
        headers.append((b"content-length", b"%d" % len(body)))
    return status, headers, body
