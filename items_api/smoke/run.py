"""Runs the checks: waits until the API answers, judges claim by claim, removes what they wrote."""

from __future__ import annotations

import json
import ssl
import time
from contextlib import closing
from dataclasses import dataclass
from socket import gaierror
from typing import TYPE_CHECKING

from items_api.smoke.api import Api, Unexpected, compact, parsed, path_of, want_status
from items_api.smoke.contract import CLAIMS, TUTORIAL
from items_api.smoke.curl import NO_ANSWER, Connection, Request, Response, parse_endpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

# A page that no stack is likely to be called from: an API for '*' allows it like any other.
ANY_ORIGIN = "https://items-api.example"


@dataclass(frozen=True)
class Check:
    """One claim about the API, and the curl line that asks it again.

    `status` is None where no answer came. `ms` is the time of the request that `curl` repeats. `detail` says what was
    expected and what came instead; where the claim holds, it may add a fact.
    """

    name: str
    ok: bool
    status: int | None
    ms: float
    curl: str
    detail: str


def smoke(
    endpoint: str,
    *,
    wait: float = 60.0,
    cors_origins: Sequence[str] = ("*",),
    http: Callable[[Request], Response] | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Generator[Check]:
    """Yields the checks of an API, given its base URL, as they are done.

    `wait`: the seconds that a fresh endpoint has to begin answering. `cors_origins`: what the API should allow.
    Raises InvalidSetting for a base URL that is none. The generator may be closed at any point and cleans up then, too.
    """
    parse_endpoint(endpoint)
    origin, base = _an_origin(cors_origins), endpoint.rstrip("/")
    if http:
        return _run(Api(base, http, origin), wait, clock, sleep)
    connection = Connection(endpoint)
    return _then_close(connection, _run(Api(base, connection, origin), wait, clock, sleep))


def _then_close(connection: Connection, checks: Iterator[Check]) -> Generator[Check]:
    with closing(connection):
        yield from checks


def _an_origin(allowed: Sequence[str]) -> str:
    """A concrete origin that is allowed: `https://*.example.com` stands for any one label."""
    first = next(iter(allowed), "*")
    return ANY_ORIGIN if first == "*" else first.replace("*.", "smoke.", 1)


def _run(api: Api, wait: float, clock: Callable[[], float], sleep: Callable[[float], None]) -> Generator[Check]:
    left: list[str] = []
    try:
        answers = _judge("the endpoint answers", api, lambda api: _await_answer(api, wait, clock, sleep))
        yield answers
        for name, check in CLAIMS if answers.ok else ():
            done = _judge(name, api, check)
            yield done
            if done.status is None:
                break
    finally:
        try:
            left += _clean_up(api)
        except KeyboardInterrupt:
            _clean_up(api)  # the first Ctrl-C ends the checks, wherever it comes; a second one ends this, too
            raise
    if answers.ok or left:
        yield _judge("what it wrote is gone again", api, lambda api: _want_gone(api, left))


def _judge(name: str, api: Api, check: Callable[[Api], str | None]) -> Check:
    ok = False
    api.forget_request()
    try:
        detail = check(api) or ""
        ok = True
    except Unexpected as finding:
        detail = str(finding)
    except NO_ANSWER as error:
        api.response = None
        detail = f"{no_answer(error)} Nothing more was checked."
    # The tutorial's lines stand as the tutorial has them; elsewhere status and headers are the point.
    options = () if name.startswith("the tutorial's") else ("-i",)
    return Check(
        name,
        ok,
        api.response.status if api.response else None,
        api.response.ms if api.response else 0.0,
        api.request.curl(*options) if api.request else "",
        detail,
    )


def _await_answer(api: Api, wait: float, clock: Callable[[], float], sleep: Callable[[float], None]) -> str:
    """Asks until reading, writing and deleting work: policies, routes and names each arrive on a clock of their own."""
    began, pause = clock(), 0.25
    while True:
        try:
            _probe(api)
        except (Unexpected, *NO_ANSWER) as finding:
            waited = clock() - began
            if not _may_pass(api, finding) or waited + pause > wait:
                raise
        else:
            return f"after {clock() - began:.1f} s" if pause > 0.25 else ""  # noqa: PLR2004 - it was asked again
        sleep(pause)
        pause = min(2 * pause, 4.0)


def _probe(api: Api) -> None:
    listing = api.send("GET", "/items?limit=1")
    want_status(listing, 200)
    if not isinstance(parsed(listing), list):
        raise Unexpected("This is no items API: GET /items answers with no JSON array. Nothing more was checked.")
    shown = api.request
    item_id = api.new_id("probe")
    for method, body in (("PUT", compact({"itemId": item_id})), ("GET", None), ("DELETE", None)):
        response = api.send(method, path_of(item_id), body)
        if response.status >= 500 or response.status in (403, 429):  # noqa: PLR2004
            want_status(response, 200, 201, 204)
    api.request, api.response = shown, listing


def _may_pass(api: Api, finding: Exception) -> bool:
    """Whether waiting may cure it: what a fresh endpoint says, and not what a wrong one says."""
    if isinstance(finding, ssl.SSLCertVerificationError):
        return False
    if isinstance(finding, gaierror):
        return ".amazonaws.com" in api.endpoint  # a new API's name takes a moment to resolve
    if not isinstance(finding, Unexpected) or api.response is None:
        return True
    status, body = api.response.status, api.response.body
    return status >= 500 or status in (403, 429) or (status == 404 and b'"Not Found"' in body)  # noqa: PLR2004


def no_answer(error: Exception) -> str:
    """Why no answer came, as a sentence."""
    if isinstance(error, gaierror):
        return "Its host name does not resolve."
    if isinstance(error, ConnectionRefusedError):
        return "Nothing listens there."
    if isinstance(error, TimeoutError):
        return "No answer came in time."
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"Its certificate is not trusted: {error.verify_message}."
    return f"The connection failed: {getattr(error, 'strerror', None) or error or type(error).__name__}."


def _want_gone(api: Api, left: list[str]) -> None:
    if left:
        raise Unexpected(f"could not delete {', '.join(left)}")
    want_status(api.send("GET", path_of(f"{api.run}-create")), 404)


def _clean_up(api: Api) -> list[str]:
    """Deletes what this run may have written and returns the ids it could not delete."""
    left = []
    for item_id in sorted(api.written):
        try:
            # Item 1 is not this run's own name: whoever wrote it since then keeps it.
            if item_id != "1" or api.now("1") == json.loads(TUTORIAL):
                want_status(api.aside("DELETE", path_of(item_id)), 204)
        except Unexpected:
            left.append(item_id)
        except NO_ANSWER:
            return left + sorted(api.written)
        api.written.remove(item_id)
    return left
