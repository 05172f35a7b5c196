"""Each claim holds for an API that keeps the contract, and fails for one that breaks it just there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from items_api.smoke import Check, smoke
from items_api.smoke.contract import CLAIMS

if TYPE_CHECKING:
    from collections.abc import Callable

    from items_api.smoke.curl import Request, Response
    from tests.smoke.conftest import ItemsApi

    Bend = Callable[[Request, Response], Response]

NAMES = [name for name, _ in CLAIMS]
OTHER_ITEM = b'{"itemId":"other"}'


def checks(api: ItemsApi) -> dict[str, Check]:
    return {check.name: check for check in smoke("https://api.example", wait=0, http=api)}


def on(method: str, url: str, *, sent: str = "", header: str = "", **changes: Any) -> Bend:
    """Spoils the responses to requests of a method whose URL, body and header names hold these parts."""

    def bend(request: Request, response: Response) -> Response:
        matches = request.method == method and url in request.url and sent in (request.body or "")
        return replace(response, **changes) if matches and header in dict(request.headers) | {"": ""} else response

    return bend


def form_posts_fail(request: Request, response: Response) -> Response:
    """The tutorial's own fault: its handler does not decode what plain `curl -d` sends."""
    plain = request.method == "POST" and not request.headers
    return replace(response, status=500, body=b'{"message":"Internal Server Error"}') if plain else response


VIOLATIONS: list[tuple[str, Bend, str]] = [
    (
        "the tutorial's POST creates item 1",
        form_posts_fail,
        'expected 201, got 500 {"message":"Internal Server Error"}',
    ),
    (
        "the tutorial's GET reads it",
        on("GET", "/items/1", status=200, body=b"[]"),
        "expected item 1, got []",
    ),
    (
        "POST creates and says where",
        on("POST", "/items", sent="-create", headers={}),
        "Location: expected /items/smoke-RUN-create, got None",
    ),
    (
        "POST without an itemId makes one",
        on("POST", "/items", sent="nameless", body=b'{"name":"nameless"}'),
        'expected an item with an itemId, got {"name":"nameless"}',
    ),
    (
        "GET reads",
        on("GET", "-read", body=OTHER_ITEM),
        "body: expected {'itemId': 'smoke-RUN-read', 'name': 'Gadget'}, got {'itemId': 'other'}",
    ),
    (
        "GET of a missing item is 404",
        on("GET", "-nobody", status=200, body=b"null"),
        "expected 404, got 200 null",
    ),
    (
        "GET lists until it is found",
        on("GET", "limit=1000", body=b"[]"),
        "expected smoke-RUN-list in the list, got to its end without it",
    ),
    (
        "GET lists in pages",
        on("GET", "limit=1", headers={}),
        'expected a Link with rel="next", for there are at least two items; got none',
    ),
    (
        "PUT replaces",
        on("GET", "-replace", body=OTHER_ITEM),
        "item: expected {'itemId': 'smoke-RUN-replace', 'name': 'new'}, got {'itemId': 'other'}",
    ),
    ("PUT creates", on("PUT", "-put", status=200), 'expected 201, got 200 {"itemId":"smoke-RUN-put","name":"new"}'),
    (
        "PUT with another itemId is refused",
        on("PUT", "-mismatch", sent="-other", status=200, body=b"{}"),
        "expected 400, got 200 {}",
    ),
    ("DELETE twice is 204 twice", on("DELETE", "-delete", body=b"{}"), "body: expected nothing, got {}"),
    (
        "malformed JSON is refused",
        on("POST", "/items", sent='{"itemId":', header="content-type", status=400, body=b'{"message":"no"}'),
        'expected {"error": "…"}, got {"message":"no"}',
    ),
    (
        "an array is refused",
        on("POST", "/items", sent="[1,2]", status=201, body=b"[1,2]"),
        "expected 400, got 201 [1,2]",
    ),
    (
        "a number as itemId is refused",
        on("POST", "/items", sent=":5}", status=502, body=b""),
        "expected 400, got 502 nothing",
    ),
    ("limit=0 is refused", on("GET", "limit=0", status=200, body=b"[]"), "expected 400, got 200 []"),
    (
        "If-None-Match: * keeps what is there",
        on("PUT", "-once", header="if-none-match", status=200, body=b"{}"),
        "expected 412, got 200 {}",
    ),
    (
        "If-Match: * makes nothing new",
        on("DELETE", "-absent", header="if-match", status=204, body=b""),
        "expected 412, got 204 nothing",
    ),
    (
        "numbers come back exact",
        on("GET", "-numbers", body=b'{"itemId":"x","tenth":0.1000000000000000055511151231257827}'),
        "item: expected {'itemId': 'smoke-RUN-numbers', 'digits': 12345678901234567890123456789012345678, ",
    ),
    (
        "39 digits are refused",
        on("POST", "/items", sent="-digits", status=201, body=b"1.1111111111111111e+38"),
        "expected 400, got 201 1.1111111111111111e+38",
    ),
    (
        "an id may be any text",
        on("GET", "%E6", status=404, body=b'{"error":"Not found"}'),
        'expected 200, got 404 {"error"',
    ),
    (
        "a browser's preflight passes",
        on(
            "OPTIONS",
            "/items",
            headers={"access-control-allow-origin": "*", "access-control-allow-methods": "GET,POST"},
        ),
        "access-control-allow-methods: expected DELETE, PUT too, got GET, POST",
    ),
    (
        "a browser may read the reply",
        on("GET", "-nobody", header="origin", headers={}),
        "access-control-allow-origin: expected * or https://items-api.example, got none",
    ),
]


def test_an_api_that_keeps_the_contract_passes_every_check(items_api: ItemsApi) -> None:
    done = checks(items_api)
    assert [check.name for check in done.values() if not check.ok] == []
    assert list(done) == ["the endpoint answers", *NAMES, "what it wrote is gone again"]


@pytest.mark.parametrize(("name", "bend", "detail"), VIOLATIONS, ids=[name for name, _, _ in VIOLATIONS])
def test_a_breach_is_found_and_said(items_api: ItemsApi, name: str, bend: Bend, detail: str) -> None:
    items_api.bend = bend
    failed = checks(items_api)[name]
    assert not failed.ok
    run = failed.detail.replace(_run_of(items_api), "smoke-RUN")
    assert run.startswith(detail)


def _run_of(items_api: ItemsApi) -> str:
    """The prefix of all ids of the run: `smoke-` and 12 hex digits, as the probe's item shows it."""
    probe = next(request for request in items_api.requests if request.method == "PUT")
    return str(probe.url.rpartition("/")[2].removesuffix("-probe"))


def test_every_claim_has_a_breach_in_this_file() -> None:
    assert [name for name, _, _ in VIOLATIONS] == NAMES


def test_a_write_that_was_refused_and_done_all_the_same_is_found(items_api: ItemsApi) -> None:
    """412 alone proves little: the item is read again."""

    def write_anyway(request: Request, response: Response) -> Response:
        if response.status == 412 and request.body:
            items_api(replace(request, headers=()))
        return response

    items_api.bend = write_anyway
    done = checks(items_api)
    assert not done["If-None-Match: * keeps what is there"].ok
    assert not done["If-Match: * makes nothing new"].ok


def test_numbers_that_went_through_a_float_are_found(items_api: ItemsApi) -> None:
    items_api.bend = lambda _, response: replace(response, body=response.body.replace(b"9012345678,", b"9012345680,"))
    assert not checks(items_api)["numbers come back exact"].ok


def test_a_list_is_followed_over_its_pages(items_api: ItemsApi) -> None:
    items_api.items = {f"a{number:04}": f'{{"itemId":"a{number:04}"}}' for number in range(2500)}
    found = checks(items_api)["GET lists until it is found"]
    assert (found.ok, found.detail) == (True, "on page 3")


def test_a_very_large_list_is_not_read_to_its_end(items_api: ItemsApi) -> None:
    items_api.items = {f"a{number:05}": f'{{"itemId":"a{number:05}"}}' for number in range(51_000)}
    found = checks(items_api)["GET lists until it is found"]
    assert (found.ok, found.detail) == (True, "not among the first 50 pages of a large table")


def test_an_origin_that_the_stack_allows_is_sent(items_api: ItemsApi) -> None:
    items_api.origins = ("https://app.example.com",)
    run = smoke("https://api.example", wait=0, http=items_api, cors_origins=["https://app.example.com"])
    assert all(check.ok for check in run)


@pytest.mark.parametrize(
    ("allowed", "sent"), [("https://*.example.com", "https://smoke.example.com"), ("*", "https://items-api.example")]
)
def test_a_wildcard_becomes_an_origin_that_it_allows(items_api: ItemsApi, allowed: str, sent: str) -> None:
    list(smoke("https://api.example", wait=0, http=items_api, cors_origins=[allowed]))
    assert {dict(request.headers).get("origin") for request in items_api.requests} == {None, sent}
