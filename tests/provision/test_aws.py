"""The door to AWS: what is tried again, what is waited for, and what an error means to the user."""

from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore import exceptions as boto
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from items_api.errors import AccessDenied, AwsRefused, AwsUnreachable, NoCredentials, NotSettled, Problem
from items_api.provision.answers import says
from items_api.provision.aws import Aws, Stopped
from items_api.provision.refusals import problem_from

if TYPE_CHECKING:
    from collections.abc import Callable


class CountingClock:
    """Every second slept passes at once, and is remembered."""

    def __init__(self) -> None:
        self.time = 0.0
        self.naps: list[float] = []

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float, until: threading.Event) -> None:
        self.naps.append(seconds)
        self.time += seconds


class Script:
    """A client's method that answers from a list: an exception is raised, anything else returned."""

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


def refusal(code: str, message: str = "", status: int = 400, operation: str = "CreateRole") -> ClientError:
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
PASSING = [
    refusal("Throttling", "Rate exceeded"),
    refusal("TooManyRequestsException", "Too Many Requests", 429),
    refusal("ThrottlingException", "Rate exceeded"),
    refusal("RequestLimitExceeded"),
    refusal(
        "ConflictException",
        "Unable to complete operation due to concurrent modification. Please try again later.",
        409,
    ),
    refusal(
        "ResourceConflictException",
        "The operation cannot be performed at this time. An update is in progress for resource: x",
        409,
    ),
    refusal("ResourceConflictException", "The function is currently in the following state: Pending", 409),
    refusal("ConcurrentModification", "", 409),
    refusal("OperationAbortedException", "A conflicting operation is currently in progress against this resource."),
    refusal(
        "LimitExceededException",
        "Subscriber limit exceeded: Only 10 tables can be created, updated, or deleted simultaneously",
    ),
]
FATAL = [
    refusal("AccessDenied", "", 403),
    refusal("ConflictException", "Route with key GET /items already exists for this API", 409),
    refusal("ResourceConflictException", "Function already exist: items-api", 409),
    refusal("LimitExceededException", "Subscriber limit exceeded: There is a limit of 2500 tables per subscriber"),
    refusal("LimitExceeded", "Cannot exceed quota for RolesPerAccount: 1000", 409),
]


@pytest.mark.parametrize("error", PASSING, ids=str)
def test_a_refusal_that_passes_is_outlasted_with_growing_pauses(
    aws: Aws, clock: CountingClock, error: ClientError
) -> None:
    call = Script(error, error, error, error, error, {"ok": True})
    assert aws.send(call) == {"ok": True}
    assert len(clock.naps) == 5
    assert max(clock.naps) <= 5.0


@pytest.mark.parametrize("error", PASSING[:1], ids=str)
def test_a_refusal_that_does_not_pass_in_two_minutes_is_raised(
    aws: Aws, clock: CountingClock, error: ClientError
) -> None:
    with pytest.raises(ClientError):
        aws.send(Script(error))
    assert 120 < clock.time < 130


@pytest.mark.parametrize("error", FATAL, ids=str)
def test_a_refusal_that_waiting_does_not_cure_is_raised_at_once(
    aws: Aws, clock: CountingClock, error: ClientError
) -> None:
    call = Script(error)
    with pytest.raises(ClientError):
        aws.send(call)
    assert (call.calls, clock.naps) == (1, [])


@pytest.mark.parametrize(
    "error", [CUT, refusal("InternalFailure", "", 500), refusal("ServiceFailure", "", 503)], ids=str
)
def test_a_lost_answer_is_asked_for_a_few_times(aws: Aws, error: Exception) -> None:
    assert aws.send(Script(error, error, error, {"ok": True})) == {"ok": True}
    never = Script(error)
    with pytest.raises(type(error)):
        aws.send(never)
    assert never.calls == 4


def test_throttling_does_not_use_up_the_attempts_for_lost_answers(aws: Aws) -> None:
    throttled, failed = PASSING[0], refusal("InternalFailure", "", 500)
    assert aws.send(Script(throttled, throttled, throttled, throttled, failed, {"ok": True})) == {"ok": True}


def test_a_create_that_must_not_happen_twice_is_not_sent_again_after_a_lost_answer(aws: Aws) -> None:
    call = Script(CUT, {"ok": True})
    with pytest.raises(boto.ConnectionClosedError):
        aws.send_once(call)
    assert call.calls == 1


def test_but_it_is_sent_again_after_a_clear_refusal(aws: Aws) -> None:
    assert aws.send_once(Script(PASSING[0], {"ok": True})) == {"ok": True}


def test_an_unverifiable_certificate_is_never_tried_again(aws: Aws) -> None:
    call = Script(boto.SSLError(endpoint_url="https://x", error=OSError("certificate verify failed")))
    with pytest.raises(boto.SSLError):
        aws.send(call)
    assert call.calls == 1


def test_settle_looks_often_at_first_and_never_waits_more_than_half_a_second_in_the_first_half_minute(
    aws: Aws, clock: CountingClock
) -> None:
    count = itertools.count()
    aws.settle(lambda: next(count), until=lambda n: n == 20, waiting="until 20", say=lambda _: None)
    assert clock.naps[0] == 0.1
    assert max(clock.naps) == 0.5


def test_settle_ends_and_says_what_it_waited_for(aws: Aws, clock: CountingClock) -> None:
    said: list[str] = []
    with pytest.raises(NotSettled, match=r"Waited 30. s until the table is ACTIVE, in vain"):
        aws.settle(lambda: None, until=bool, waiting="until the table is ACTIVE", say=said.append)
    assert set(said) == {"until the table is ACTIVE"}
    assert clock.naps[-1] == 2.0


def test_settle_takes_only_the_expected_error_for_not_yet(aws: Aws) -> None:
    not_yet = refusal("NoSuchEntity", "The role with name x cannot be found.", 404)
    found = aws.settle(
        Script(not_yet, {"ok": 1}), passing=says("NoSuchEntity"), waiting="until the role shows", say=lambda _: None
    )
    assert found == {"ok": 1}
    with pytest.raises(ClientError, match="AccessDenied"):
        aws.settle(Script(refusal("AccessDenied")), passing=says("NoSuchEntity"), waiting="", say=lambda _: None)


def test_after_stop_nothing_more_is_sent(aws: Aws) -> None:
    aws.stop()
    call = Script({"ok": True})
    with pytest.raises(Stopped):
        aws.send(call)
    assert call.calls == 0


def test_a_missing_field_is_said_to_be_the_answers_fault(aws: Aws) -> None:
    answer = aws.send(Script({"Things": [{"Inner": {"A": 1}}]}))
    assert answer["Things"][0]["Inner"]["A"] == 1
    for missing in (answer, answer["Things"][0]["Inner"]):
        with pytest.raises(AwsUnreachable, match=r"The answer to create_thing is not AWS's\. It has no Role"):
            missing["Role"]
    assert answer.get("Role") is None


def test_all_pages_are_read(aws: Aws) -> None:
    pages = Script({"Items": [1, 2], "NextToken": "t"}, {"Items": [], "NextToken": "u"}, {"Items": [3]})
    assert aws.every(pages, "Items") == [1, 2, 3]
    assert pages.calls == 3


def test_reads_run_side_by_side_and_keep_their_order(aws: Aws) -> None:
    barrier = threading.Barrier(3, timeout=10)

    def read(n: int) -> Callable[[], int]:
        return lambda: n if barrier.wait() >= 0 else 0

    assert aws.together(read(1), read(2), read(3)) == [1, 2, 3]


DENIED = "User: arn:aws:iam::123456789012:user/dev is not authorized to perform: iam:CreateRole on resource: arn:aws:iam::123456789012:role/items-api-role because no identity-based policy allows the iam:CreateRole action"


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (refusal("AccessDenied", DENIED, 403), AccessDenied, "needs iam:CreateRole"),
        (refusal("AccessDeniedException", "no", 403), AccessDenied, "needs CreateRole"),
        (refusal("ExpiredToken", "The security token included in the request is expired"), NoCredentials, "expired"),
        (
            refusal("InvalidClientTokenId", "The security token included in the request is invalid."),
            NoCredentials,
            "aws sts get-caller-identity",
        ),
        (
            refusal(
                "SignatureDoesNotMatch",
                "Signature expired: 20261123T100000Z is now earlier than 20261123T101500Z (20261123T103000Z - 15 min.)",
                403,
            ),
            NoCredentials,
            "clock",
        ),
        (
            refusal("SignatureDoesNotMatch", "Signature not yet current: 20261123T104500Z is still later than", 403),
            NoCredentials,
            "clock",
        ),
        (
            refusal("InvalidSignatureException", "The request signature we calculated does not match", 403),
            NoCredentials,
            "does not accept your credentials",
        ),
        (refusal("Throttling", "Rate exceeded"), AwsRefused, "Wait a minute"),
        (refusal("LimitExceeded", "Cannot exceed quota for RolesPerAccount: 1000", 409), AwsRefused, "quota"),
        (
            refusal(
                "ValidationException",
                "Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first.",
            ),
            AwsRefused,
            "--no-deletion-protection-enabled",
        ),
        (refusal("InvalidParameterValueException", "Something"), AwsRefused, "CreateRole: Something"),
        (boto.NoCredentialsError(), NoCredentials, "--local"),
        (boto.ProfileNotFound(profile="nope"), NoCredentials, "nope"),
        (boto.SSOTokenLoadError(error_msg="gone"), NoCredentials, "aws sso login"),
        (boto.EndpointConnectionError(endpoint_url="https://iam.amazonaws.com/"), AwsUnreachable, "Check the network"),
        (boto.ReadTimeoutError(endpoint_url="https://iam.amazonaws.com/"), AwsUnreachable, "no answer"),
        (boto.SSLError(endpoint_url="https://x", error=OSError("self-signed")), AwsUnreachable, "AWS_CA_BUNDLE"),
        (ResponseParserError("invalid XML received: " + "<html>" * 200), AwsUnreachable, "not AWS's"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_an_error_says_what_failed_why_and_what_to_do(error: Any, kind: type[Problem], said: str) -> None:
    problem = problem_from(error, "Could not create the IAM role items-api-role")
    assert type(problem) is kind
    assert problem.what.startswith("Could not create the IAM role items-api-role")
    assert said in str(problem)
    assert problem.todo
    assert len(str(problem)) < 900


def test_a_request_that_botocore_refuses_is_a_bug_and_keeps_its_traceback() -> None:
    with pytest.raises(boto.ParamValidationError):
        problem_from(boto.ParamValidationError(report="Missing required parameter"), "Could not create")
