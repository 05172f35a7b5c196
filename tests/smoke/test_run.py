"""A run waits until a new endpoint is ready, shows every request as a curl command, and deletes its test items."""

import re
import shlex
import socket
import ssl
from dataclasses import replace
from itertools import repeat

import pytest

from items_api.errors import InvalidSetting
from items_api.smoke.curl import Request, Response
from items_api.smoke.run import Check, smoke
from tests.smoke.conftest import ItemsApi, on

ENDPOINT = "https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com"
OTHER_ITEM_1 = '{"itemId":"1","name":"mine","n":1.50}'
NO_AUTHORIZATION = "The API requires authorization: add --token, or test the stack instead of --url."
UNTRUSTED = ssl.SSLCertVerificationError(1, "certificate verify failed")
UNTRUSTED.verify_message = "self-signed"


@pytest.fixture
def slept() -> list[float]:
    return []


def run(items_api: ItemsApi, slept: list[float], wait: float = 60, endpoint: str = ENDPOINT) -> list[Check]:
    """Run the checks with a clock that advances only by sleeping."""
    return list(smoke(endpoint, wait=wait, http=items_api, clock=lambda: sum(slept), sleep=slept.append))


@pytest.mark.parametrize(
    "failure",
    [
        Response(500, {}, b'{"message":"Internal Server Error"}', 1.0),
        Response(503, {}, b"", 1.0),
        Response(403, {}, b'{"message":"Forbidden"}', 1.0),
        Response(404, {}, b'{"message":"Not Found"}', 1.0),
        Response(429, {}, b'{"message":"Too Many Requests"}', 1.0),
        ConnectionRefusedError(111, "Connection refused"),
        TimeoutError("timed out"),
        socket.gaierror(-2, "Name or service not known"),
    ],
    ids=repr,
)
def test_it_waits_until_a_new_endpoint_is_ready(
    items_api: ItemsApi, slept: list[float], failure: Response | Exception
) -> None:
    items_api.failures = repeat(failure, 3)
    done = run(items_api, slept)
    assert all(check.ok for check in done)
    assert slept == [0.25, 0.5, 1.0]
    assert done[0].detail == "after 1.8 s"


@pytest.mark.parametrize("method", ["PUT", "GET", "DELETE"])
@pytest.mark.parametrize(
    "failure",
    [Response(500, {}, b'{"error":"AccessDenied"}', 1.0), Response(404, {}, b'{"message":"Not Found"}', 1.0)],
    ids=["the role's permissions", "the route"],
)
def test_it_waits_until_every_method_works_with_one_item(
    items_api: ItemsApi, slept: list[float], method: str, failure: Response
) -> None:
    """Each can take effect later than the route that lists items."""
    failures = repeat(failure, 2)
    items_api.change = lambda request, ok: (
        next(failures, ok) if request.method == method and "/items/" in request.url else ok
    )
    done = run(items_api, slept)
    assert [check.name for check in done if not check.ok] == []
    assert slept == [0.25, 0.5]


@pytest.mark.parametrize(
    ("failure", "endpoint", "detail"),
    [
        (
            Response(401, {}, b"no token", 1.0),
            ENDPOINT,
            f"expected 200, got 401 no token. {NO_AUTHORIZATION}",
        ),
        (Response(404, {}, b"<h1>nginx</h1>", 1.0), ENDPOINT, "expected 200, got 404 <h1>nginx</h1>"),
        (
            socket.gaierror(-2, "Name or service not known"),
            "https://api.exampel",
            "The host name does not resolve. The remaining checks were skipped.",
        ),
        (UNTRUSTED, ENDPOINT, "The TLS certificate is not trusted: self-signed. The remaining checks were skipped."),
    ],
    ids=["needs a token", "another server", "a typo", "an untrusted certificate"],
)
def test_a_permanent_error_is_reported_immediately_and_nothing_is_written(
    items_api: ItemsApi, slept: list[float], failure: Response | Exception, endpoint: str, detail: str
) -> None:
    items_api.failures = repeat(failure, 1)
    [only] = run(items_api, slept, endpoint=endpoint)
    assert (only.name, only.ok, only.detail) == ("the API is ready", False, detail)
    assert (slept, items_api.requests) == ([], [])


def test_an_endpoint_that_never_becomes_ready_fails_one_check(items_api: ItemsApi, slept: list[float]) -> None:
    items_api.failures = repeat(ConnectionRefusedError(111, "Connection refused"))
    [only] = run(items_api, slept, wait=10)
    assert only == Check(
        name="the API is ready",
        ok=False,
        status=None,
        ms=0.0,
        curl=f"curl -i '{ENDPOINT}/items?limit=1'",
        detail="The connection was refused. The remaining checks were skipped.",
    )
    assert 5 < sum(slept) <= 10


def test_a_lost_endpoint_ends_the_run_and_the_remaining_items_are_reported(
    items_api: ItemsApi, slept: list[float]
) -> None:
    def disconnect(_: Request, response: Response) -> Response:
        if any("-read" in request.url for request in items_api.requests):
            raise ConnectionResetError(104, "Connection reset by peer")
        return response

    items_api.change = disconnect
    *before, last, end = run(items_api, slept)
    assert all(check.ok for check in before)
    assert (last.name, last.status) == ("GET returns an item", None)
    assert last.detail == "The connection failed: Connection reset by peer. The remaining checks were skipped."
    assert (end.name, end.ok) == ("the test items were deleted", False)
    assert set(end.detail.removeprefix("could not delete ").split(", ")) >= set(items_api.items)


def test_a_check_that_fails_during_setup_shows_the_failed_request(items_api: ItemsApi, slept: list[float]) -> None:
    items_api.change = on("PUT", "-mismatch", status=507, body=b"", ms=2.0)
    [failed] = [check for check in run(items_api, slept) if not check.ok]
    assert (failed.name, failed.status, failed.ms) == ("PUT rejects a different itemId in the body", 507, 2.0)
    assert failed.detail == "expected 200 or 201, got 507 nothing"
    assert failed.curl.startswith(f"curl -i -X PUT {ENDPOINT}/items/smoke-")


def test_a_run_that_is_closed_early_deletes_its_items(items_api: ItemsApi) -> None:
    checks = smoke(ENDPOINT, http=items_api)
    while next(checks).name != "GET /items returns pages":
        pass
    assert items_api.items
    checks.close()
    assert items_api.items == {}


@pytest.mark.parametrize(("method", "part"), [("PUT", "-replace"), ("DELETE", "-page-1")], ids=["check", "cleanup"])
def test_an_interrupted_run_deletes_its_items(items_api: ItemsApi, slept: list[float], method: str, part: str) -> None:
    """Ctrl-C is pressed after a request is processed and before its response is read."""

    def interrupt(request: Request, response: Response) -> Response:
        if request.method == method and part in request.url and items_api.requests.count(request) == 1:
            raise KeyboardInterrupt
        return response

    items_api.change = interrupt
    with pytest.raises(KeyboardInterrupt):
        run(items_api, slept)
    assert items_api.items == {}


def test_an_item_that_cannot_be_deleted_is_reported(items_api: ItemsApi, slept: list[float]) -> None:
    items_api.change = on("DELETE", "-page-1", status=503)
    *_, end = run(items_api, slept)
    assert not end.ok
    assert re.fullmatch(r"could not delete smoke-\w+-page-1", end.detail)


def test_a_probe_that_cannot_be_deleted_is_reported_too(items_api: ItemsApi, slept: list[float]) -> None:
    items_api.change = on("DELETE", "/items/", status=500, body=b'{"error":"AccessDenied"}')
    ready, end = run(items_api, slept)
    assert ready.detail == 'expected 200 or 201 or 204, got 500 {"error":"AccessDenied"}'
    assert ready.curl.startswith("curl -i -X DELETE ")
    assert end.detail.startswith("could not delete smoke-")


@pytest.mark.parametrize(
    ("item", "detail"),
    [
        (OTHER_ITEM_1, "used another id, because a different item 1 already exists"),
        ('{"itemId":"1","name":"Widget"}', ""),
    ],
    ids=["another item", "created with the tutorial"],
)
def test_an_existing_item_1_is_kept(items_api: ItemsApi, slept: list[float], item: str, detail: str) -> None:
    """If it differs from the tutorial's item, it is not even written."""
    items_api.items["1"] = item
    done = run(items_api, slept)
    assert all(check.ok for check in done)
    assert items_api.items == {"1": item}
    assert done[1].detail == detail
    writes = [request for request in items_api.requests if request.method != "GET" and request.url.endswith("/1")]
    assert writes == []


def test_an_item_1_replaced_during_the_run_is_kept(items_api: ItemsApi, slept: list[float]) -> None:
    def replace_item_1(request: Request, response: Response) -> Response:
        if "-missing" in request.url:
            items_api.items["1"] = OTHER_ITEM_1
        return response

    items_api.change = replace_item_1
    run(items_api, slept)
    assert items_api.items == {"1": OTHER_ITEM_1}


def test_the_tutorials_commands_are_shown_unchanged(items_api: ItemsApi, slept: list[float]) -> None:
    _, post, get, *_ = run(items_api, slept)
    assert post.curl == f"""curl -X POST {ENDPOINT}/items -d '{{"itemId":"1","name":"Widget"}}'"""
    assert get.curl == f"curl {ENDPOINT}/items/1"
    assert post.status == 201
    assert get.ms == 1.0


def test_every_check_shows_its_request_as_a_curl_command(items_api: ItemsApi, slept: list[float]) -> None:
    lines = {check.name: check.curl for check in run(items_api, slept)}
    assert all(shlex.split(line)[0] == "curl" for line in lines.values())
    options = shlex.split(lines["If-None-Match: * protects an existing item"])
    assert options[:4] == ["curl", "-i", "-X", "POST"]
    assert options[5:-2] == ["-H", "content-type: application/json", "-H", "if-none-match: *"]
    line = lines["GET returns an item with special characters in its id"]
    assert re.search(r"/items/smoke-\w+-gr%C3%BCn%20%E6%9D%B1%E4%BA%AC%20%26%20co$", line)


@pytest.mark.parametrize("prefix", ["/prod/v1", ""])
def test_an_endpoint_can_have_a_path_and_next_links_can_omit_it(
    items_api: ItemsApi, slept: list[float], prefix: str
) -> None:
    def add_prefix(_: Request, response: Response) -> Response:
        """To the link, whose quotes are optional."""
        link = response.headers.get("link", "").replace("</items", f"<{prefix}/items").replace('"', "")
        return replace(response, headers={**response.headers, "link": link})

    items_api.prefix = "/prod/v1"
    items_api.change = add_prefix
    done = run(items_api, slept, endpoint="http://host:8080/prod/v1/")
    assert [check.detail for check in done if not check.ok] == []
    assert done[2].curl == "curl http://host:8080/prod/v1/items/1"


@pytest.mark.parametrize(
    "endpoint",
    ["api.example", "ftp://api.example", "https://", "https://api.example/?x=1", "https://me@api.example",
     "https://api.example:port", "https://api.exämple", "https://api.example/a b", ""],
)  # fmt: skip
def test_an_invalid_base_url_is_rejected_before_anything_is_sent(items_api: ItemsApi, endpoint: str) -> None:
    with pytest.raises(InvalidSetting, match=r"^--url .* is not the base URL of an API"):
        smoke(endpoint, http=items_api)
    assert items_api.requests == []
