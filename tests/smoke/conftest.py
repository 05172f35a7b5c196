"""A fake of a deployed API that keeps its items in memory and can be made to violate the contract."""

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from items_api.handler.index import Api
from items_api.handler.item import attributes, json_text, parse
from items_api.handler.table import ABSENT, EXISTS, REVISION, Condition, ConditionError, Table, unchanged
from items_api.smoke.curl import Request, Response
from tests.handler.conftest import Gateway

Attribute = dict[str, Any]
Attributes = dict[str, Attribute]
_NUMBERS = itertools.count(1)
Change = Callable[[Request, Response], Response]


class MemoryTable(Table):
    """Keeps items as JSON text, in the order in which they were created, and the revisions of those that it wrote."""

    name = "Items"

    def __init__(self, items: dict[str, str], indexes: Mapping[str, str]) -> None:
        self.items = items
        self.indexes = indexes
        self._revisions: dict[str, Attribute] = {}

    def get(self, item_id: str, _: float = 0) -> Attributes | None:
        text = self.items.get(item_id)
        if text is None:
            return None
        revision = self._revisions.get(text)
        return attributes(parse(text)) | ({REVISION: revision} if revision else {})

    def put(self, item: Attributes, condition: Condition | None, _: float) -> tuple[Attributes, Attributes | None]:
        replaced = self._checked(item["itemId"]["S"], condition)
        visible = {name: value for name, value in item.items() if name != REVISION}
        text = self.items[item["itemId"]["S"]] = json_text(visible)
        revision = self._revisions[text] = {"S": f"r{next(_NUMBERS)}"}
        return {**visible, REVISION: revision}, replaced

    def delete(self, item_id: str, condition: Condition | None, _: float) -> None:
        self._checked(item_id, condition)
        self.items.pop(item_id, None)

    def page(
        self, limit: int, match: tuple[str, str] | None, after: str | None, _: float
    ) -> tuple[list[Attributes], str | None]:
        ids = [i for i, text in self.items.items() if not match or json.loads(text).get(match[0]) == match[1]]
        start = ids.index(after) + 1 if after else 0
        page = [attributes(parse(self.items[item_id])) for item_id in ids[start : start + limit]]
        return page, ids[start + limit - 1] if start + limit < len(ids) else None

    def _checked(self, item_id: str, condition: Condition | None) -> Attributes | None:
        current = self.get(item_id)
        holds = {
            EXISTS.expression: current is not None,
            ABSENT.expression: current is None,
            "#r = :r": current is not None and condition is not None and current.get(REVISION) == condition.revision,
            unchanged({}).expression: current is not None and REVISION not in current,
        }
        if condition is not None and not holds[condition.expression]:
            raise ConditionError("ConditionalCheckFailedException", current, maybe_applied=False)
        return current


class ItemsApi:
    """Answers requests with the handler, adds the gateway's CORS headers, and applies `change` to the response.

    The first requests fail with `failures`, one each.
    """

    def __init__(self, *indexes: str) -> None:
        self.items: dict[str, str] = {}
        names = {attribute: f"{attribute}-index" for attribute in indexes}
        self.gateway = Gateway(Api(MemoryTable(self.items, names), lambda _: None))
        self.failures: Iterator[Response | Exception] = iter(())
        self.requests: list[Request] = []
        self.change: Change = lambda _, response: response
        self.origin = "*"
        self.prefix = ""

    def __call__(self, request: Request) -> Response:
        failure = next(self.failures, None)
        if isinstance(failure, Exception):
            raise failure
        if failure:
            return failure
        self.requests.append(request)
        return self.change(request, self._answer(request))

    def _answer(self, request: Request) -> Response:
        sent, url = dict(request.headers), urlsplit(request.url)
        cors = {"access-control-allow-origin": self.origin, "access-control-expose-headers": "etag,link,location"}
        if self.origin not in ("*", sent.get("origin")):
            cors = {}
        if request.method == "OPTIONS":
            cors["access-control-allow-methods"] = "GET,POST,PUT,PATCH,DELETE"
            cors["access-control-allow-headers"] = "content-type,if-match,if-none-match"
            return Response(204, cors, b"", 1.0)
        path, query = url.path.removeprefix(self.prefix), dict(parse_qsl(url.query))
        reply = self.gateway(request.method, path, request.body, sent, query=query)
        return Response(reply.status, {**reply.headers, **cors}, reply.text.encode(), 1.0)


def on(method: str, url: str, *, sent: str = "", header: str = "", **changes: Any) -> Change:
    """Change the responses to requests with this method whose URL, body and header names contain these strings."""

    def change(request: Request, response: Response) -> Response:
        matches = request.method == method and url in request.url and sent in (request.body or "")
        return replace(response, **changes) if matches and header in dict(request.headers) | {"": ""} else response

    return change


@pytest.fixture
def items_api() -> ItemsApi:
    return ItemsApi()
