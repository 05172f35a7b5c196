"""What becomes of a request when DynamoDB throttles, fails, falls silent or hangs up: answered, or 503 in time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from items_api.handler.dynamodb import ATTEMPTS, Client, Table
from items_api.handler.index import Api

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.handler.conftest import Bench, Exchange, FakeDynamoDB

WIDGET = {"itemId": "1", "name": "Widget"}


@pytest.fixture(
    params=["throttles", "fails_after_the_write", "cuts_before_the_write", "cuts_after_the_write", "garbles_the_answer"]
)
def passing_fault(request: pytest.FixtureRequest, dynamodb: FakeDynamoDB) -> Callable[[Exchange], None]:
    """A fault that another attempt cures."""
    fault: Callable[[Exchange], None] = getattr(dynamodb, request.param)
    return fault


@pytest.mark.parametrize("method", ["PUT", "GET", "DELETE"])
def test_one_fault_is_retried_and_answered(
    bench: Bench, passing_fault: Callable[[Exchange], None], method: str
) -> None:
    """The client sees what it would have seen without the fault."""
    bench.ask.item("PUT", "1", WIDGET)
    bench.dynamodb.script = [passing_fault]
    reply = bench.ask.item(method, "1", WIDGET if method == "PUT" else None)
    assert reply.status == {"PUT": 200, "GET": 200, "DELETE": 204}[method]


def test_a_list_is_retried_too(bench: Bench, passing_fault: Callable[[Exchange], None]) -> None:
    bench.ask.item("PUT", "1", WIDGET)
    bench.dynamodb.script = [passing_fault]
    assert bench.ask("GET", "/items").json == [WIDGET]


@pytest.mark.parametrize("fault", ["throttles", "fails_after_the_write", "cuts_before_the_write", "garbles_the_answer"])
def test_a_lasting_fault_is_a_503_with_retry_after(bench: Bench, fault: str) -> None:
    bench.dynamodb.script = [getattr(bench.dynamodb, fault)] * ATTEMPTS
    reply = bench.ask.item("PUT", "1", WIDGET)
    assert (reply.status, reply.headers["retry-after"]) == (503, "1")
    assert reply.json == {"error": "The database is busy or out of reach: try again"}
    assert len(bench.dynamodb.operations) == ATTEMPTS
    assert bench.log[-1]["error"] in {
        "ProvisionedThroughputExceededException",
        "InternalServerError",
        "ReplyError",
        "ConnectionResetError",
        "ChecksumMismatch",
    }


def test_every_pause_is_jittered_below_a_ceiling_that_doubles(bench: Bench) -> None:
    """Full jitter: anything up to the ceiling, so that throttled clients do not come back together."""
    bench.dynamodb.script = [bench.dynamodb.throttles] * ATTEMPTS
    bench.ask.item("GET", "1")
    ceilings = [min(1.0, 0.05 * 2**attempt) for attempt in range(ATTEMPTS)]
    assert all(0 <= pause <= ceiling for pause, ceiling in zip(bench.pauses, ceilings, strict=True))
    assert len(set(bench.pauses)) == ATTEMPTS
    assert max(bench.pauses) > ceilings[0]  # by chance not so once in 100,000 runs


def test_silence_ends_with_the_invocations_time(bench: Bench) -> None:
    """DynamoDB would stay silent for half a minute: the 503 does not wait for it."""
    bench.dynamodb.script = [bench.dynamodb.stays_silent]
    reply = bench.ask("GET", "/items/1", seconds=0.8)
    assert (reply.status, bench.log[-1]["error"]) == (503, "TimeoutError")
    assert bench.log[-1]["ms"] < 30_000


def test_no_attempt_starts_without_time_for_it(bench: Bench) -> None:
    reply = bench.ask("GET", "/items/1", seconds=0.1)
    assert (reply.status, bench.dynamodb.operations) == (503, [])


def test_an_endpoint_that_refuses_connections_is_a_503() -> None:
    """Nothing listens on port 9 of this computer."""
    client = Client.from_environment({"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_REGION": "eu-central-1"})
    lines: list[str] = []
    event = {"requestContext": {"http": {"method": "GET"}}, "rawPath": "/items/1"}
    reply = Api(Table("Items", client), lines.append).handle(event, OneSecond())
    assert (reply["statusCode"], json.loads(lines[0])["error"]) == (503, "ConnectionRefusedError")


def test_a_connection_lost_while_frozen_is_opened_again_unnoticed(bench: Bench) -> None:
    """The server hung up between two requests: the next one opens a new connection and pauses for nothing."""
    bench.dynamodb.script = [bench.dynamodb.answers_and_hangs_up]
    assert bench.ask.item("PUT", "1", WIDGET).status == 201
    opened = bench.dynamodb.connections
    assert bench.ask.item("GET", "1").json == WIDGET
    assert bench.dynamodb.connections == opened + 1
    assert sum(bench.pauses) == 0


def test_a_kept_connection_that_breaks_is_replaced_at_once(bench: Bench) -> None:
    """It broke only when it was used: the first retry does not wait."""
    bench.ask.item("PUT", "1", WIDGET)
    bench.dynamodb.script = [bench.dynamodb.cuts_before_the_write]
    assert bench.ask.item("GET", "1").json == WIDGET
    assert bench.pauses == [0.0]


def test_requests_share_one_connection(bench: Bench) -> None:
    before = bench.dynamodb.connections
    for number in range(5):
        bench.ask.item("PUT", str(number), WIDGET | {"itemId": str(number)})
    assert bench.dynamodb.connections == before


class OneSecond:
    """An invocation that never gets older."""

    def get_remaining_time_in_millis(self) -> int:
        return 1000


LOST = ["fails_after_the_write", "cuts_after_the_write", "garbles_the_answer"]


@pytest.mark.parametrize("fault", LOST)
@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize(
    "document",
    [
        {"name": "Widget"},
        {"numbers": [1, 2.50, -0.0, 10**37], "deep": {"a": [{}, [], None, True]}, "b": "é\u0000"},
    ],
)
def test_a_creation_whose_answer_was_lost_is_not_refused_as_its_own_rival(
    bench: Bench, fault: str, times: int, document: dict[str, Any]
) -> None:
    """If-None-Match: the item that stands in the way of the resend is the one that was just written."""
    bench.dynamodb.script = [getattr(bench.dynamodb, fault)] * times
    reply = bench.ask.item("PUT", "1", document, if_none_match="*")
    assert reply.status == 201
    assert bench.ask.item("GET", "1").json == reply.json


@pytest.mark.parametrize("fault", LOST)
def test_a_creation_refused_for_another_item_stays_refused(bench: Bench, fault: str) -> None:
    """A lost answer is no excuse: what is there is not what was sent, so nothing was written."""
    bench.ask.item("PUT", "1", {"name": "first"})
    bench.dynamodb.script = [getattr(bench.dynamodb, fault)]
    assert bench.ask.item("PUT", "1", {"name": "second"}, if_none_match="*").status == 412
    assert bench.ask.item("GET", "1").json["name"] == "first"


def test_a_creation_throttled_before_an_equal_item_is_refused(bench: Bench) -> None:
    """Throttling wrote nothing, so an equal item in the way is someone else's."""
    bench.ask.item("PUT", "1", {"name": "same"})
    bench.dynamodb.script = [bench.dynamodb.throttles]
    assert bench.ask.item("PUT", "1", {"name": "same"}, if_none_match="*").status == 412


@pytest.mark.parametrize("fault", LOST)
def test_a_deletion_whose_answer_was_lost_is_not_refused_for_having_worked(bench: Bench, fault: str) -> None:
    bench.ask.item("PUT", "1", WIDGET)
    bench.dynamodb.script = [getattr(bench.dynamodb, fault)]
    assert bench.ask.item("DELETE", "1", if_match="*").status == 204
    assert bench.ask.item("GET", "1").status == 404


@pytest.mark.parametrize("fault", LOST)
def test_a_replacement_whose_answer_was_lost_is_answered(bench: Bench, fault: str) -> None:
    bench.ask.item("PUT", "1", {"name": "old"})
    bench.dynamodb.script = [getattr(bench.dynamodb, fault)]
    assert bench.ask.item("PUT", "1", {"name": "new"}, if_match="*").status == 200
    assert bench.ask.item("GET", "1").json["name"] == "new"


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "ResourceNotFoundException"),
        (400, "AccessDeniedException"),
        (400, "UnrecognizedClientException"),
        (400, "ValidationException"),
    ],
)
def test_what_is_wrong_with_the_deployment_is_a_500_whose_cause_only_the_log_knows(
    bench: Bench, status: int, code: str
) -> None:
    """Never a 404 for a missing table, and no ARN, table name or message of DynamoDB in the reply."""
    message = "User: arn:aws:sts::123456789012:assumed-role/items-api-role is not authorized on table/Items0"
    bench.dynamodb.script = [bench.dynamodb.refuses(status, code, message)]
    reply = bench.ask.item("GET", "1")
    assert (reply.status, reply.json) == (500, {"error": "Internal server error"})
    assert bench.log[-1]["error"] == code
    assert "arn:" not in bench.lines[-1]
    assert bench.dynamodb.operations == ["GetItem"]


def test_an_answer_that_is_no_json_is_retried(bench: Bench) -> None:
    bench.dynamodb.script = [lambda exchange: exchange.answer(502, b"<html>Bad Gateway</html>")]
    assert bench.ask.item("GET", "1").status == 404
