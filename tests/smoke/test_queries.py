"""The checks of an API with indexes."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from items_api.smoke.curl import Request, Response
from items_api.smoke.run import Check, smoke
from tests.smoke.conftest import Change, ItemsApi, on

FINDS = "GET /items?owner= returns the items with this value"
NUMBER, EMPTY = "POST rejects a number as owner", "POST rejects an empty owner"


def checks(api: ItemsApi, *indexes: str, sleep: Callable[[float], None] = lambda _: None) -> dict[str, Check]:
    return {check.name: check for check in smoke("https://api.example", wait=0, http=api, indexes=indexes, sleep=sleep)}


def test_each_index_has_three_checks_which_an_api_with_these_indexes_passes() -> None:
    done = checks(ItemsApi("owner", "status"), "owner", "status")
    assert [check.name for check in done.values() if not check.ok] == []
    assert {FINDS, NUMBER, EMPTY, *(name.replace("owner", "status") for name in (FINDS, NUMBER, EMPTY))} < done.keys()


def scans(request: Request, response: Response) -> Response:
    """Returns items with other values, too."""
    found = request.method == "GET" and "?owner=" in request.url
    return replace(response, body=b'[{"itemId":"a"},{"itemId":"b"}]', headers={}) if found else response


VIOLATIONS: dict[str, tuple[Change, str]] = {
    FINDS: (scans, "items: expected ["),
    NUMBER: (on("POST", "/items", sent='"owner":5', status=500, body=b"{}"), "expected 400, got 500 {}"),
    EMPTY: (
        on("POST", "/items", sent='"owner":""', status=400, body=b'{"error":"no"}'),
        "expected an error that names owner, got no",
    ),
}


@pytest.mark.parametrize("name", VIOLATIONS)
def test_a_violation_is_detected_and_reported(name: str) -> None:
    api = ItemsApi("owner")
    api.change, detail = VIOLATIONS[name]
    failed = checks(api, "owner")[name]
    assert not failed.ok
    assert failed.detail.startswith(detail)


def test_an_index_that_lags_behind_is_waited_for() -> None:
    api = ItemsApi("owner")
    pauses: list[float] = []

    def lags(request: Request, response: Response) -> Response:
        is_query = request.method == "GET" and "?owner=" in request.url
        return replace(response, body=b"[]", headers={}) if is_query and len(pauses) < 3 else response

    api.change = lags
    assert checks(api, "owner", sleep=pauses.append)[FINDS].ok
    assert pauses == [0.5] * 3


def test_an_index_that_never_shows_the_items_fails_after_ten_attempts() -> None:
    api = ItemsApi("owner")
    pauses: list[float] = []
    api.change = on("GET", "?owner=", body=b"[]", headers={})
    assert not checks(api, "owner", sleep=pauses.append)[FINDS].ok
    assert len(pauses) == 9


def test_the_test_items_of_all_checks_are_deleted() -> None:
    api = ItemsApi("owner")
    checks(api, "owner")
    assert api.items == {}


@pytest.mark.parametrize("attribute", ["name", "size", "n", "tags", "color", "suffix", "self", "tenth", "a.b-c_d"])
def test_every_attribute_can_have_an_index(attribute: str) -> None:
    """The items of the other checks have no other value than text in it."""
    assert [check.name for check in checks(ItemsApi(attribute), attribute).values() if not check.ok] == []
