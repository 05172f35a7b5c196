"""Faults, order, time, pages, rates and the journal: they make an accident happen on purpose and show that it did."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest
from moto import mock_aws

from tests.aws import AWS_RATES, MOTO, NO_DELAYS, Account, Delays, ErrorResponse, Fault, Process, VirtualClock
from tests.aws.conftest import API, FUNCTION, FUNCTION_ARN, POLICY, ROLE, ROLE_ARN, TABLE, error_of, outcome
from tests.aws.permissions import actions_of


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
        (ErrorResponse("BadRequestException", "No."), "BadRequestException", False),
    ],
)
def test_a_fault_happens_once_and_has_the_effect_that_its_name_says(
    fault: Fault | ErrorResponse, seen: str, took_effect: bool, account: Account
) -> None:
    session = account.session()
    session.faults.at("apigatewayv2.CreateApi", 2, fault)
    gateway = session.client("apigatewayv2")
    after = "ProcessKilled" if seen == "ProcessKilled" else "ok"
    assert [outcome(gateway.create_api, **API) for _ in range(3)] == ["ok", seen, after]
    assert [call.nth for call in session.faults.struck] == [2]
    assert len(boto3.client("apigatewayv2").get_apis()["Items"]) == 1 + took_effect + (after == "ok")


def test_no_thread_of_a_killed_process_has_any_effect(account: Account) -> None:
    """Not even with a request that was already sent."""
    session = account.session()
    session.faults.at("iam.CreateRole", 1, Fault.KILLED_BEFORE)
    iam, dynamodb = session.client("iam"), session.client("dynamodb")
    account.clock.gather(2)  # more sleepers than there are, so the table's request stays under way
    with ThreadPoolExecutor(2) as pool:
        sent = pool.submit(outcome, dynamodb.create_table, **TABLE)
        killed = pool.submit(outcome, iam.create_role, **ROLE)
        assert (sent.result(), killed.result()) == ("ProcessKilled", "ProcessKilled")
    account.clock.gather(1)
    assert account.leftovers() == []


def test_a_user_may_do_what_the_policy_allows_and_nothing_else(account: Account) -> None:
    statement = {"Effect": "Allow", "Action": ["iam:CreateRole", "iam:TagRole"], "Resource": ROLE_ARN}
    iam = account.session(policy={"Statement": [statement]}).client("iam")
    assert outcome(iam.create_role, **ROLE, Tags=[{"Key": "a", "Value": "b"}]) == "ok"
    assert outcome(iam.create_role, **{**ROLE, "RoleName": "other"}) == "AccessDenied"
    assert error_of(iam.delete_role, RoleName="r")[1] == (
        "User: arn:aws:iam::123456789012:user/dev is not authorized to perform: iam:DeleteRole on resource: "
        f"{ROLE_ARN} because no identity-based policy allows the iam:DeleteRole action"
    )


def test_clients_with_botocores_own_retries_are_rejected(account: Account) -> None:
    with account.running(Process("cli")), pytest.raises(AssertionError, match="without botocore's own retries"):
        boto3.client("iam").list_roles()


def test_an_hour_passes_while_every_thread_sleeps_and_no_thread_wakes_early() -> None:
    clock = VirtualClock()

    def woken_at(seconds: float) -> float:
        clock.sleep(seconds, threading.Event())
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


def test_the_journal_has_every_call_of_a_process_and_the_actions_it_needs(account: Account) -> None:
    account.delays = NO_DELAYS
    session = account.session()
    session.faults.at("iam.CreateRole", 1, Fault.THROTTLED)
    assert outcome(session.client("iam").create_role, **ROLE) == "Throttling"
    session.client("iam").create_role(**ROLE, Tags=[{"Key": "a", "Value": "b"}])
    boto3.client("iam").get_role(RoleName="r")
    session.client("lambda").create_function(**FUNCTION)
    api = session.client("apigatewayv2").create_api(**API)["ApiId"]
    session.client("apigatewayv2").get_routes(ApiId=api)
    gateway = "arn:aws:apigateway:us-east-1::/apis"
    assert [(call.operation, call.nth, call.outcome, actions_of(call)) for call in account.journal] == [
        ("iam.CreateRole", 1, "Throttling", [("iam:CreateRole", ROLE_ARN)]),
        ("iam.CreateRole", 2, "ok", [("iam:CreateRole", ROLE_ARN), ("iam:TagRole", ROLE_ARN)]),
        ("lambda.CreateFunction", 1, "ok", [("lambda:CreateFunction", FUNCTION_ARN), ("iam:PassRole", ROLE_ARN)]),
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
        gateway, iam = boto3.client("apigatewayv2"), boto3.client("iam")
        iam.create_role(**ROLE)
        for number in range(3):
            gateway.create_api(**API)
            iam.put_role_policy(**{**POLICY, "PolicyName": str(number)})
        assert [len(page["Items"]) for page in gateway.get_paginator("get_apis").paginate()] == [2, 1]
        policies = iam.get_paginator("list_role_policies").paginate(RoleName="r")
        assert [page["PolicyNames"] for page in policies] == [["0", "1"], ["2"]]


def test_calls_above_the_rate_are_throttled_until_time_has_passed() -> None:
    with mock_aws(config=MOTO), Account(rates=AWS_RATES, delays=NO_DELAYS) as account:
        gateway = account.session().client("apigatewayv2")
        for _ in range(40):
            gateway.get_apis()
        assert error_of(gateway.get_apis) == ("TooManyRequestsException", "Too Many Requests")
        account.clock.advance(0.1)
        gateway.get_apis()
