"""Faults, order, time, pages, rates and the journal: what makes an accident happen on purpose and shows that it did."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError
from moto import mock_aws

from tests.aws import (
    AWS_RATES,
    MOTO,
    NO_DELAYS,
    Account,
    Delays,
    Fault,
    Process,
    ProcessKilled,
    Refusal,
    VirtualClock,
)
from tests.aws.requests import API, FUNCTION, FUNCTION_ARN, POLICY, ROLE, TABLE
from tests.aws.test_lag import refusal

if TYPE_CHECKING:
    from collections.abc import Callable

NEVER = threading.Event()


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
def test_a_fault_happens_once_and_has_the_effect_that_its_name_says(
    fault: Fault | Refusal, seen: str, took_effect: bool, account: Account
) -> None:
    session = account.session()
    session.faults.at("apigatewayv2.CreateApi", 2, fault)
    gateway = session.client("apigatewayv2")
    assert outcome(gateway.create_api, **API) == "ok"
    assert outcome(gateway.create_api, **API) == seen
    assert len(boto3.client("apigatewayv2").get_apis()["Items"]) == 1 + took_effect
    assert [call.nth for call in session.faults.struck] == [2]
    assert outcome(gateway.create_api, **API) == ("ProcessKilled" if seen == "ProcessKilled" else "ok")


def test_no_thread_of_a_killed_process_has_any_effect(account: Account) -> None:
    """Not even with a request that was already sent."""
    session = account.session()
    session.faults.at("iam.CreateRole", 1, Fault.KILLED_BEFORE)
    iam, dynamodb, logs = (session.client(service) for service in ("iam", "dynamodb", "logs"))
    account.clock.gather(2)  # more sleepers than there are, so the table's request stays under way
    with ThreadPoolExecutor(2) as pool:
        sent = pool.submit(outcome, dynamodb.create_table, **TABLE)
        killed = pool.submit(outcome, iam.create_role, **ROLE)
        assert (sent.result(), killed.result()) == ("ProcessKilled", "ProcessKilled")
    account.clock.gather(1)
    assert outcome(logs.create_log_group, logGroupName="/x") == "ProcessKilled"
    assert account.leftovers() == []


def test_a_user_may_do_what_the_policy_allows_and_nothing_else(account: Account) -> None:
    arn = "arn:aws:iam::123456789012:role/r"
    statement = {"Effect": "Allow", "Action": ["iam:CreateRole", "iam:TagRole"], "Resource": arn}
    iam = account.session(policy={"Statement": [statement]}).client("iam")
    assert outcome(iam.create_role, **ROLE, Tags=[{"Key": "a", "Value": "b"}]) == "ok"
    assert outcome(iam.create_role, **{**ROLE, "RoleName": "other"}) == "AccessDenied"
    assert refusal(iam.delete_role, RoleName="r")[1] == (
        "User: arn:aws:iam::123456789012:user/dev is not authorized to perform: iam:DeleteRole on resource: "
        f"{arn} because no identity-based policy allows the iam:DeleteRole action"
    )


def test_code_that_creates_its_own_sessions_can_be_given_faults_and_a_journal(account: Account) -> None:
    process = Process("cli")
    process.faults.at("iam.ListRoles", 1, Fault.DENIED)
    own = boto3.Session().client("iam", config=Config(retries={"total_max_attempts": 1}))
    with account.running(process):
        assert outcome(own.list_roles) == "AccessDenied"
    assert outcome(own.list_roles) == "ok"
    assert [(call.process, call.operation) for call in account.journal] == [("cli", "iam.ListRoles")]


def test_clients_with_botocores_own_retries_are_refused(account: Account) -> None:
    with account.running(Process("cli")), pytest.raises(AssertionError, match="without botocore's own retries"):
        boto3.client("iam").list_roles()


def test_an_hour_passes_while_every_thread_sleeps_and_no_one_wakes_early() -> None:
    clock = VirtualClock()

    def woken_at(seconds: float) -> float:
        clock.sleep(seconds, NEVER)
        return clock.now()

    clock.gather(3)
    with ThreadPoolExecutor(3) as pool:
        assert all(at >= seconds for at, seconds in zip(pool.map(woken_at, (3600, 1, 2)), (3600, 1, 2), strict=True))
    assert clock.now() == 3600


def test_calls_at_the_same_moment_take_the_time_of_one(account: Account) -> None:
    account.delays = Delays(latency=1)
    iam = account.session().client("iam")
    account.clock.gather(4)
    with ThreadPoolExecutor(4) as pool:
        for _ in range(4):
            pool.submit(iam.list_roles)
    assert (account.clock.now(), account.journal.depth(), account.journal.seconds()) == (1, 1, 1)
    iam.list_roles()
    assert (account.clock.now(), account.journal.depth(), account.journal.seconds()) == (2, 2, 2)


def test_a_call_waits_at_a_gate_until_it_is_opened(account: Account) -> None:
    gate = account.schedule.pause_before("apigatewayv2.CreateApi", process="first")
    first, second = (account.session(name).client("apigatewayv2") for name in ("first", "second"))
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(first.create_api, **API)
        gate.wait_until_reached()
        older = second.create_api(**API)
        gate.open()
        assert held.result()["CreatedDate"] > older["CreatedDate"]


def test_the_journal_has_every_call_with_its_outcome_and_the_actions_it_needs(account: Account) -> None:
    account.delays = NO_DELAYS
    session = account.session("one")
    session.faults.at("iam.CreateRole", 1, Fault.THROTTLED)
    iam = session.client("iam")
    assert outcome(iam.create_role, **ROLE) == "Throttling"
    iam.create_role(**ROLE, Tags=[{"Key": "a", "Value": "b"}])
    boto3.client("iam").get_role(RoleName="r")
    session.client("lambda").create_function(**FUNCTION)
    api = session.client("apigatewayv2").create_api(**API)["ApiId"]
    role, gateway = "arn:aws:iam::123456789012:role/r", "arn:aws:apigateway:us-east-1::/apis"
    session.client("apigatewayv2").get_routes(ApiId=api)
    assert [(call.operation, call.nth, call.outcome, call.actions) for call in account.journal] == [
        ("iam.CreateRole", 1, "Throttling", [("iam:CreateRole", role)]),
        ("iam.CreateRole", 2, "ok", [("iam:CreateRole", role), ("iam:TagRole", role)]),
        ("lambda.CreateFunction", 1, "ok", [("lambda:CreateFunction", FUNCTION_ARN), ("iam:PassRole", role)]),
        ("apigatewayv2.CreateApi", 1, "ok", [("apigateway:POST", gateway)]),
        ("apigatewayv2.GetRoutes", 1, "ok", [("apigateway:GET", f"{gateway}/{api}/routes")]),
    ]
    assert len(account.journal.writes()) == 4


def test_equal_accounts_have_equal_snapshots_and_every_api_counts() -> None:
    snapshots = []
    for seconds in (1, 2):
        with mock_aws(config=MOTO), Account() as account:
            account.rest(seconds)
            boto3.client("apigatewayv2").create_api(**API)
            boto3.client("iam").create_role(**ROLE)
            snapshots.append(account.snapshot())
    assert snapshots[0] == snapshots[1]
    assert list(snapshots[0]["AWS::ApiGatewayV2::Api"]) == ["us-east-1 <api 1>"]


def test_lists_come_in_pages() -> None:
    with mock_aws(config=MOTO), Account(delays=NO_DELAYS, page_size=2):
        gateway, iam, logs = boto3.client("apigatewayv2"), boto3.client("iam"), boto3.client("logs")
        iam.create_role(**ROLE)
        for number in range(3):
            gateway.create_api(**API)
            logs.create_log_group(logGroupName=f"/x/{number}")
            iam.put_role_policy(**{**POLICY, "PolicyName": str(number)})
        assert [len(page["Items"]) for page in gateway.get_paginator("get_apis").paginate()] == [2, 1]
        assert [len(page["logGroups"]) for page in logs.get_paginator("describe_log_groups").paginate()] == [2, 1]
        policies = iam.get_paginator("list_role_policies").paginate(RoleName="r")
        assert [page["PolicyNames"] for page in policies] == [["0", "1"], ["2"]]


def test_calls_above_the_rate_are_throttled_until_time_has_passed() -> None:
    with mock_aws(config=MOTO), Account(rates=AWS_RATES, delays=NO_DELAYS) as account:
        gateway = account.session().client("apigatewayv2")
        for _ in range(40):
            gateway.get_apis()
        assert refusal(gateway.get_apis) == ("TooManyRequestsException", "Too Many Requests")
        account.clock.advance(0.1)
        gateway.get_apis()
