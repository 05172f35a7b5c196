"""A fake of a deployed API that keeps its items in memory and can be made to violate the contract."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import parse_qs, quote, unquote, urlsplit

import pytest

from items_api.smoke.curl import Request, Response

Change = Callable[[Request, Response], Response]


class ItemsApi:
    """Answers requests according to the contract, and then applies `change` to the response.

    Items are stored as the text that was sent, which keeps numbers exact.
    """

    def __init__(self) -> None:
        self.items: dict[str, str] = {}
        self.requests: list[Request] = []
        self.change: Change = lambda _, response: response
        self.origins: tuple[str, ...] = ("*",)
        self.prefix = ""

    def __call__(self, request: Request) -> Response:
        self.requests.append(request)
        return self.change(request, self._answer(request))

    def _answer(self, request: Request) -> Response:
        headers = dict(request.headers)
        parts = urlsplit(request.url)
        id_ = unquote(parts.path.removeprefix(f"{self.prefix}/items").removeprefix("/"))
        reply = self._preflight() if request.method == "OPTIONS" else self._route(request, id_, parts.query, headers)
        if headers.get("origin") in self.origins or "*" in self.origins:
            allowed = {"access-control-allow-origin": self.origins[0], "access-control-expose-headers": "link,location"}
            reply = replace(reply, headers={**reply.headers, **allowed})
        return reply

    def _preflight(self) -> Response:
        allow = {"access-control-allow-methods": "GET,POST,PUT,DELETE"}
        allow |= {"access-control-allow-headers": "content-type,if-match,if-none-match"}
        return Response(204, allow, b"", 1.0)

    def _route(self, request: Request, id_: str, query: str, headers: dict[str, str]) -> Response:
        if request.method == "GET":
            return self._get(id_) if id_ else self._list({key: value[0] for key, value in parse_qs(query).items()})
        if request.method == "POST":
            return self._write(id_, request.body or "", headers, (201, 201))
        if request.method == "PUT":
            return self._write(id_, request.body or "", headers, (201, 200))
        if headers.get("if-match") and id_ not in self.items:
            return rejection(412)
        self.items.pop(id_, None)
        return Response(204, {}, b"", 1.0)

    def _get(self, id_: str) -> Response:
        if id_ not in self.items:
            return Response(404, {}, b'{"error": "Not found"}', 1.0)
        return Response(200, {}, self.items[id_].encode(), 1.0)

    def _list(self, query: dict[str, str]) -> Response:
        limit, start = int(query.get("limit", "1000")), int(query.get("next", "0"))
        if limit < 1:
            return rejection(400)
        ids = sorted(self.items)
        more = {"link": f'</items?limit={limit}&next={start + limit}>; rel="next"'} if start + limit < len(ids) else {}
        page = ",".join(self.items[id_] for id_ in ids[start : start + limit])
        return Response(200, more, f"[{page}]".encode(), 1.0)

    def _write(self, id_: str, text: str, headers: dict[str, str], created_replaced: tuple[int, int]) -> Response:
        try:
            item = json.loads(text)
        except ValueError:
            return rejection(400)
        if not isinstance(item, dict) or re.search(r"\d{39}", text):
            return rejection(400)
        if "itemId" not in item:
            item_id = id_ or f"new-{len(self.requests)}"
            text = f'{{"itemId":"{item_id}",{text[1:]}'
        else:
            item_id = item["itemId"]
        if not isinstance(item_id, str) or (id_ and item_id != id_):
            return rejection(400)
        exists = item_id in self.items
        if ("if-none-match" if exists else "if-match") in headers:
            return rejection(412)
        self.items[item_id] = text
        location = {"location": f"/items/{quote(item_id, safe='')}"}
        return Response(created_replaced[exists], location, text.encode(), 1.0)


def rejection(status: int) -> Response:
    return Response(status, {}, b'{"error": "Invalid request"}', 1.0)


@pytest.fixture
def items_api() -> ItemsApi:
    return ItemsApi()
