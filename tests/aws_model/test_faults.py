"""Each fault is what AWS, or the network, would really show; and a killed process has no effect any more."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, HTTPClientError, ReadTimeoutError

from tests.aws_model import NO_DELAYS, AwsWorld, Fault, ModelSession, ProcessKilled, Refusal
from tests.aws_model.requests import API, ROLE, TABLE

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def world() -> AwsWorld:
    return AwsWorld(delays=NO_DELAYS)


@pytest.fixture
def session(world: AwsWorld) -> ModelSession:
    return world.session()


def outcome(call: Callable[..., Any], **parameters: Any) -> str:
    try:
        call(**parameters)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    except (HTTPClientError, ProcessKilled) as error:
        return type(error).__name__
    return "ok"


@pytest.mark.parametrize(
    ("fault", "seen", "took_effect"),
    [
        (Fault.THROTTLED, "TooManyRequestsException", False),
        (Fault.FAILED_BEFORE, "InternalServerErrorException", False),
        (Fault.FAILED_AFTER, "InternalServerErrorException", True),
        (Fault.CUT_BEFORE, "ConnectionClosedError", False),
        (Fault.CUT_AFTER, "ConnectionClosedError", True),
        (Fault.NO_ANSWER, "ReadTimeoutError", True),
        (Fault.DENIED, "AccessDeniedException", False),
        (Fault.KILLED_BEFORE, "ProcessKilled", False),
        (Fault.KILLED_AFTER, "ProcessKilled", True),
        (Refusal("BadRequestException", "No."), "BadRequestException", False),
    ],
)
def test_a_fault_strikes_once_and_its_effect_is_what_its_name_says(
    fault: Fault | Refusal, seen: str, took_effect: bool, world: AwsWorld, session: ModelSession
) -> None:
    session.faults.at("apigatewayv2.CreateApi", 2, fault)
    gateway = session.client("apigatewayv2")
    assert outcome(gateway.create_api, **API) == "ok"
    assert outcome(gateway.create_api, **API) == seen
    assert len(world.boto("apigatewayv2").get_apis()["Items"]) == 1 + took_effect
    assert [call.nth for call in session.faults.struck] == [2]
    again = "ProcessKilled" if seen == "ProcessKilled" else "ok"
    assert outcome(gateway.create_api, **API) == again


@pytest.mark.parametrize(
    ("operation", "words"),
    [
        ("dynamodb.list_tables", ["ThrottlingException", "InternalServerError", "AccessDeniedException"]),
        ("iam.list_roles", ["Throttling", "ServiceFailure", "AccessDenied"]),
        ("logs.describe_log_groups", ["ThrottlingException", "ServiceUnavailableException", "AccessDeniedException"]),
        ("lambda.list_functions", ["TooManyRequestsException", "ServiceException", "AccessDeniedException"]),
        ("sts.get_caller_identity", ["Throttling", "InternalFailure", "InvalidClientTokenId"]),
    ],
)
def test_every_service_has_its_own_words_for_the_same_trouble(
    operation: str, words: list[str], session: ModelSession
) -> None:
    for number, fault in enumerate((Fault.THROTTLED, Fault.FAILED_BEFORE, Fault.DENIED), 1):
        session.faults.at_call(number, fault)
    service, _, method = operation.partition(".")
    call = getattr(session.client(service), method)
    assert [outcome(call) for _ in range(4)] == [*words, "ok"]


def test_throttled_five_times_is_let_through_at_the_sixth(session: ModelSession) -> None:
    session.faults.at("iam.CreateRole", 1, Fault.THROTTLED_FIVE_TIMES)
    create = session.client("iam").create_role
    assert [outcome(create, **ROLE) for _ in range(6)] == ["Throttling"] * 5 + ["ok"]


def test_a_denial_names_the_user_the_action_and_the_resource(session: ModelSession) -> None:
    session.faults.at("iam.CreateRole", 1, Fault.DENIED)
    with pytest.raises(ClientError) as caught:
        session.client("iam").create_role(**ROLE)
    assert caught.value.response["Error"]["Message"] == (
        "User: arn:aws:iam::123456789012:user/dev is not authorized to perform: iam:CreateRole on resource: "
        "arn:aws:iam::123456789012:role/r because no identity-based policy allows the iam:CreateRole action"
    )


def test_a_lost_connection_is_the_exception_that_botocore_raises_for_one(session: ModelSession) -> None:
    session.faults.at_call(1, Fault.CUT_AFTER)
    session.faults.at_call(2, Fault.NO_ANSWER)
    gateway = session.client("apigatewayv2")
    with pytest.raises(ConnectionClosedError, match=r"https://apigateway.us-east-1.amazonaws.com"):
        gateway.create_api(**API)
    with pytest.raises(ReadTimeoutError):
        gateway.create_api(**API)


def test_no_thread_of_a_killed_process_has_any_more_effect(aws_world: AwsWorld) -> None:
    """Not even with a request that was on its way."""
    aws_world.clock.gather(2)  # which does not come true, so the table's request stays on its way
    session = aws_world.session()
    session.faults.at("iam.CreateRole", 1, Fault.KILLED_BEFORE)
    iam, dynamodb, logs = (session.client(service) for service in ("iam", "dynamodb", "logs"))
    with ThreadPoolExecutor(2) as pool:
        under_way = pool.submit(outcome, dynamodb.create_table, **TABLE)
        killed = pool.submit(outcome, iam.create_role, **ROLE)
        assert (under_way.result(), killed.result()) == ("ProcessKilled", "ProcessKilled")
    assert outcome(logs.create_log_group, logGroupName="/x") == "ProcessKilled"
    aws_world.clock.gather(1)
    assert aws_world.leftovers() == []
    assert outcome(aws_world.session().client("iam").create_role, **ROLE) == "ok"


def test_a_user_may_do_what_the_policy_allows_and_nothing_else(world: AwsWorld) -> None:
    arn = "arn:aws:iam::123456789012:role/r"
    statement = {"Effect": "Allow", "Action": ["iam:CreateRole", "iam:TagRole"], "Resource": arn}
    iam = world.session(policy={"Statement": [statement]}).client("iam")
    assert outcome(iam.create_role, **ROLE, Tags=[{"Key": "a", "Value": "b"}]) == "ok"
    assert outcome(iam.create_role, **{**ROLE, "RoleName": "other"}) == "AccessDenied"
    assert outcome(iam.delete_role, RoleName="r") == "AccessDenied"
