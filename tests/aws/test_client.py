"""What the client retries, what it waits for, and how it reads listings."""

import itertools
import threading
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore import exceptions as boto
from botocore.exceptions import ClientError

from items_api.aws.client import Aws
from items_api.aws.errors import AwsError, NoAnswer, ServiceError, Stopped, says
from items_api.errors import AwsUnreachable, TimedOut
from tests.aws.clock import CountingClock


class Script:
    """A client method that takes its results from a list: exceptions are raised, anything else is returned."""

    __name__ = "create_thing"

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.calls = 0

    def __call__(self, **_: Any) -> Any:
        self.calls += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def client_error(code: str, message: str = "", status: int = 400, operation: str = "CreateRole") -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]
        operation,
    )


@pytest.fixture
def clock() -> CountingClock:
    return CountingClock()


@pytest.fixture
def aws(clock: CountingClock) -> Aws:
    return Aws(boto3.Session(), clock=clock)


CUT = boto.ConnectionClosedError(endpoint_url="https://iam.amazonaws.com/")
TRANSIENT = [
    client_error("Throttling", "Rate exceeded"),
    client_error("TooManyRequestsException", "Too Many Requests", 429),
    client_error("ThrottlingException", "Rate exceeded"),
    client_error("RequestLimitExceeded"),
    client_error(
        "ConflictException",
        "Unable to complete operation due to concurrent modification. Please try again later.",
        409,
    ),
    client_error(
        "ResourceConflictException",
        "The operation cannot be performed at this time. An update is in progress for resource: x",
        409,
    ),
    client_error("ResourceConflictException", "The function is currently in the following state: Pending", 409),
    client_error("ConcurrentModification", "", 409),
    client_error(
        "OperationAbortedException", "A conflicting operation is currently in progress against this resource."
    ),
    client_error(
        "LimitExceededException",
        "Subscriber limit exceeded: Only 10 tables can be created, updated, or deleted simultaneously",
    ),
]
FATAL = [
    client_error("AccessDenied", "", 403),
    client_error("ConflictException", "Route with key GET /items already exists for this API", 409),
    client_error("ResourceConflictException", "Function already exist: items-api", 409),
    client_error("LimitExceededException", "Subscriber limit exceeded: There is a limit of 2500 tables per subscriber"),
    client_error("LimitExceeded", "Cannot exceed quota for RolesPerAccount: 1000", 409),
]


@pytest.mark.parametrize("error", TRANSIENT, ids=str)
def test_a_transient_error_is_retried_at_growing_intervals(aws: Aws, clock: CountingClock, error: ClientError) -> None:
    call = Script(error, error, error, error, error, {"ok": True})
    assert aws.send(call) == {"ok": True}
    assert len(clock.naps) == 5
    assert max(clock.naps) <= 5.0


def test_an_error_that_stays_transient_is_raised_after_two_minutes(aws: Aws, clock: CountingClock) -> None:
    with pytest.raises(ServiceError):
        aws.send(Script(TRANSIENT[0]))
    assert 120 < clock.time < 130


@pytest.mark.parametrize("error", FATAL, ids=str)
def test_an_error_that_retrying_does_not_fix_is_raised_immediately(
    aws: Aws, clock: CountingClock, error: ClientError
) -> None:
    call = Script(error)
    with pytest.raises(ServiceError):
        aws.send(call)
    assert (call.calls, clock.naps) == (1, [])


@pytest.mark.parametrize(
    "error", [CUT, client_error("InternalFailure", "", 500), client_error("ServiceFailure", "", 503)], ids=str
)
def test_a_lost_response_is_retried_four_times(aws: Aws, error: Exception) -> None:
    assert aws.send(Script(error, error, error, {"ok": True})) == {"ok": True}
    never = Script(error)
    with pytest.raises(AwsError):
        aws.send(never)
    assert never.calls == 4


def test_throttling_does_not_use_up_the_attempts_for_lost_responses(aws: Aws) -> None:
    throttled, failed = TRANSIENT[0], client_error("InternalFailure", "", 500)
    assert aws.send(Script(throttled, throttled, throttled, throttled, failed, {"ok": True})) == {"ok": True}


def test_a_create_that_is_not_idempotent_is_sent_once_if_its_response_is_lost(aws: Aws) -> None:
    call = Script(CUT, {"ok": True})
    with pytest.raises(NoAnswer) as caught:
        aws.send_once(call)
    assert caught.value.is_unclear
    assert call.calls == 1


def test_a_create_that_is_not_idempotent_is_repeated_after_a_clear_rejection(aws: Aws) -> None:
    assert aws.send_once(Script(TRANSIENT[0], {"ok": True})) == {"ok": True}


def test_an_unverifiable_certificate_is_never_retried(aws: Aws) -> None:
    call = Script(boto.SSLError(endpoint_url="https://x", error=OSError("certificate verify failed")))
    with pytest.raises(NoAnswer):
        aws.send(call)
    assert call.calls == 1


def test_an_error_of_our_own_is_not_blamed_on_aws(aws: Aws) -> None:
    with pytest.raises(TypeError):
        aws.send(Script(TypeError("'NoneType' object is not subscriptable")))


def test_settle_polls_after_a_tenth_of_a_second_then_every_half_second_and_later_less_often(
    aws: Aws, clock: CountingClock
) -> None:
    count = itertools.count()
    aws.settle(lambda: next(count), until=lambda n: n == 20, waiting="for 20", report=lambda _: None)
    assert clock.naps[0] == 0.1
    assert max(clock.naps) == 0.5


def test_settle_times_out_and_says_what_it_was_waiting_for(aws: Aws, clock: CountingClock) -> None:
    reported: list[str] = []
    waiting = "for the table to become ACTIVE"
    with pytest.raises(TimedOut, match=r"Timed out after 30. s waiting for the table to become ACTIVE\."):
        aws.settle(lambda: None, until=bool, waiting=waiting, report=reported.append)
    assert set(reported) == {waiting}
    assert clock.naps[-1] == 10.0


def test_settle_treats_only_the_expected_error_as_not_yet(aws: Aws) -> None:
    not_yet = ServiceError("NoSuchEntity", "The role with name x cannot be found.", "GetRole", 404)
    denied = ServiceError("AccessDenied", "", "GetRole", 403)

    def settle(script: Script) -> Any:
        return aws.settle(script, transient=says("NoSuchEntity"), waiting="for the role", report=lambda _: None)

    assert settle(Script(not_yet, {"ok": 1})) == {"ok": 1}
    with pytest.raises(ServiceError, match="AccessDenied"):
        settle(Script(denied))


def test_nothing_is_sent_after_stop(aws: Aws) -> None:
    aws.stop()
    call = Script({"ok": True})
    with pytest.raises(Stopped):
        aws.send(call)
    assert call.calls == 0


def test_a_missing_field_is_reported_as_a_fault_of_the_response(aws: Aws) -> None:
    answer = aws.send(Script({"Things": [{"Inner": {"A": 1}}]}))
    assert answer["Things"][0]["Inner"]["A"] == 1
    for missing in (answer, answer["Things"][0]["Inner"]):
        with pytest.raises(AwsUnreachable, match=r"The response to create_thing is not from AWS\. It has no Role"):
            missing["Role"]
    assert answer.get("Role") is None


def test_every_page_is_read(aws: Aws) -> None:
    pages = Script({"Items": [1, 2], "NextToken": "t"}, {"Items": [], "NextToken": "u"}, {"Items": [3]})
    assert aws.every(pages, "Items") == [1, 2, 3]
    assert pages.calls == 3


def test_reads_run_in_parallel_and_keep_their_order(aws: Aws) -> None:
    barrier = threading.Barrier(3, timeout=10)

    def read(n: int) -> Callable[[], int]:
        return lambda: n if barrier.wait() >= 0 else 0

    assert aws.together(read(1), read(2), read(3)) == [1, 2, 3]
