"""A run waits until a new endpoint is ready, shows every request as a curl command, and deletes its test items."""

import re
import shlex
import socket
import ssl
from collections.abc import Callable
from dataclasses import replace

import pytest

from items_api.errors import InvalidSetting
from items_api.smoke import Check, smoke
from items_api.smoke.curl import Request, Response
from tests.smoke.conftest import ItemsApi

ENDPOINT = "https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com"
OTHER_ITEM_1 = '{"itemId":"1","name":"mine","n":1.50}'


UNTRUSTED = ssl.SSLCertVerificationError(1, "certificate verify failed")
UNTRUSTED.verify_message = "self-signed"


class Time:
    """A clock that advances only by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def time() -> Time:
    return Time()


def run(http: Callable[[Request], Response], time: Time, wait: float = 60, endpoint: str = ENDPOINT) -> list[Check]:
    return list(smoke(endpoint, wait=wait, http=http, clock=time.clock, sleep=time.sleep))


class NotReady:
    """An endpoint that fails `times` times before it becomes ready."""

    def __init__(self, api: Callable[[Request], Response], failure: Response | Exception, times: float) -> None:
        self.api = api
        self.failure = failure
        self.remaining = times

    def __call__(self, request: Request) -> Response:
        if self.remaining <= 0:
            return self.api(request)
        self.remaining -= 1
        if isinstance(self.failure, Exception):
            raise self.failure
        return self.failure


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
def test_it_waits_until_a_new_endpoint_is_ready(items_api: ItemsApi, time: Time, failure: Response | Exception) -> None:
    done = run(NotReady(items_api, failure, 3), time)
    assert all(check.ok for check in done)
    assert time.slept == [0.25, 0.5, 1.0]
    assert done[0].detail == "after 1.8 s"


def test_it_waits_until_writing_works_too(items_api: ItemsApi, time: Time) -> None:
    """The role's permissions can take effect later than the routes."""
    denials = iter([500, 500])

    def deny(request: Request, response: Response) -> Response:
        status = next(denials, 0) if request.method == "PUT" else 0
        return Response(status, {}, b'{"error":"AccessDenied"}', 1.0) if status else response

    items_api.change = deny
    done = run(items_api, time)
    assert [check.name for check in done if not check.ok] == []
    assert time.slept == [0.25, 0.5]


@pytest.mark.parametrize(
    ("failure", "endpoint", "detail"),
    [
        (Response(401, {}, b"no token", 1.0), ENDPOINT, "expected 200, got 401 no token"),
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
    items_api: ItemsApi, time: Time, failure: Response | Exception, endpoint: str, detail: str
) -> None:
    [only] = run(NotReady(items_api, failure, 1), time, endpoint=endpoint)
    assert (only.name, only.ok, only.detail) == ("the API is ready", False, detail)
    assert (time.slept, items_api.requests) == ([], [])


def test_an_endpoint_that_never_becomes_ready_fails_one_check(items_api: ItemsApi, time: Time) -> None:
    [only] = run(NotReady(items_api, ConnectionRefusedError(111, "Connection refused"), float("inf")), time, wait=10)
    assert only == Check(
        name="the API is ready",
        ok=False,
        status=None,
        ms=0.0,
        curl=f"curl -i '{ENDPOINT}/items?limit=1'",
        detail="The connection was refused. The remaining checks were skipped.",
    )
    assert 5 < time.now <= 10


def test_a_lost_endpoint_ends_the_run_and_the_remaining_items_are_reported(items_api: ItemsApi, time: Time) -> None:
    failed: list[Request] = []

    def fail(request: Request) -> Response:
        if failed or "-read" in request.url:
            failed.append(request)
            raise ConnectionResetError(104, "Connection reset by peer")
        response: Response = items_api(request)
        return response

    *before, last, end = run(fail, time)
    assert all(check.ok for check in before)
    assert (last.name, last.status) == ("GET returns an item", None)
    assert last.detail == "The connection failed: Connection reset by peer. The remaining checks were skipped."
    assert (end.name, end.ok) == ("the test items were deleted", False)
    assert end.detail.startswith("could not delete 1, new-")


def test_a_check_that_fails_during_setup_shows_the_failed_request(items_api: ItemsApi, time: Time) -> None:
    full = Response(507, {}, b"", 2.0)
    items_api.change = lambda request, ok: full if request.method == "PUT" and "-mismatch" in request.url else ok
    [failed] = [check for check in run(items_api, time) if not check.ok]
    assert (failed.name, failed.status, failed.ms) == ("PUT rejects a different itemId in the body", 507, 2.0)
    assert failed.detail == "expected 200 or 201, got 507 nothing"
    assert failed.curl.startswith(f"curl -i -X PUT {ENDPOINT}/items/smoke-")


def test_a_run_that_is_closed_early_deletes_its_items(items_api: ItemsApi, time: Time) -> None:
    checks = smoke(ENDPOINT, http=items_api, clock=time.clock, sleep=time.sleep)
    while next(checks).name != "GET /items returns pages":
        pass
    assert items_api.items
    checks.close()
    assert items_api.items == {}


@pytest.mark.parametrize(("method", "part"), [("PUT", "-replace"), ("DELETE", "-page-1")], ids=["check", "cleanup"])
def test_an_interrupted_run_deletes_its_items(items_api: ItemsApi, time: Time, method: str, part: str) -> None:
    """Ctrl-C is pressed after a request is processed and before its response is read."""
    interrupted: list[Request] = []

    def interrupt(request: Request) -> Response:
        response: Response = items_api(request)
        if request.method == method and part in request.url and not interrupted:
            interrupted.append(request)
            raise KeyboardInterrupt
        return response

    with pytest.raises(KeyboardInterrupt):
        run(interrupt, time)
    assert items_api.items == {}


def test_an_item_that_cannot_be_deleted_is_reported(items_api: ItemsApi, time: Time) -> None:
    unavailable = Response(503, {}, b"", 1.0)
    items_api.change = lambda request, ok: (
        unavailable if request.method == "DELETE" and "-page-1" in request.url else ok
    )
    *_, end = run(items_api, time)
    assert not end.ok
    assert re.fullmatch(r"could not delete smoke-\w+-page-1", end.detail)


def test_a_probe_that_cannot_be_deleted_is_reported_too(items_api: ItemsApi, time: Time) -> None:
    denied = Response(500, {}, b'{"error":"AccessDenied"}', 1.0)
    items_api.change = lambda request, ok: denied if request.method == "DELETE" else ok
    ready, end = run(items_api, time)
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
def test_an_existing_item_1_is_kept(items_api: ItemsApi, time: Time, item: str, detail: str) -> None:
    """If it differs from the tutorial's item, it is not even written."""
    items_api.items["1"] = item
    done = run(items_api, time)
    assert all(check.ok for check in done)
    assert items_api.items == {"1": item}
    assert done[1].detail == detail
    writes = [request for request in items_api.requests if request.method != "GET" and request.url.endswith("/1")]
    assert writes == []


def test_an_item_1_replaced_during_the_run_is_kept(items_api: ItemsApi, time: Time) -> None:
    def replace_item_1(request: Request, response: Response) -> Response:
        if "-missing" in request.url:
            items_api.items["1"] = OTHER_ITEM_1
        return response

    items_api.change = replace_item_1
    run(items_api, time)
    assert items_api.items == {"1": OTHER_ITEM_1}


def test_the_tutorials_commands_are_shown_unchanged(items_api: ItemsApi, time: Time) -> None:
    _, post, get, *_ = run(items_api, time)
    assert post.curl == f"""curl -X POST {ENDPOINT}/items -d '{{"itemId":"1","name":"Widget"}}'"""
    assert get.curl == f"curl {ENDPOINT}/items/1"
    assert post.status == 201
    assert get.ms == 1.0


def test_every_check_shows_its_request_as_a_curl_command(items_api: ItemsApi, time: Time) -> None:
    lines = {check.name: check.curl for check in run(items_api, time)}
    assert all(shlex.split(line)[0] == "curl" for line in lines.values())
    options = shlex.split(lines["If-None-Match: * protects an existing item"])
    assert options[:4] == ["curl", "-i", "-X", "POST"]
    assert options[5:-2] == ["-H", "content-type: application/json", "-H", "if-none-match: *"]
    line = lines["GET returns an item with special characters in its id"]
    assert re.search(r"/items/smoke-\w+-gr%C3%BCn%20%E6%9D%B1%E4%BA%AC%20%26%20co$", line)


@pytest.mark.parametrize("prefix", ["/prod/v1", ""])
def test_an_endpoint_can_have_a_path_and_next_links_can_omit_it(items_api: ItemsApi, time: Time, prefix: str) -> None:
    link = {"link": f"<{prefix}/items?limit=1&next=1>; rel=next"}
    items_api.prefix = "/prod/v1"
    items_api.change = lambda request, response: (
        replace(response, headers={**response.headers, **link}) if request.url.endswith("limit=1") else response
    )
    done = run(items_api, time, endpoint="http://host:8080/prod/v1/")
    assert [check.detail for check in done if not check.ok] == []
    assert done[2].curl == "curl http://host:8080/prod/v1/items/1"


@pytest.mark.parametrize(
    "endpoint",
    ["api.example", "ftp://api.example", "https://", "https://api.example/?x=1", "https://me@api.example",
     "https://api.example:port", "https://api.exämple", "https://api.example/a b", ""],
)  # fmt: skip
def test_an_invalid_base_url_is_rejected_before_anything_is_sent(items_api: ItemsApi, endpoint: str) -> None:
    with pytest.raises(InvalidSetting, match=r"^--url '"):
        smoke(endpoint, http=items_api)
    assert items_api.requests == []
