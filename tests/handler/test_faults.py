"""What becomes of a request when DynamoDB throttles, fails, falls silent or hangs up: answered, or 503 in time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from items_api.handler.dynamodb import ATTEMPTS, Client, Table
from items_api.handler.index import Api

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.handler.conftest import Harness, Exchange, FakeDynamoDB

WIDGET = {"itemId": "1", "name": "Widget"}


@pytest.fixture(
    params=["throttles", "fails_after_write", "disconnects_before_write", "disconnects_after_write", "corrupts_reply"]
)
def passing_fault(request: pytest.FixtureRequest, dynamodb: FakeDynamoDB) -> Callable[[Exchange], None]:
    """A fault that another attempt cures."""
    fault: Callable[[Exchange], None] = getattr(dynamodb, request.param)
    return fault


@pytest.mark.parametrize("method", ["PUT", "GET", "DELETE"])
def test_one_fault_is_retried_and_answered(
    harness: Harness, passing_fault: Callable[[Exchange], None], method: str
) -> None:
    """The client sees what it would have seen without the fault."""
    harness.gateway.item("PUT", "1", WIDGET)
    harness.dynamodb.faults = [passing_fault]
    reply = harness.gateway.item(method, "1", WIDGET if method == "PUT" else None)
    assert reply.status == {"PUT": 200, "GET": 200, "DELETE": 204}[method]


def test_a_list_is_retried_too(harness: Harness, passing_fault: Callable[[Exchange], None]) -> None:
    harness.gateway.item("PUT", "1", WIDGET)
    harness.dynamodb.faults = [passing_fault]
    assert harness.gateway("GET", "/items").json == [WIDGET]


@pytest.mark.parametrize("fault", ["throttles", "fails_after_write", "disconnects_before_write", "corrupts_reply"])
def test_a_lasting_fault_is_a_503_with_retry_after(harness: Harness, fault: str) -> None:
    harness.dynamodb.faults = [getattr(harness.dynamodb, fault)] * ATTEMPTS
    reply = harness.gateway.item("PUT", "1", WIDGET)
    assert (reply.status, reply.headers["retry-after"]) == (503, "1")
    assert reply.json == {"error": "The database is busy or out of reach: try again"}
    assert len(harness.dynamodb.operations) == ATTEMPTS
    assert harness.log[-1]["error"] in {
        "ProvisionedThroughputExceededException",
        "InternalServerError",
        "ReplyError",
        "ConnectionResetError",
        "ChecksumMismatch",
    }


def test_every_pause_is_jittered_below_a_ceiling_that_doubles(harness: Harness) -> None:
    """Full jitter: anything up to the ceiling, so that throttled clients do not come back together."""
    harness.dynamodb.faults = [harness.dynamodb.throttles] * ATTEMPTS
    harness.gateway.item("GET", "1")
    ceilings = [min(1.0, 0.05 * 2**attempt) for attempt in range(ATTEMPTS)]
    assert all(0 <= pause <= ceiling for pause, ceiling in zip(harness.pauses, ceilings, strict=True))
    assert len(set(harness.pauses)) == ATTEMPTS
    assert max(harness.pauses) > ceilings[0]  # by chance not so once in 100,000 runs


def test_silence_ends_with_the_invocations_time(harness: Harness) -> None:
    """DynamoDB would stay silent for half a minute: the 503 does not wait for it."""
    harness.dynamodb.faults = [harness.dynamodb.hangs]
    reply = harness.gateway("GET", "/items/1", seconds=0.8)
    assert (reply.status, harness.log[-1]["error"]) == (503, "TimeoutError")
    assert harness.log[-1]["ms"] < 30_000


def test_no_attempt_starts_without_time_for_it(harness: Harness) -> None:
    reply = harness.gateway("GET", "/items/1", seconds=0.1)
    assert (reply.status, harness.dynamodb.operations) == (503, [])


def test_an_endpoint_that_refuses_connections_is_a_503() -> None:
    """Nothing listens on port 9 of this computer."""
    client = Client.from_environment({"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_REGION": "eu-central-1"})
    lines: list[str] = []
    event = {"requestContext": {"http": {"method": "GET"}}, "rawPath": "/items/1"}
    reply = Api(Table("Items", client), lines.append).handle(event, OneSecond())
    assert (reply["statusCode"], json.loads(lines[0])["error"]) == (503, "ConnectionRefusedError")


def test_a_connection_lost_while_frozen_is_opened_again_unnoticed(harness: Harness) -> None:
    """The server hung up between two requests: the next one opens a new connection and pauses for nothing."""
    harness.dynamodb.faults = [harness.dynamodb.replies_and_disconnects]
    assert harness.gateway.item("PUT", "1", WIDGET).status == 201
    opened = harness.dynamodb.connections
    assert harness.gateway.item("GET", "1").json == WIDGET
    assert harness.dynamodb.connections == opened + 1
    assert sum(harness.pauses) == 0


def test_a_kept_connection_that_breaks_is_replaced_at_once(harness: Harness) -> None:
    """It broke only when it was used: the first retry does not wait."""
    harness.gateway.item("PUT", "1", WIDGET)
    harness.dynamodb.faults = [harness.dynamodb.disconnects_before_write]
    assert harness.gateway.item("GET", "1").json == WIDGET
    assert harness.pauses == [0.0]


def test_requests_share_one_connection(harness: Harness) -> None:
    before = harness.dynamodb.connections
    for number in range(5):
        harness.gateway.item("PUT", str(number), WIDGET | {"itemId": str(number)})
    assert harness.dynamodb.connections == before


class OneSecond:
    """An invocation that never gets older."""

    def get_remaining_time_in_millis(self) -> int:
        return 1000


LOST = ["fails_after_write", "disconnects_after_write", "corrupts_reply"]


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
    harness: Harness, fault: str, times: int, document: dict[str, Any]
) -> None:
    """If-None-Match: the item that stands in the way of the resend is the one that was just written."""
    harness.dynamodb.faults = [getattr(harness.dynamodb, fault)] * times
    reply = harness.gateway.item("PUT", "1", document, if_none_match="*")
    assert reply.status == 201
    assert harness.gateway.item("GET", "1").json == reply.json


@pytest.mark.parametrize("fault", LOST)
def test_a_creation_refused_for_another_item_stays_refused(harness: Harness, fault: str) -> None:
    """A lost answer is no excuse: what is there is not what was sent, so nothing was written."""
    harness.gateway.item("PUT", "1", {"name": "first"})
    harness.dynamodb.faults = [getattr(harness.dynamodb, fault)]
    assert harness.gateway.item("PUT", "1", {"name": "second"}, if_none_match="*").status == 412
    assert harness.gateway.item("GET", "1").json["name"] == "first"


def test_a_creation_throttled_before_an_equal_item_is_refused(harness: Harness) -> None:
    """Throttling wrote nothing, so an equal item in the way is someone else's."""
    harness.gateway.item("PUT", "1", {"name": "same"})
    harness.dynamodb.faults = [harness.dynamodb.throttles]
    assert harness.gateway.item("PUT", "1", {"name": "same"}, if_none_match="*").status == 412


@pytest.mark.parametrize("fault", LOST)
def test_a_deletion_whose_answer_was_lost_is_not_refused_for_having_worked(harness: Harness, fault: str) -> None:
    harness.gateway.item("PUT", "1", WIDGET)
    harness.dynamodb.faults = [getattr(harness.dynamodb, fault)]
    assert harness.gateway.item("DELETE", "1", if_match="*").status == 204
    assert harness.gateway.item("GET", "1").status == 404


@pytest.mark.parametrize("fault", LOST)
def test_a_replacement_whose_answer_was_lost_is_answered(harness: Harness, fault: str) -> None:
    harness.gateway.item("PUT", "1", {"name": "old"})
    harness.dynamodb.faults = [getattr(harness.dynamodb, fault)]
    assert harness.gateway.item("PUT", "1", {"name": "new"}, if_match="*").status == 200
    assert harness.gateway.item("GET", "1").json["name"] == "new"


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
    harness: Harness, status: int, code: str
) -> None:
    """Never a 404 for a missing table, and no ARN, table name or message of DynamoDB in the reply."""
    message = "User: arn:aws:sts::123456789012:assumed-role/items-api-role is not authorized on table/Items0"
    harness.dynamodb.faults = [harness.dynamodb.rejects(status, code, message)]
    reply = harness.gateway.item("GET", "1")
    assert (reply.status, reply.json) == (500, {"error": "Internal server error"})
    assert harness.log[-1]["error"] == code
    assert "arn:" not in harness.lines[-1]
    assert harness.dynamodb.operations == ["GetItem"]


def test_an_answer_that_is_no_json_is_retried(harness: Harness) -> None:
    harness.dynamodb.faults = [lambda exchange: exchange.reply(502, b"<html>Bad Gateway</html>")]
    assert harness.gateway.item("GET", "1").status == 404
