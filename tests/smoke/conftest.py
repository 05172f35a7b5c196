"""A fake of a deployed API that keeps its items in memory and can be made to violate the contract."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from items_api.handler.dynamodb import ABSENT, EXISTS, ConditionError, Table
from items_api.handler.index import Api
from items_api.handler.item import attributes, json_text, parse
from items_api.smoke.curl import Request, Response
from tests.handler.conftest import Gateway

Change = Callable[[Request, Response], Response]


class MemoryTable(Table):
    """Keeps items as JSON text, in the order in which they were created."""

    name = "Items"

    def __init__(self, items: dict[str, str]) -> None:
        self.items = items

    def get(self, item_id: str, _: float = 0) -> dict[str, Any] | None:
        return attributes(parse(self.items[item_id])) if item_id in self.items else None

    def put(self, item: dict[str, Any], condition: str | None, _: float) -> dict[str, Any] | None:
        item_id = item["itemId"]["S"]
        replaced = self.get(item_id)
        if condition == (ABSENT if replaced else EXISTS):
            raise ConditionError(condition)
        self.items[item_id] = json_text(item)
        return replaced

    def delete(self, item_id: str, condition: str | None, _: float) -> None:
        if self.items.pop(item_id, None) is None and condition == EXISTS:
            raise ConditionError(condition)

    def scan(self, limit: int, after: str | None, _: float) -> tuple[list[dict[str, Any]], str | None]:
        ids = list(self.items)
        start = ids.index(after) + 1 if after else 0
        page = [attributes(parse(self.items[item_id])) for item_id in ids[start : start + limit]]
        return page, ids[start + limit - 1] if start + limit < len(ids) else None


class ItemsApi:
    """Answers requests with the handler, adds the gateway's CORS headers, and applies `change` to the response.

    The first requests fail with `failures`, one each.
    """

    def __init__(self) -> None:
        self.items: dict[str, str] = {}
        self.gateway = Gateway(Api(MemoryTable(self.items), lambda _: None))
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
        cors = {"access-control-allow-origin": self.origin, "access-control-expose-headers": "link,location"}
        if self.origin not in ("*", sent.get("origin")):
            cors = {}
        if request.method == "OPTIONS":
            cors["access-control-allow-methods"] = "GET,POST,PUT,DELETE"
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
