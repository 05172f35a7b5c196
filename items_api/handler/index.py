"""The Lambda handler: HTTP API events (payload format 2.0) in, the table's items as JSON out.

`docs/http.md` is the contract. Whatever a client can do wrong is an `HTTPError` with its status.
"""

from __future__ import annotations

import base64
import json
import os
import re
import sys
import time
import zlib

from . import ROUTES
from .dynamodb import Client, ConditionError, RefusedError, Table, UnavailableError
from .item import ItemError, attributes, check_id, json_text
from .request import ITEM_PATH, HTTPError, Request

TYPE_CHECKING = False  # importing `typing` would slow down every cold start
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

MAX_LIMIT = 1000
# Lambda's reply may have 6,291,556 bytes; the rest is for what stands around the body.
MAX_PAGE_BYTES = 6_200_000
# An HTTP API waits 30 s for its integration, whatever the function's timeout.
MAX_SECONDS = 28.0
# Kept back for turning a late answer into a reply.
RESERVE_SECONDS = 0.3
# A further Scan starts only with this much time ahead, or the page found so far might be lost.
SCAN_SECONDS = 2.0

_LIMIT = re.compile(r"[1-9][0-9]{0,3}")
_RESERVED = re.compile(rb"[^A-Za-z0-9._~-]")


class Api:
    """The operations on a table, and the one log line that each request leaves.

    Args:
        table: where the items are.
        log: takes a line.
    """

    def __init__(self, table: Table, log: Callable[[str], object]) -> None:
        self._table = table
        self._log = log
        self._cold = True
        self._operations = {
            "POST /items": self.create,
            "GET /items": self.page,
            "GET /items/{id+}": self.read,
            "PUT /items/{id+}": self.replace,
            "DELETE /items/{id+}": self.delete,
        }

    def handle(self, event: object, context: object = None) -> dict[str, Any]:
        """Answer one event. Nothing raises out of here, and no reply tells a client what only the log may know."""
        start = time.monotonic()
        request = Request(event, start + _seconds_left(context))
        cause = None
        try:
            reply = self._answer(request)
        except HTTPError as problem:
            reply = _problem(problem.status, problem.message, problem.headers)
        except ItemError as unstorable:
            reply = _problem(400, str(unstorable))
        except ConditionError:
            reply = _problem(412, "The condition in the headers does not hold: the item is there, or is not")
        except UnavailableError as unavailable:
            cause = unavailable.cause
            reply = _problem(503, "The database is busy or out of reach: try again", {"retry-after": "1"})
        except RefusedError as refused:
            cause = refused.cause
            reply = _refusal(refused)
        except Exception as bug:  # noqa: BLE001 - the log gets the place, without the data a traceback may quote
            cause = f"{type(bug).__name__} at {_place(bug)}"
            reply = _problem(500, "Internal server error")
        self._report(request, reply["statusCode"], time.monotonic() - start, cause)
        return reply

    def create(self, request: Request) -> dict[str, Any]:
        """POST /items: create or replace; an item without an id gets one, so that a resend finds the same item."""
        condition = request.condition()
        document = request.body()
        item_id = check_id(document["itemId"]) if "itemId" in document else _new_id()
        item = attributes({"itemId": item_id, **document})
        self._table.put(item, condition, request.until)
        return _reply(201, json_text(item), {"location": ITEM_PATH + _percent_encoded(item_id)})

    def page(self, request: Request) -> dict[str, Any]:
        """GET /items: one page, and a link to the next one when there is more."""
        asked = request.query.get("limit")
        limit = MAX_LIMIT if asked is None else _limit(asked)
        cursor = request.query.get("next")
        after = None if cursor is None else _read_cursor(self._table.name, cursor)
        texts, last = self._collect(limit, after, request.until)
        body = f"[{','.join(texts)}]"
        if last is None:
            return _reply(200, body)
        kept = "" if asked is None else f"limit={limit}&"
        return _reply(200, body, {"link": f'</items?{kept}next={_cursor(self._table.name, last)}>; rel="next"'})

    def read(self, request: Request) -> dict[str, Any]:
        """GET /items/{id}."""
        item = self._table.get(request.item_id(), request.until)
        if item is None:
            raise HTTPError(404, "Not found")
        return _reply(200, json_text(item))

    def replace(self, request: Request) -> dict[str, Any]:
        """PUT /items/{id}: create or replace under the path's id."""
        item_id = request.item_id()
        condition = request.condition()
        document = request.body()
        if document.get("itemId", item_id) != item_id:
            raise HTTPError(400, "The itemId in the body is not the one in the path")
        item = attributes({"itemId": item_id, **document})
        replaced = self._table.put(item, condition, request.until)
        return _reply(201 if replaced is None else 200, json_text(item))

    def delete(self, request: Request) -> dict[str, Any]:
        """DELETE /items/{id}: gone, whether it was there or not."""
        self._table.delete(request.item_id(), request.condition(), request.until)
        return {"statusCode": 204}

    def _answer(self, request: Request) -> dict[str, Any]:
        operation = self._operations.get(request.route)
        if operation is not None:
            return operation(request)
        path = request.route.partition(" ")[2]
        allowed = [method for method, _, known in (route.partition(" ") for route in ROUTES) if known == path]
        if allowed:
            raise HTTPError(405, "Method not allowed", allow=", ".join(allowed))
        raise HTTPError(404, "Not found")

    def _collect(self, limit: int, after: str | None, until: float) -> tuple[list[str], str | None]:
        """The JSON texts of a page, and the id to go on after, or None when nothing follows.

        One item more than the page is asked for, so that a link to a next page is not a promise of nothing.
        """
        texts: list[str] = []
        size = 0
        last = after
        while True:
            found, more_after = self._table.scan(limit + 1 - len(texts), last, until)
            for item in found:
                text = json_text(item)
                # The body is a string in Lambda's JSON reply: its quotes and backslashes count twice.
                size += len(json.dumps(text))
                if len(texts) == limit or (texts and size > MAX_PAGE_BYTES):
                    return texts, last
                texts.append(text)
                last = item["itemId"]["S"]
            if more_after is None:
                return texts, None
            last = more_after
            if time.monotonic() + SCAN_SECONDS > until:
                return texts, last

    def _report(self, request: Request, status: int, seconds: float, cause: str | None) -> None:
        """One JSON line: nothing in it comes from a path, a body or an item."""
        known = request.route in ROUTES
        line = {
            "method": request.route.partition(" ")[0] if known else None,
            "route": request.route if known else None,
            "status": status,
            "ms": round(seconds * 1000, 1),
            "requestId": request.request_id,
            "cold": self._cold,
        }
        if cause is not None:
            line["error"] = cause
        self._cold = False
        self._log(json.dumps(line) + "\n")


def _limit(text: object) -> int:
    limit = int(text) if type(text) is str and _LIMIT.fullmatch(text) else 0
    if not 1 <= limit <= MAX_LIMIT:
        raise HTTPError(400, f"limit must be a whole number from 1 to {MAX_LIMIT}")
    return limit


def _cursor(table: str, item_id: str) -> str:
    """Where a page ended, opaque and safe in a URL.

    The checksum tells mistakes and other tables' cursors from our own. It keeps nothing secret and nobody out: a
    made-up cursor starts a page after some id, and nothing else.
    """
    key = item_id.encode()
    checksum = zlib.crc32(table.encode() + b"\0" + key).to_bytes(4, "big")
    return base64.urlsafe_b64encode(checksum + key).rstrip(b"=").decode()


def _read_cursor(table: str, cursor: object) -> str:
    try:
        text = str(cursor)
        item_id = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))[4:].decode()
    except ValueError:
        item_id = ""
    if not item_id or _cursor(table, item_id) != cursor:
        raise HTTPError(400, "next is not a cursor that this API gave out")
    return item_id


def _new_id() -> str:
    """A random UUID (RFC 9562, version 4): spread evenly over partitions. `uuid` takes too long to import."""
    digits = f"{int.from_bytes(os.urandom(16), 'big') & ~(0xF << 76) & ~(0x3 << 62) | (0x4 << 76) | (0x2 << 62):032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _percent_encoded(item_id: str) -> str:
    """RFC 3986: all but unreserved characters. A dot segment is escaped too, or clients would resolve it away."""
    if item_id in {".", ".."}:
        return item_id.replace(".", "%2E")
    return _RESERVED.sub(lambda match: b"%%%02X" % match[0][0], item_id.encode()).decode()


def _seconds_left(context: object) -> float:
    remaining = getattr(context, "get_remaining_time_in_millis", None)
    return MAX_SECONDS if remaining is None else min(MAX_SECONDS, remaining() / 1000 - RESERVE_SECONDS)


def _reply(status: int, body: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
    return {"statusCode": status, "headers": {"content-type": "application/json", **(headers or {})}, "body": body}


def _problem(status: int, message: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
    return _reply(status, json.dumps({"error": message}), headers)


def _refusal(refused: RefusedError) -> dict[str, Any]:
    """DynamoDB measures items itself; every other refusal is about the table or the role, not the client."""
    if refused.cause == "ValidationException" and "Item size has exceeded" in refused.message:
        return _problem(413, "The item is larger than DynamoDB's 400 KB, names included")
    return _problem(500, "Internal server error")


def _place(bug: BaseException) -> str:
    trace = bug.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_globals.get('__name__')}:{trace.tb_lineno}" if trace else "?"


def _print(line: str) -> None:
    sys.stdout.write(line)


_api = Api(Table(os.environ.get("TABLE_NAME", ""), Client.from_environment(os.environ)), _print)


def handler(event: object, context: object) -> dict[str, Any]:
    """What Lambda calls: `handler.index.handler`."""
    return _api.handle(event, context)
