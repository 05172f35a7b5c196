"""A run waits for a fresh endpoint, shows every request as a curl line, and leaves nothing behind."""

from __future__ import annotations

import shlex
import socket
import ssl
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from items_api.errors import InvalidSetting
from items_api.smoke import Check, smoke
from items_api.smoke.curl import Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from items_api.smoke.curl import Request
    from tests.smoke.conftest import ItemsApi

ENDPOINT = "https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com"
FOREIGN = '{"itemId":"1","name":"mine","n":1.50}'


class Time:
    """A clock that only sleeping moves on."""

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


class NotYet:
    """An endpoint that first fails `times` times in one way, then is an API."""

    def __init__(self, api: Callable[[Request], Response], failure: Response | Exception, times: float) -> None:
        self.api = api
        self.failure = failure
        self.left = times

    def __call__(self, request: Request) -> Response:
        if self.left <= 0:
            return self.api(request)
        self.left -= 1
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
def test_a_fresh_endpoint_is_waited_for(items_api: ItemsApi, time: Time, failure: Response | Exception) -> None:
    done = run(NotYet(items_api, failure, 3), time)
    assert all(check.ok for check in done)
    assert time.slept == [0.25, 0.5, 1.0]
    assert done[0].detail == "after 1.8 s"


def test_policies_that_arrive_after_the_routes_are_waited_for(items_api: ItemsApi, time: Time) -> None:
    """Reading works, writing is still denied, so the function fails: no check may be judged before."""
    denials = iter([500, 500])

    def deny(request: Request, response: Response) -> Response:
        status = next(denials, 0) if request.method == "PUT" else 0
        return Response(status, {}, b'{"error":"AccessDenied"}', 1.0) if status else response

    items_api.bend = deny
    done = run(items_api, time)
    assert [check.name for check in done if not check.ok] == []
    assert time.slept == [0.25, 0.5]


@pytest.mark.parametrize(
    ("failure", "endpoint", "detail"),
    [
        (
            Response(401, {}, b'{"message":"Unauthorized"}', 1.0),
            ENDPOINT,
            'expected 200, got 401 {"message":"Unauthorized"}',
        ),
        (Response(404, {}, b"<h1>nginx</h1>", 1.0), ENDPOINT, "expected 200, got 404 <h1>nginx</h1>"),
        (
            socket.gaierror(-2, "Name or service not known"),
            "https://api.exampel",
            "Its host name does not resolve. Nothing more was checked.",
        ),
    ],
    ids=["needs a token", "something else", "a typing error"],
)
def test_what_waiting_does_not_cure_is_said_at_once(
    items_api: ItemsApi, time: Time, failure: Response | Exception, endpoint: str, detail: str
) -> None:
    [only] = run(NotYet(items_api, failure, 1), time, endpoint=endpoint)
    assert (only.name, only.ok, only.detail) == ("the endpoint answers", False, detail)
    assert time.slept == []


def test_an_untrusted_certificate_is_said_at_once(items_api: ItemsApi, time: Time) -> None:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = "self-signed certificate"
    [only] = run(NotYet(items_api, error, 1), time)
    assert only.detail == ("Its certificate is not trusted: self-signed certificate. Nothing more was checked.")


def test_an_endpoint_that_never_answers_fails_one_check_after_the_wait(items_api: ItemsApi, time: Time) -> None:
    [only] = run(NotYet(items_api, ConnectionRefusedError(111, "Connection refused"), float("inf")), time, wait=10)
    assert only == Check(
        name="the endpoint answers",
        ok=False,
        status=None,
        ms=0.0,
        curl=f"curl -i '{ENDPOINT}/items?limit=1'",
        detail="Nothing listens there. Nothing more was checked.",
    )
    assert 5 < time.now <= 10


def test_an_endpoint_that_goes_away_ends_the_run_and_what_is_left_is_said(items_api: ItemsApi, time: Time) -> None:
    gone: list[Request] = []

    def cut(request: Request) -> Response:
        if gone or "-read" in request.url:
            gone.append(request)
            raise ConnectionResetError(104, "Connection reset by peer")
        response: Response = items_api(request)
        return response

    *before, cut_off, end = run(cut, time)
    assert all(check.ok for check in before)
    assert (cut_off.name, cut_off.status) == ("GET reads", None)
    assert cut_off.detail == "The connection failed: Connection reset by peer. Nothing more was checked."
    assert (end.name, end.ok) == ("what it wrote is gone again", False)
    assert end.detail.startswith("could not delete 1, made-")


def test_a_check_that_fails_while_it_is_prepared_shows_the_request_that_failed(items_api: ItemsApi, time: Time) -> None:
    full = Response(507, {}, b"", 2.0)
    items_api.bend = lambda request, ok: full if request.method == "PUT" and "-mismatch" in request.url else ok
    [failed] = [check for check in run(items_api, time) if not check.ok]
    assert (failed.name, failed.status, failed.ms) == ("PUT with another itemId is refused", 507, 2.0)
    assert failed.detail == "expected 200 or 201, got 507 nothing"
    assert failed.curl.startswith(f"curl -i -X PUT {ENDPOINT}/items/smoke-")


def test_everything_it_wrote_is_removed(items_api: ItemsApi, time: Time) -> None:
    run(items_api, time)
    assert items_api.items == {}


def test_a_run_that_is_closed_early_removes_what_it_wrote(items_api: ItemsApi, time: Time) -> None:
    checks = smoke(ENDPOINT, http=items_api, clock=time.clock, sleep=time.sleep)
    while next(checks).name != "GET lists in pages":
        pass
    assert items_api.items
    checks.close()
    assert items_api.items == {}


@pytest.mark.parametrize(("method", "part"), [("PUT", "-replace"), ("DELETE", "-page-1")], ids=["check", "clean-up"])
def test_an_interrupted_run_removes_what_it_wrote(items_api: ItemsApi, time: Time, method: str, part: str) -> None:
    """Ctrl-C comes after the request was carried out and before its answer was read."""
    pressed: list[Request] = []

    def press(request: Request) -> Response:
        response: Response = items_api(request)
        if request.method == method and part in request.url and not pressed:
            pressed.append(request)
            raise KeyboardInterrupt
        return response

    with pytest.raises(KeyboardInterrupt):
        run(press, time)
    assert items_api.items == {}


def test_what_can_not_be_removed_is_said(items_api: ItemsApi, time: Time) -> None:
    keep = Response(503, {}, b"", 1.0)
    items_api.bend = lambda request, ok: keep if request.method == "DELETE" and "-page-1" in request.url else ok
    *_, end = run(items_api, time)
    assert not end.ok
    assert end.detail.startswith("could not delete smoke-")
    assert end.detail.endswith("-page-1")


def test_a_probe_that_can_not_be_removed_is_said_too(items_api: ItemsApi, time: Time) -> None:
    denied = Response(500, {}, b'{"error":"AccessDenied"}', 1.0)
    items_api.bend = lambda request, ok: denied if request.method == "DELETE" else ok
    answers, end = run(items_api, time)
    assert answers.detail == 'expected 200 or 201 or 204, got 500 {"error":"AccessDenied"}'
    assert answers.curl.startswith("curl -i -X DELETE ")
    assert end.detail.startswith("could not delete smoke-")


def test_nothing_is_written_to_what_is_not_such_an_api(items_api: ItemsApi, time: Time) -> None:
    items_api.bend = lambda request, _: Response(404, {}, b"<h1>somebody's home page</h1>", 1.0)
    run(items_api, time)
    assert {request.method for request in items_api.requests} == {"GET"}


def test_somebody_elses_item_1_is_left_alone(items_api: ItemsApi, time: Time) -> None:
    items_api.items["1"] = FOREIGN
    done = run(items_api, time)
    assert all(check.ok for check in done)
    assert items_api.items == {"1": FOREIGN}
    assert [request for request in items_api.requests if request.method != "GET" and request.url.endswith("/1")] == []
    assert done[1].detail == "item 1 is somebody's own and is left alone: sent with another id"


def test_the_tutorials_own_item_1_stays_for_who_followed_the_tutorial(items_api: ItemsApi, time: Time) -> None:
    items_api.items["1"] = '{"itemId":"1","name":"Widget"}'
    assert all(check.ok for check in run(items_api, time))
    assert items_api.items == {"1": '{"itemId":"1","name":"Widget"}'}


def test_an_item_1_that_somebody_wrote_meanwhile_is_kept(items_api: ItemsApi, time: Time) -> None:
    def write_meanwhile(request: Request, response: Response) -> Response:
        if "-nobody" in request.url:
            items_api.items["1"] = FOREIGN
        return response

    items_api.bend = write_meanwhile
    run(items_api, time)
    assert items_api.items == {"1": FOREIGN}


def test_the_tutorials_lines_are_word_for_word(items_api: ItemsApi, time: Time) -> None:
    _, post, get, *_ = run(items_api, time)
    assert post.curl == f"""curl -X POST {ENDPOINT}/items -d '{{"itemId":"1","name":"Widget"}}'"""
    assert get.curl == f"curl {ENDPOINT}/items/1"
    assert post.status == 201
    assert get.ms == 1.0


def test_every_check_shows_the_request_that_it_judged_as_a_curl_line(items_api: ItemsApi, time: Time) -> None:
    lines = {check.name: check.curl for check in run(items_api, time)}
    assert all(shlex.split(line)[0] == "curl" for line in lines.values())
    name = "If-None-Match: * keeps what is there"
    options = shlex.split(lines[name])
    assert options[:4] == ["curl", "-i", "-X", "POST"]
    assert options[5:-2] == ["-H", "content-type: application/json", "-H", "if-none-match: *"]
    assert "/items/smoke-" in lines["an id may be any text"]
    assert lines["an id may be any text"].endswith("-gr%C3%BCn%20%E6%9D%B1%E4%BA%AC%20%26%20co")


def test_an_endpoint_may_have_a_path(items_api: ItemsApi, time: Time) -> None:
    items_api.prefix = "/prod/v1"
    done = run(items_api, time, endpoint="http://host:8080/prod/v1/")
    assert [check.detail for check in done if not check.ok] == []
    assert done[2].curl == "curl http://host:8080/prod/v1/items/1"


@pytest.mark.parametrize("link", ["</prod/v1/items?limit=1&next=1>; rel=next", '</items?limit=1&next=1>; rel="next"'])
def test_a_next_link_may_repeat_the_endpoints_path_or_not(items_api: ItemsApi, time: Time, link: str) -> None:
    items_api.prefix = "/prod/v1"
    items_api.bend = lambda _, response: (
        replace(response, headers={**response.headers, "link": link}) if "link" in response.headers else response
    )
    done = {check.name: check for check in run(items_api, time, endpoint="http://host:8080/prod/v1")}
    assert done["GET lists in pages"].ok


@pytest.mark.parametrize(
    "endpoint",
    ["api.example", "ftp://api.example", "https://", "https://api.example/?x=1", "https://me@api.example",
     "https://api.example:port", "https://api.exämple", "https://api.example/a b", ""],
)  # fmt: skip
def test_what_is_no_base_url_is_refused_before_anything_is_sent(items_api: ItemsApi, endpoint: str) -> None:
    with pytest.raises(InvalidSetting, match=r"^--url '"):
        smoke(endpoint, http=items_api)
    assert items_api.requests == []
