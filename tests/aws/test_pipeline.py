"""Faults, order, time, pages, rates and the journal: each is provoked on purpose, and the test shows its effect."""

from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest
from moto import mock_aws

from tests.aws import AWS_RATES, MOTO, NO_DELAYS, Account, Delays, ErrorResponse, Fault, Process
from tests.aws.conftest import API, POLICY, ROLE, TABLE, error_of, outcome


@pytest.mark.parametrize(
    ("fault", "seen", "took_effect"),
    [
        (Fault.THROTTLED, "TooManyRequestsException", False),
        (Fault.FAILED_BEFORE, "InternalServerErrorException", False),
        (Fault.FAILED_AFTER, "InternalServerErrorException", True),
        (Fault.CUT_BEFORE, "ConnectionClosedError", False),
        (Fault.CUT_AFTER, "ConnectionClosedError", True),
        (Fault.TIMED_OUT, "ReadTimeoutError", True),
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
    assert [call.nth for call in account.journal if call.result] == [2]
    assert len(boto3.client("apigatewayv2").get_apis()["Items"]) == 1 + took_effect + (after == "ok")


def test_no_thread_of_a_killed_process_has_any_effect(account: Account) -> None:
    """Not even with a request that was already sent."""
    session = account.session()
    session.faults.at("iam.CreateRole", 1, Fault.KILLED_BEFORE)
    iam, dynamodb = session.client("iam"), session.client("dynamodb")
    account.clock.gather(2)  # more sleepers than there are, so the request to create the table stays in flight
    with ThreadPoolExecutor(2) as pool:
        sent = pool.submit(outcome, dynamodb.create_table, **TABLE)
        killed = pool.submit(outcome, iam.create_role, **ROLE)
        assert (sent.result(), killed.result()) == ("ProcessKilled", "ProcessKilled")
    account.clock.gather(1)
    assert account.leftovers() == []


def test_clients_with_botocores_own_retries_are_rejected(account: Account) -> None:
    with account.running(Process("cli")), pytest.raises(AssertionError, match="without botocore's own retries"):
        boto3.client("iam").list_roles()


def test_calls_at_the_same_moment_take_the_time_of_one(account: Account) -> None:
    account.delays = Delays(latency=1)
    iam = account.session().client("iam")
    account.clock.gather(4)
    with ThreadPoolExecutor(4) as pool:
        for _ in range(4):
            pool.submit(iam.list_roles)
    assert (account.clock.now(), account.journal.depth()) == (1, 1)
    iam.list_roles()
    assert (account.clock.now(), account.journal.depth()) == (2, 2)


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
