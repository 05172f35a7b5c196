"""When DynamoDB throttles, fails, hangs or disconnects, a request is retried, or answered with 503 in time."""

import json

import pytest

from items_api.handler.dynamodb import ATTEMPTS, Client
from items_api.handler.index import Api
from items_api.handler.table import Table
from tests.handler.conftest import Gateway, Harness

WIDGET = {"itemId": "1", "name": "Widget"}
# After these faults, the write has been applied but the client of DynamoDB does not know.
REPLY_LOST = ["fails_after_write", "disconnects_after_write", "corrupts_reply"]


@pytest.mark.parametrize("fault", ["throttles", "disconnects_before_write", "replies_without_json", *REPLY_LOST])
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("PUT", "/items/1", 200), ("GET", "/items/1", 200), ("DELETE", "/items/1", 204), ("GET", "/items", 200)],
)
def test_a_transient_fault_is_retried(harness: Harness, fault: str, method: str, path: str, status: int) -> None:
    """The client sees the same reply as without the fault."""
    harness.gateway.item("PUT", "1", WIDGET)
    harness.dynamodb.fail(fault)
    reply = harness.gateway(method, path, json.dumps(WIDGET) if method == "PUT" else None)
    assert reply.status == status
    if path == "/items":
        assert reply.json == [WIDGET]


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        ("throttles", "ProvisionedThroughputExceededException"),
        ("fails_after_write", "InternalServerError"),
        ("disconnects_before_write", "ReplyError"),
        ("corrupts_reply", "ChecksumMismatch"),
        ("replies_without_json", "NotJSON502"),
    ],
)
def test_a_persistent_fault_is_a_503_with_retry_after(harness: Harness, fault: str, cause: str) -> None:
    harness.dynamodb.fail(*[fault] * ATTEMPTS)
    reply = harness.gateway.item("PUT", "1", WIDGET)
    assert reply.error == (503, "The database is busy or unreachable. Try again")
    assert reply.headers["retry-after"] == "1"
    assert len(harness.dynamodb.operations) == ATTEMPTS
    assert harness.log[-1]["error"] == cause


def test_the_backoff_has_full_jitter_and_doubles(harness: Harness) -> None:
    """Each pause is random up to a limit, so that throttled clients do not retry at the same time."""
    harness.dynamodb.fail(*["throttles"] * ATTEMPTS)
    harness.gateway.item("GET", "1")
    limits = [min(1.0, 0.05 * 2**attempt) for attempt in range(ATTEMPTS)]
    assert all(0 <= pause <= limit for pause, limit in zip(harness.pauses, limits, strict=True))
    assert len(set(harness.pauses)) == ATTEMPTS
    assert max(harness.pauses) > limits[0]  # fails by chance once in 100,000 runs


def test_a_hanging_dynamodb_is_a_503_before_the_function_times_out(harness: Harness) -> None:
    harness.dynamodb.fail("hangs")
    reply = harness.gateway("GET", "/items/1", seconds=0.8)
    assert (reply.status, harness.log[-1]["error"]) == (503, "TimeoutError")
    assert harness.log[-1]["ms"] < 800


def test_no_attempt_starts_without_enough_time(harness: Harness) -> None:
    reply = harness.gateway("GET", "/items/1", seconds=0.1)
    assert (reply.status, harness.dynamodb.operations) == (503, [])


def test_a_refused_connection_is_a_503() -> None:
    client = Client.from_environment({"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_REGION": "eu-central-1"})
    lines: list[str] = []
    reply = Gateway(Api(Table("Items", client, {}), lines.append))("GET", "/items/1", seconds=1)
    assert (reply.status, json.loads(lines[0])["error"]) == (503, "ConnectionRefusedError")


@pytest.mark.parametrize("faults", [["succeeds_and_disconnects"], ["succeeds", "disconnects_before_write"]])
def test_a_connection_closed_between_or_during_requests_is_reopened_without_backoff(
    harness: Harness, faults: list[str]
) -> None:
    """As happens while Lambda is frozen."""
    harness.dynamodb.fail(*faults)
    assert harness.gateway.item("PUT", "1", WIDGET).status == 201
    before = harness.dynamodb.connections
    assert harness.gateway.item("GET", "1").json == WIDGET
    assert harness.dynamodb.connections == before + 1
    assert sum(harness.pauses) == 0


@pytest.mark.parametrize("fault", REPLY_LOST)
@pytest.mark.parametrize("times", [1, 3])
def test_if_none_match_succeeds_if_the_existing_item_is_from_an_earlier_attempt(
    harness: Harness, fault: str, times: int
) -> None:
    document = {"numbers": [1, 2.50, -0.0, 10**37], "deep": {"a": [{}, [], None, True]}, "b": "é\u0000"}
    harness.dynamodb.fail(*[fault] * times)
    reply = harness.gateway.item("PUT", "1", document, if_none_match="*")
    assert reply.status == 201
    assert harness.gateway.item("GET", "1").json == reply.json


@pytest.mark.parametrize("fault", REPLY_LOST)
@pytest.mark.parametrize(
    ("method", "condition", "status", "name_after"),
    [("PUT", "if_none_match", 412, "old"), ("PUT", "if_match", 200, "new"), ("DELETE", "if_match", 204, None)],
)
def test_a_lost_reply_does_not_change_the_result_for_an_existing_item(
    harness: Harness, fault: str, *, method: str, condition: str, status: int, name_after: str | None
) -> None:
    harness.gateway.item("PUT", "1", {"name": "old"})
    harness.dynamodb.fail(fault)
    body = {"name": "new"} if method == "PUT" else None
    assert harness.gateway.item(method, "1", body, **{condition: "*"}).status == status
    assert harness.gateway.item("GET", "1").json.get("name") == name_after


@pytest.mark.parametrize(
    ("fault", "conditions"), [("throttles", ["if_none_match"]), ("fails_after_write", ["if_none_match", "if_match"])]
)
def test_a_precondition_fails_for_an_equal_item_that_no_attempt_can_have_written(
    harness: Harness, fault: str, conditions: list[str]
) -> None:
    """A throttled attempt writes nothing, and neither does one whose conditions exclude each other."""
    harness.gateway.item("PUT", "1", {"name": "same"})
    harness.dynamodb.fail(fault)
    assert harness.gateway.item("PUT", "1", {"name": "same"}, **dict.fromkeys(conditions, "*")).status == 412


@pytest.mark.parametrize(
    "code",
    ["ResourceNotFoundException", "AccessDeniedException", "UnrecognizedClientException", "ValidationException"],
)
def test_a_deployment_error_is_a_500_whose_cause_is_only_in_the_log(harness: Harness, code: str) -> None:
    """A missing table is not a 404, and the reply contains no ARN, table name or message from DynamoDB."""
    message = "User: arn:aws:sts::123456789012:assumed-role/items-api-role is not authorized on table/Items0"
    harness.dynamodb.faults = [lambda exchange: exchange.reject(400, code, message)]
    assert harness.gateway.item("GET", "1").error == (500, "Internal server error")
    assert harness.log[-1]["error"] == code
    assert "arn:" not in harness.lines[-1]
    assert harness.dynamodb.operations == ["GetItem"]
