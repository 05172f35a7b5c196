"""An API that keeps the contract, in memory, and can be made to break it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote, unquote, urlsplit

import pytest

from items_api.smoke.curl import Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable

    Bend = Callable[[Request, Response], Response]


class ItemsApi:
    """Stands for a deployed API: called with a Request, it answers as the contract says, then `bend` may spoil it.

    Items are kept as the text that came, so numbers are exact without any effort.
    """

    def __init__(self) -> None:
        self.items: dict[str, str] = {}
        self.requests: list[Request] = []
        self.bend: Bend = lambda _, response: response
        self.origins: tuple[str, ...] = ("*",)
        self.prefix = ""

    def __call__(self, request: Request) -> Response:
        self.requests.append(request)
        return self.bend(request, self._answer(request))

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
            return refusal(412)
        self.items.pop(id_, None)
        return Response(204, {}, b"", 1.0)

    def _get(self, id_: str) -> Response:
        if id_ not in self.items:
            return Response(404, {}, b'{"error": "Not found"}', 1.0)
        return Response(200, {}, self.items[id_].encode(), 1.0)

    def _list(self, query: dict[str, str]) -> Response:
        limit, start = int(query.get("limit", "1000")), int(query.get("next", "0"))
        if limit < 1:
            return refusal(400)
        ids = sorted(self.items)
        more = {"link": f'</items?limit={limit}&next={start + limit}>; rel="next"'} if start + limit < len(ids) else {}
        page = ",".join(self.items[id_] for id_ in ids[start : start + limit])
        return Response(200, more, f"[{page}]".encode(), 1.0)

    def _write(self, id_: str, text: str, headers: dict[str, str], created_replaced: tuple[int, int]) -> Response:
        try:
            item = json.loads(text)
        except ValueError:
            return refusal(400)
        if not isinstance(item, dict) or re.search(r"\d{39}", text):
            return refusal(400)
        if "itemId" not in item:
            made = id_ or f"made-{len(self.requests)}"
            text = f'{{"itemId":"{made}",{text[1:]}'
        else:
            made = item["itemId"]
        if not isinstance(made, str) or (id_ and made != id_):
            return refusal(400)
        there = made in self.items
        if (there and "if-none-match" in headers) or (not there and "if-match" in headers):
            return refusal(412)
        self.items[made] = text
        location = {"location": f"/items/{quote(made, safe='')}"}
        return Response(created_replaced[there], location, text.encode(), 1.0)


def refusal(status: int) -> Response:
    return Response(status, {}, b'{"error": "that is not how it is done"}', 1.0)


@pytest.fixture
def items_api() -> ItemsApi:
    return ItemsApi()
