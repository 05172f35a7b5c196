"""The Lambda handler: answers HTTP API events (payload format 2.0) with items from the table as JSON.

`docs/http.md` is the contract.
"""

from __future__ import annotations

import json
import os
import sys
import time

from . import INDEXES, ROUTES, TABLE_NAME
from .dynamodb import Client, RejectedError, UnavailableError
from .item import ItemError, attributes, check_indexed, check_key, json_text, merge
from .paging import Page
from .preconditions import Preconditions, tag_of
from .reply import MAYBE_APPLIED, item_reply, json_reply, problem_reply, rejection_reply, unavailable_reply
from .request import ITEM_PATH, HTTPError, Request, percent_encoded
from .table import REVISION, ConditionError, Table, unchanged

TYPE_CHECKING = False  # importing `typing` would slow down every cold start
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    from .item import Attributes
    from .table import Condition

    T = TypeVar("T")

# A Lambda reply can have 6,291,556 bytes. The difference is for everything but the body.
MAX_PAGE_BYTES = 6_200_000
# An HTTP API times out after 30 s, regardless of the function's timeout.
MAX_SECONDS = 28.0
# Reserved for building the reply after a late response from DynamoDB.
RESERVE_SECONDS = 0.3
# Another call starts only if this much time is left, so that the items found so far are not lost to a timeout.
SCAN_SECONDS = 2.0


class Api:
    """The API's operations on a table. Each request writes one line to `log`."""

    def __init__(self, table: Table, log: Callable[[str], object]) -> None:
        self._table = table
        self._log = log
        self._cold = True
        self._operations = {
            "POST /items": self.create,
            "GET /items": self.list_items,
            "GET /items/{id+}": self.read,
            "PUT /items/{id+}": self.replace,
            "PATCH /items/{id+}": self.patch,
            "DELETE /items/{id+}": self.delete,
        }

    def handle(self, event: object, context: object = None) -> dict[str, Any]:
        """Answer one event. This never raises, and internal details go to the log instead of the reply."""
        start = time.monotonic()
        request = Request(event, start + _seconds_left(context))
        cause = None
        try:
            reply = self._answer(request)
        except HTTPError as problem:
            reply = problem_reply(problem.status, problem.message, problem.headers)
        except ItemError as invalid:
            reply = problem_reply(400, str(invalid))
        except ConditionError as conflict:
            tag = tag_of(conflict.item) if conflict.item else None
            state = f"exists with the ETag {tag}" if tag else "does not exist"
            reply = problem_reply(412, f"Precondition failed: the item {state}", {"etag": tag} if tag else None)
        except UnavailableError as unavailable:
            cause = unavailable.cause
            reply = unavailable_reply(unavailable)
        except RejectedError as rejected:
            cause = rejected.cause
            reply = rejection_reply(rejected)
        except Exception as bug:  # noqa: BLE001 - the log gets the location, without the data a traceback may contain
            cause = f"{type(bug).__name__} at {_location(bug)}"
            reply = problem_reply(500, "Internal server error")
        self._report(request, reply["statusCode"], time.monotonic() - start, cause)
        return reply

    def create(self, request: Request) -> dict[str, Any]:
        """POST /items: create or replace. The id is generated here, so that a retry writes the same item."""
        preconditions = request.preconditions()
        document = request.body()
        item_id = check_key(document["itemId"]) if "itemId" in document else _new_id()
        stored, _ = self._put(request, attributes({"itemId": item_id, **document}), preconditions)
        return item_reply(201, stored, tag_of(stored), {"location": _location_of(item_id)})

    def list_items(self, request: Request) -> dict[str, Any]:
        """GET /items: one page of all items or of those with a value, with a link to the next page if there is more."""
        page = Page(request, self._table.name, self._table.indexes)
        texts, last = self._collect(page, request.deadline)
        return json_reply(200, f"[{','.join(texts)}]", None if last is None else {"link": page.link(last)})

    def read(self, request: Request) -> dict[str, Any]:
        """GET /items/{id}."""
        preconditions = request.preconditions()
        item = self._table.get(request.item_id(), request.deadline)
        if item is None:
            raise HTTPError(404, "Not found")
        tag = tag_of(item)
        if not preconditions.matches(tag):
            raise _not_met(item)
        if not preconditions.differs(tag):
            return {"statusCode": 304, "headers": {"etag": tag}}
        return item_reply(200, item, tag)

    def replace(self, request: Request) -> dict[str, Any]:
        """PUT /items/{id}: create or replace."""
        item_id = request.item_id()
        preconditions = request.preconditions()
        document = _of_item(item_id, request.body())
        stored, replaced = self._put(request, attributes({"itemId": item_id, **document}), preconditions)
        return item_reply(201 if replaced is None else 200, stored, tag_of(stored))

    def patch(self, request: Request) -> dict[str, Any]:
        """PATCH /items/{id}: merge into the item as it is at the moment of the write."""
        item_id = request.item_id()
        preconditions = request.preconditions()
        patch = _of_item(item_id, request.patch())
        # What cannot be stored is rejected even if the item does not exist. Null removes an attribute.
        added = {name: value for name, value in attributes(patch).items() if patch[name] is not None}
        check_indexed(added, self._table.indexes)

        def write(current: Attributes | None, condition: Condition | None) -> Attributes:
            if current is None:
                raise HTTPError(404, "Not found")
            merged = check_indexed(merge(current, patch), self._table.indexes)
            try:
                return self._table.put(merged, condition, request.deadline)[0]
            except UnavailableError as unavailable:
                # Patching again could undo another write.
                raise UnavailableError(MAYBE_APPLIED) if unavailable.maybe_applied else unavailable from None

        stored = self._change(request, item_id, preconditions, write, must_exist=True)
        return item_reply(200, stored, tag_of(stored))

    def delete(self, request: Request) -> dict[str, Any]:
        """DELETE /items/{id}: also succeeds if the item does not exist."""
        item_id, preconditions = request.item_id(), request.preconditions()

        def write(_: Attributes | None, condition: Condition | None) -> None:
            self._table.delete(item_id, condition, request.deadline)

        self._change(request, item_id, preconditions, write)
        return {"statusCode": 204}

    def _put(
        self, request: Request, item: Attributes, preconditions: Preconditions
    ) -> tuple[Attributes, Attributes | None]:
        """Write an item. Returns it as it is stored, and the item that it replaced, if any."""
        check_indexed(item, self._table.indexes)

        def write(current: Attributes | None, condition: Condition | None) -> tuple[Attributes, Attributes | None]:
            stored, replaced = self._table.put(item, condition, request.deadline)
            return stored, replaced or current

        return self._change(request, item["itemId"]["S"], preconditions, write)

    def _change(
        self,
        request: Request,
        item_id: str,
        preconditions: Preconditions,
        write: Callable[[Attributes | None, Condition | None], T],
        *,
        must_exist: bool = False,
    ) -> T:
        """Read the item, and write on condition that it is unchanged; after a conflict, continue from the current item.

        If the current item is not needed, it is not read, and `write` gets None instead. Each conflict means that
        another write has succeeded, so this ends, at the latest at the deadline.
        """
        if not (must_exist or preconditions.have_tags):
            return write(None, preconditions.condition())
        current = self._table.get(item_id, request.deadline)
        while True:
            if current is not None or not must_exist:
                _check(preconditions, current)
            try:
                return write(current, unchanged(current))
            except ConditionError as conflict:
                if conflict.maybe_applied:
                    # Writing again could undo the write that has followed.
                    if must_exist:
                        raise UnavailableError(MAYBE_APPLIED) from None
                    raise
                if time.monotonic() > request.deadline:
                    raise UnavailableError(conflict.cause) from None
                current = conflict.item

    def _answer(self, request: Request) -> dict[str, Any]:
        operation = self._operations.get(request.route)
        if operation is not None:
            return operation(request)
        path = request.route.partition(" ")[2]
        allowed = [method for method, _, known_path in (route.partition(" ") for route in ROUTES) if known_path == path]
        if allowed:
            raise HTTPError(405, "Method not allowed", {"allow": ", ".join(allowed)})
        raise HTTPError(404, "Not found")

    def _collect(self, page: Page, deadline: float) -> tuple[list[str], str | None]:
        """Return the JSON texts of a page, and the id to continue after, or None at the end.

        It requests one item more than the page holds, to know whether to link to a next page.
        """
        texts: list[str] = []
        size = 0
        last = page.after
        while True:
            found, more_after = self._table.page(page.limit + 1 - len(texts), page.match, last, deadline)
            for item in found:
                item.pop(REVISION, None)
                text = json_text(item)
                # The body is a string within Lambda's JSON reply: escaped quotes and backslashes add to its size.
                size += len(json.dumps(text))
                if len(texts) == page.limit or (texts and size > MAX_PAGE_BYTES):
                    return texts, last
                texts.append(text)
                last = item["itemId"]["S"]
            if more_after is None:
                return texts, None
            last = more_after
            if time.monotonic() + SCAN_SECONDS > deadline:
                return texts, last

    def _report(self, request: Request, status: int, seconds: float, cause: str | None) -> None:
        self._log(log_line(request.route, status, seconds, request.request_id, cause, cold=self._cold))
        self._cold = False


def log_line(route: str, status: int, seconds: float, request_id: Any, cause: str | None, *, cold: bool) -> str:
    """One JSON line that contains no data from a path, a body or an item.

    Every request writes one, and encoding a dictionary would take three times as long.
    """
    method, key = (f'"{route.partition(" ")[0]}"', f'"{route}"') if route in ROUTES else ("null", "null")
    error = "" if cause is None else f', "error": {json.dumps(cause)}'
    return (
        f'{{"method": {method}, "route": {key}, "status": {status}, "ms": {round(seconds * 1000, 1)}, '
        f'"requestId": {json.dumps(request_id)}, "cold": {"true" if cold else "false"}{error}}}\n'
    )


def _new_id() -> str:
    """Generate a random UUID (RFC 9562, version 4). `uuid` is slow to import."""
    digits = f"{int.from_bytes(os.urandom(16), 'big') & ~(0xF << 76) & ~(0x3 << 62) | (0x4 << 76) | (0x2 << 62):032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _location_of(item_id: str) -> str:
    """The path of an item. Dot segments are escaped, because clients would remove them."""
    return ITEM_PATH + (item_id.replace(".", "%2E") if item_id in {".", ".."} else percent_encoded(item_id))


def _seconds_left(context: object) -> float:
    remaining = getattr(context, "get_remaining_time_in_millis", None)
    return MAX_SECONDS if remaining is None else min(MAX_SECONDS, remaining() / 1000 - RESERVE_SECONDS)


def _of_item(item_id: str, document: dict[str, Any]) -> dict[str, Any]:
    """The body of a request for this item. It may repeat the id."""
    if document.get("itemId", item_id) != item_id:
        raise HTTPError(400, "The itemId in the body does not match the id in the path")
    return document


def _check(preconditions: Preconditions, item: Attributes | None) -> None:
    tag = None if item is None else tag_of(item)
    if not (preconditions.matches(tag) and preconditions.differs(tag)):
        raise _not_met(item)


def _not_met(item: Attributes | None) -> ConditionError:
    return ConditionError("PreconditionFailed", item, maybe_applied=False)


def _location(bug: BaseException) -> str:
    trace = bug.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_globals.get('__name__')}:{trace.tb_lineno}" if trace else "?"


def _print(line: str) -> None:
    sys.stdout.write(line)


_api = Api(Table(TABLE_NAME, Client.from_environment(os.environ), INDEXES), _print)


def handler(event: object, context: object) -> dict[str, Any]:
    """The entry point, configured in Lambda as `handler.index.handler`."""
    return _api.handle(event, context)
