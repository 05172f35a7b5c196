"""Each check passes for an API that implements the contract, and fails for one that violates its claim."""

import re
from dataclasses import replace

import pytest

from items_api.smoke.contract import CLAIMS
from items_api.smoke.curl import Request, Response
from items_api.smoke.run import Check, smoke
from tests.smoke.conftest import Change, ItemsApi, on

NAMES = [claim.name for claim in CLAIMS]
OTHER_ITEM = b'{"itemId":"other"}'


def checks(api: ItemsApi) -> dict[str, Check]:
    return {check.name: check for check in smoke("https://api.example", wait=0, http=api)}


def form_posts_fail(request: Request, response: Response) -> Response:
    """As with the tutorial's handler, which does not decode the base64 that it gets for a plain `curl -d`."""
    plain = request.method == "POST" and not request.headers
    return replace(response, status=500, body=b'{"message":"Internal Server Error"}') if plain else response


VIOLATIONS: dict[str, tuple[Change, str]] = {
    "POST from the tutorial creates item 1": (
        form_posts_fail,
        'expected 201, got 500 {"message":"Internal Server Error"}',
    ),
    "GET from the tutorial returns item 1": (on("GET", "/items/1", status=200, body=b"[]"), "expected item 1, got []"),
    "POST creates an item and returns its location": (
        on("POST", "/items", sent="-create", headers={}),
        "Location: expected /items/smoke-RUN-create, got None",
    ),
    "POST without an itemId generates one": (
        on("POST", "/items", sent="nameless", body=b'{"name":"nameless"}'),
        'expected an item with an itemId, got {"name":"nameless"}',
    ),
    "GET returns an item": (
        on("GET", "-read", body=OTHER_ITEM),
        "body: expected {'itemId': 'smoke-RUN-read', 'name': 'Gadget'}, got {'itemId': 'other'}",
    ),
    "GET returns 404 for a missing item": (
        on("GET", "-missing", status=200, body=b"null"),
        "expected 404, got 200 null",
    ),
    "GET /items lists a new item": (
        on("GET", "limit=1000", body=b"[]"),
        "expected smoke-RUN-list in the list, but no page contains it",
    ),
    "GET /items returns pages": (
        on("GET", "limit=1", headers={}),
        'expected a Link header with rel="next", because there are at least two items; got none',
    ),
    "PUT replaces an item": (
        on("GET", "-replace", body=OTHER_ITEM),
        "item: expected {'itemId': 'smoke-RUN-replace', 'name': 'new'}, got {'itemId': 'other'}",
    ),
    "PUT creates an item": (
        on("PUT", "-put", status=200),
        'expected 201, got 200 {"itemId":"smoke-RUN-put","name":"new"}',
    ),
    "PUT rejects a different itemId in the body": (
        on("PUT", "-mismatch", sent="-other", status=200, body=b"{}"),
        "expected 400, got 200 {}",
    ),
    "PATCH merges into an item and keeps the rest": (
        on("PATCH", "-patch", body=b'{"itemId":"x","name":"new"}'),
        "body: expected {'itemId': 'smoke-RUN-patch', 'name': 'new', 'smoke:size': {'h': 3}}, got ",
    ),
    "PATCH of a missing item returns 404 and creates nothing": (
        on("PATCH", "-patch-missing", status=201, body=b"{}"),
        "expected 404, got 201 {}",
    ),
    "If-Match with an old ETag protects a newer item": (
        on("PUT", "-tag", header="if-match", status=200, body=b"{}"),
        "expected 412, got 200 {}",
    ),
    "If-None-Match with the current ETag returns 304": (
        on("GET", "-unmodified", header="if-none-match", status=200, body=b"{}"),
        "expected 304, got 200 {}",
    ),
    "DELETE deletes an item and returns 204 even if it is missing": (
        on("DELETE", "-delete", body=b"{}"),
        "body: expected nothing, got {}",
    ),
    "POST rejects malformed JSON": (
        on("POST", "/items", sent='{"itemId":', header="content-type", status=400, body=b'{"message":"no"}'),
        'expected {"error": "…"}, got {"message":"no"}',
    ),
    "POST rejects an array": (
        on("POST", "/items", sent="[1,2]", status=201, body=b"[1,2]"),
        "expected 400, got 201 [1,2]",
    ),
    "POST rejects a numeric itemId": (
        on("POST", "/items", sent=":5}", status=502, body=b""),
        "expected 400, got 502 nothing",
    ),
    "GET /items rejects limit=0": (on("GET", "limit=0", status=200, body=b"[]"), "expected 400, got 200 []"),
    "GET /items rejects an attribute without an index": (
        on("GET", "?smoke-", status=200, body=b"[]"),
        "expected 400, got 200 []",
    ),
    "If-None-Match: * protects an existing item": (
        on("PUT", "-once", header="if-none-match", status=200, body=b"{}"),
        "expected 412, got 200 {}",
    ),
    "If-Match: * requires an existing item": (
        on("DELETE", "-absent", header="if-match", status=204, body=b""),
        "expected 412, got 204 nothing",
    ),
    "POST stores numbers exactly": (
        on("GET", "-numbers", body=b'{"itemId":"x","tenth":0.1000000000000000055511151231257827}'),
        "item: expected {'itemId': 'smoke-RUN-numbers', 'smoke:digits': 12345678901234567890123456789012345678, ",
    ),
    "POST rejects a number with 39 digits": (
        on("POST", "/items", sent="-digits", status=201, body=b"1.1111111111111111e+38"),
        "expected 400, got 201 1.1111111111111111e+38",
    ),
    "GET returns an item with special characters in its id": (
        on("GET", "%E6", status=404, body=b'{"error":"Not found"}'),
        'expected 200, got 404 {"error"',
    ),
    "OPTIONS allows the CORS preflight request of a browser": (
        on(
            "OPTIONS",
            "/items",
            headers={"access-control-allow-origin": "*", "access-control-allow-methods": "GET,POST"},
        ),
        "access-control-allow-methods: expected DELETE, PATCH, PUT in the list, got GET, POST",
    ),
    "GET returns the CORS headers that a browser needs": (
        on("GET", "-missing", header="origin", headers={}),
        "access-control-allow-origin: expected * or https://items-api.example, got none",
    ),
}


def test_an_api_that_implements_the_contract_passes_every_check(items_api: ItemsApi) -> None:
    done = checks(items_api)
    assert [check.name for check in done.values() if not check.ok] == []
    assert list(done) == ["the API is ready", *NAMES, "the test items were deleted"]


@pytest.mark.parametrize("name", NAMES)
def test_a_violation_is_detected_and_reported(items_api: ItemsApi, name: str) -> None:
    items_api.change, detail = VIOLATIONS[name]
    failed = checks(items_api)[name]
    assert not failed.ok
    assert re.sub(r"smoke-[0-9a-f]{12}", "smoke-RUN", failed.detail).startswith(detail)


def test_an_api_without_tags_fails_the_checks_of_tags(items_api: ItemsApi) -> None:
    items_api.change = lambda _, response: replace(
        response, headers={name: value for name, value in response.headers.items() if name != "etag"}
    )
    failed = {check.name: check.detail for check in checks(items_api).values() if not check.ok}
    assert failed == {
        "If-Match with an old ETag protects a newer item": "GET returned no ETag",
        "If-None-Match with the current ETag returns 304": "GET returned no ETag",
    }


def test_a_write_despite_a_412_is_detected(items_api: ItemsApi) -> None:
    """The item is read again."""

    def write_anyway(request: Request, response: Response) -> Response:
        if response.status == 412 and request.body:
            items_api(replace(request, headers=()))
        return response

    items_api.change = write_anyway
    done = checks(items_api)
    assert not done["If-None-Match: * protects an existing item"].ok
    assert not done["If-Match: * requires an existing item"].ok


def test_numbers_rounded_to_a_float_are_detected(items_api: ItemsApi) -> None:
    items_api.change = lambda _, response: replace(response, body=response.body.replace(b"9012345678,", b"9012345680,"))
    assert not checks(items_api)["POST stores numbers exactly"].ok


@pytest.mark.parametrize(
    ("count", "detail"), [(2500, "on page 3"), (51_000, "not on the first 50 pages of a large table")]
)
def test_at_most_50_pages_of_a_list_are_followed(items_api: ItemsApi, count: int, detail: str) -> None:
    items_api.items |= {f"a{number:05}": f'{{"itemId":"a{number:05}"}}' for number in range(count)}
    found = checks(items_api)["GET /items lists a new item"]
    assert (found.ok, found.detail) == (True, detail)


@pytest.mark.parametrize(
    ("allowed", "sent"),
    [
        ("https://app.example.com", "https://app.example.com"),
        ("https://*", "https://items-api.example"),
        ("http://*", "http://items-api.example"),
        ("*", "https://items-api.example"),
    ],
)
def test_an_allowed_origin_is_sent(items_api: ItemsApi, allowed: str, sent: str) -> None:
    items_api.origin = sent
    assert all(check.ok for check in smoke("https://api.example", wait=0, http=items_api, cors_origins=[allowed]))
    assert {dict(request.headers).get("origin") for request in items_api.requests} == {None, sent}
