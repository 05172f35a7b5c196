"""Waits until the API is ready, runs the checks, and deletes the items that they created."""

from __future__ import annotations

import json
import ssl
import time
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from socket import gaierror
from typing import TYPE_CHECKING

from items_api.smoke.access import Access
from items_api.smoke.api import Api, Unexpected, compact, expect_status, parsed, path_of
from items_api.smoke.claims import Claim
from items_api.smoke.contract import CLAIMS, TUTORIAL
from items_api.smoke.curl import NO_RESPONSE, Connection, Request, Response, parse_endpoint
from items_api.smoke.queries import queries
from items_api.smoke.refusals import refusals

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

# An arbitrary origin, for an API that allows all of them.
ANY_ORIGIN = "https://items-api.example"


@dataclass(frozen=True)
class Check:
    """The result of checking one claim about the API, and the curl command that repeats its request.

    `status` is None if there was no response. `ms` is the duration of the request that `curl` repeats. `detail` says
    what was expected and what was returned instead; it may also add information to a successful check.
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
    access: Access | None = None,
    reader: Access | None = None,
    indexes: Sequence[str] = (),
    http: Callable[[Request], Response] | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Generator[Check]:
    """Check the API at this base URL and yield each result as soon as it is available.

    `access` authorizes the requests, and `reader`, if given, only reads. `wait` is the maximum number of seconds to
    wait for a new endpoint to become ready. `cors_origins` are the origins that the API should allow, and `indexes` the
    attributes that should have an index. Raises InvalidSetting if the base URL is invalid. Closing the generator also
    cleans up.
    """
    parse_endpoint(endpoint)
    connection = None if http else Connection(endpoint)
    send = http or connection
    assert send is not None  # noqa: S101 - for mypy
    api = Api(endpoint.rstrip("/"), send, _allowed_origin(cors_origins), access or Access())
    claims = chain(CLAIMS, queries(indexes, sleep), refusals(api, reader))
    checks = _run(api, claims, wait, clock, sleep)
    return _closing(connection, checks) if connection else checks


def _closing(connection: Connection, checks: Iterator[Check]) -> Generator[Check]:
    with closing(connection):
        yield from checks


def _allowed_origin(allowed: Sequence[str]) -> str:
    """One of the allowed origins; in place of a wildcard, a host that no one uses."""
    first = next(iter(allowed), "*")
    return ANY_ORIGIN if first == "*" else first.replace("*", "items-api.example")


def _run(
    api: Api, claims: Iterable[Claim], wait: float, clock: Callable[[], float], sleep: Callable[[float], None]
) -> Generator[Check]:
    remaining: list[str] = []
    try:
        ready = _run_check(Claim("the API is ready", lambda api: _wait_until_ready(api, wait, clock, sleep)), api)
        yield ready
        for claim in claims if ready.ok else ():
            done = _run_check(claim, api)
            yield done
            if done.status is None:
                break
    finally:
        try:
            remaining += _clean_up(api)
        except KeyboardInterrupt:
            _clean_up(api)  # the first Ctrl-C ends only the checks, even if it interrupted the cleanup
            raise
    if ready.ok or remaining:
        yield _run_check(Claim("the test items were deleted", lambda api: _expect_deleted(api, remaining)), api)


def _run_check(claim: Claim, api: Api) -> Check:
    ok = False
    api.start_check()
    try:
        detail = claim.check(api) or ""
        ok = True
    except Unexpected as finding:
        detail = str(finding)
    except NO_RESPONSE as error:
        api.response = None
        detail = f"{explain_no_response(error)} The remaining checks were skipped."
    return Check(
        claim.name,
        ok,
        api.response.status if api.response else None,
        api.response.ms if api.response else 0.0,
        _curl(api, claim),
        detail,
    )


def _curl(api: Api, claim: Claim) -> str:
    """The command that repeats the request; empty if curl cannot."""
    request = api.request
    if request is None or claim.is_refusal or not api.access.curl_can_send(request):
        return ""
    words = () if request.method == "OPTIONS" else api.access.curl_words
    return request.curl(*([] if claim.is_tutorial else ["-i"]), authorization=words)


def _wait_until_ready(api: Api, wait: float, clock: Callable[[], float], sleep: Callable[[float], None]) -> str:
    """Retry until reading, writing and deleting work: routes, policies and DNS become available at different times."""
    start, pause = clock(), 0.25
    while True:
        try:
            _probe(api)
        except (Unexpected, *NO_RESPONSE) as finding:
            why = _why_refused(api)
            transient = _is_transient(api, finding) and not (why and api.access.is_final)
            if not transient or clock() - start + pause > wait:
                if why:
                    raise Unexpected(f"{finding}. {why}") from None
                raise
        else:
            return f"after {clock() - start:.1f} s" if pause > 0.25 else ""  # noqa: PLR2004 - there was a retry
        sleep(pause)
        pause = min(2 * pause, 4.0)


def _why_refused(api: Api) -> str:
    if api.request is None or api.response is None or api.response.status not in (401, 403):
        return ""
    return api.access.why_refused(writes=api.request.method != "GET")


def _probe(api: Api) -> None:
    listing = api.send("GET", "/items?limit=1")
    expect_status(listing, 200)
    if not isinstance(parsed(listing), list):
        raise Unexpected("This is not an items API: GET /items returns no JSON array. The checks were skipped.")
    request = api.request
    item_id = api.new_id("probe")
    for method, body in (("PUT", compact({"itemId": item_id})), ("GET", None), ("DELETE", None)):
        response = api.send(method, path_of(item_id), body)
        if _is_not_ready(response):
            if response.status in (401, 403):
                api.written_ids.discard(item_id)  # it was refused
            expect_status(response, 200, 201, 204)
    api.request, api.response = request, listing


def _is_transient(api: Api, finding: Exception) -> bool:
    """Whether a new endpoint can fail in this way until it is ready."""
    if isinstance(finding, ssl.SSLCertVerificationError):
        return False
    if isinstance(finding, gaierror):
        return ".amazonaws.com" in api.endpoint  # the DNS name of a new API takes a moment to resolve
    if not isinstance(finding, Unexpected) or api.response is None:
        return True
    return _is_not_ready(api.response)


def _is_not_ready(response: Response) -> bool:
    """The gateway's 404 means that a route is not deployed yet; the handler's own 404 has another body."""
    status = response.status
    return status >= 500 or status in (403, 429) or (status == 404 and b'"Not Found"' in response.body)  # noqa: PLR2004


def explain_no_response(error: Exception) -> str:
    if isinstance(error, gaierror):
        return "The host name does not resolve."
    if isinstance(error, ConnectionRefusedError):
        return "The connection was refused."
    if isinstance(error, TimeoutError):
        return "The request timed out."
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"The TLS certificate is not trusted: {error.verify_message}."
    return f"The connection failed: {getattr(error, 'strerror', None) or error or type(error).__name__}."


def _expect_deleted(api: Api, remaining: list[str]) -> None:
    if remaining:
        raise Unexpected(f"could not delete {', '.join(remaining)}")
    expect_status(api.send("GET", path_of(f"{api.id_prefix}-create")), 404)


def _clean_up(api: Api) -> list[str]:
    """Delete all items that this run may have written, and return the ids of those that could not be deleted."""
    remaining = []
    for item_id in sorted(api.written_ids):
        try:
            # Another client may have replaced item 1, whose id does not belong to this run.
            if item_id != "1" or api.current_item("1") == json.loads(TUTORIAL):
                expect_status(api.setup_request("DELETE", path_of(item_id)), 204)
        except Unexpected:
            remaining.append(item_id)
        except NO_RESPONSE:
            return remaining + sorted(api.written_ids)
        api.written_ids.remove(item_id)
    return remaining
