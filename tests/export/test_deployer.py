"""The policy of the user who deploys: it grants every action that the commands need, and no other."""

import json
import re
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from items_api.aws.client import Aws, Clock
from items_api.errors import AccessDenied, NoStack, Problem
from items_api.export import deployer
from items_api.local import ACCOUNT, LocalAws
from items_api.observe.metrics import read_metrics
from items_api.observe.tail import Tail
from items_api.provision.stack import Stack
from items_api.settings import Settings
from items_api.smoke.curl import Connection, Request
from tests.aws import Account as AwsAccount
from tests.export.conftest import existing_stack, finish, owner_of
from tests.export.recording import SETTINGS, WITH_BOUNDARY, cycle, cycle_on_moto

Document = dict[str, Any]

POLICY = deployer.policy(SETTINGS, ACCOUNT)
GRANTED = {action for statement in POLICY["Statement"] for action in statement["Action"]}
LOCAL_POLICY = deployer.policy(SETTINGS, ACCOUNT, local=True)
BOUNDED = deployer.policy(WITH_BOUNDARY, ACCOUNT)
# Only `status`, `logs` and `list` need these.
READ_ONLY = {
    *("cloudwatch:GetMetricData", "logs:FilterLogEvents"),
    *("dynamodb:ListTables", "iam:ListRoles", "iam:ListRoleTags", "lambda:ListFunctions"),
}
# Neither moto's layers nor the local AWS check these; `rights` of each step names its source.
UNCHECKED = {"lambda:ListTags", "apigateway:TagResource", "iam:CreateServiceLinkedRole"}
NEEDED = GRANTED - READ_ONLY - UNCHECKED
# The local AWS checks one action per call, so it allows anyone who may create a function to pass it the role. For it,
# every call about one alias is ListAliases.
NEEDED_LOCALLY = NEEDED - {"iam:PassRole", "lambda:UpdateAlias", "lambda:DeleteAlias"}
# A policy needs at least one statement, and this one grants what every user may do anyway.
HARMLESS = {"Effect": "Allow", "Action": "sts:GetCallerIdentity", "Resource": "*"}


def allowing(actions: set[str], policy: Document = POLICY) -> Document:
    """The policy, reduced to these actions."""
    statements = [
        {**statement, "Action": [action]}
        for statement in policy["Statement"]
        for action in statement["Action"]
        if action in actions
    ]
    return {"Version": "2012-10-17", "Statement": statements or [HARMLESS]}


def requested_by(attempt: Callable[[set[str]], None]) -> set[str]:
    """The actions that a user ends up with who starts with none and adds those that the error messages name."""
    allowed: set[str] = set()
    while True:
        try:
            attempt(allowed)
        except* Problem as group:
            # A step can fail because another one failed, but at least one step names a missing action.
            denied = [problem.todo for problem in group.exceptions if isinstance(problem, AccessDenied)]
            missing = {todo.removeprefix("Your user or role needs ").removesuffix(".") for todo in denied}
            assert set() < missing <= GRANTED - allowed
            allowed |= missing
        else:
            return allowed


def test_errors_name_each_missing_action_until_exactly_the_policy_is_granted(quick_account: AwsAccount) -> None:
    """This includes what AWS checks in addition to the call itself: tags on creation, and passing the role."""
    assert requested_by(lambda allowed: cycle_on_moto(quick_account, policy=allowing(allowed))) == NEEDED
    assert quick_account.leftovers() == []


def test_the_policy_grants_no_access_to_another_stack_of_the_account(quick_account: AwsAccount) -> None:
    with pytest.raises(AccessDenied):
        cycle_on_moto(quick_account, policy=POLICY, settings=Settings(name="other"))
    assert quick_account.journal.writes() == []


def test_with_a_boundary_the_same_holds_for_the_policy_that_requires_it(quick_account: AwsAccount) -> None:
    """The first request that a user without it may not send is the one that would create the role without it."""
    cycle_on_moto(quick_account, policy=BOUNDED, settings=WITH_BOUNDARY)
    assert quick_account.leftovers() == []
    stack = Stack(SETTINGS, Aws(quick_account.session(policy=BOUNDED), clock=quick_account.clock), ACCOUNT)
    with pytest.raises(ExceptionGroup) as raised:
        finish(stack, Stack.up)
    assert raised.group_contains(AccessDenied)
    assert stack.role.read() is None


def test_the_policy_fits_into_a_managed_policy() -> None:
    """6,144 characters without whitespace (docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html)."""
    boundary = f"arn:aws:iam::{ACCOUNT}:policy/{'x' * 128}"
    longest = deployer.policy(Settings("x" * 40, "ap-southeast-2", permissions_boundary=boundary), ACCOUNT)
    assert len(json.dumps(longest, separators=(",", ":"))) < 6_144


def test_the_role_can_be_passed_only_to_lambda() -> None:
    assert {
        "Sid": "Function2",
        "Effect": "Allow",
        "Action": ["iam:PassRole"],
        "Resource": [f"arn:aws:iam::{ACCOUNT}:role/team-todo-api-role"],
        "Condition": {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}},
    } in POLICY["Statement"]


class ImpatientClock(Clock):
    """Polls often, because the local AWS needs less time than AWS, but real time."""

    def sleep(self, seconds: float, until: threading.Event) -> None:
        super().sleep(min(seconds, 0.02), until)


@pytest.fixture(scope="module")
def dev(local_aws: LocalAws) -> tuple[Aws, Callable[[Document], None]]:
    """An IAM user of the local AWS, and a function that replaces their policy."""
    iam = owner_of(local_aws, SETTINGS.region).iam
    iam.create_user(UserName="dev")
    key = iam.create_access_key(UserName="dev")["AccessKey"]
    session = boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], region_name=SETTINGS.region)

    def give(policy: Document) -> None:
        iam.put_user_policy(UserName="dev", PolicyName="deployer", PolicyDocument=json.dumps(policy))

    return Aws(session, endpoint_url=local_aws.endpoint_url, clock=ImpatientClock()), give


def test_errors_of_the_local_aws_name_each_missing_action_too(
    local_aws: LocalAws, dev: tuple[Aws, Callable[[Document], None]]
) -> None:
    """With the actions that the errors name, an IAM user can run all commands."""
    aws, give = dev
    owner = owner_of(local_aws, SETTINGS.region)

    def attempt(allowed: set[str]) -> None:
        give(allowing(allowed, LOCAL_POLICY))
        cycle(owner, lambda: Stack(SETTINGS, aws, ACCOUNT))

    assert requested_by(attempt) == NEEDED_LOCALLY


def test_only_a_user_with_the_policy_can_read_metrics_and_log_lines(
    local_aws: LocalAws, dev: tuple[Aws, Callable[[Document], None]]
) -> None:
    aws, give = dev
    lines = Tail(aws, SETTINGS.log_group_name, 0, absent=NoStack("There is no log group."))
    give(allowing(GRANTED - READ_ONLY))
    assert _metrics_note(aws).endswith("your user or role needs cloudwatch:GetMetricData.")
    with pytest.raises(AccessDenied, match=re.escape("Your user or role needs logs:FilterLogEvents.")):
        list(lines.read())
    give(POLICY)
    assert _metrics_note(aws) == ""
    with existing_stack(local_aws, SETTINGS):
        assert "items-api-check" in "".join(event.message for event in lines.read())


def _metrics_note(aws: Aws) -> str:
    _, note = read_metrics(aws, SETTINGS, "a1b2c3d4", datetime.now(UTC))
    return note


@pytest.mark.parametrize("action", deployer.LOCALLY_FOR_ALL)
def test_the_policy_for_the_local_aws_differs_only_where_it_must(
    local_aws: LocalAws, dev: tuple[Aws, Callable[[Document], None]], action: str
) -> None:
    """If one of its actions for all resources has the resources of the policy for AWS, the local AWS denies it."""
    aws, give = dev
    others = allowing(GRANTED - {action}, LOCAL_POLICY)["Statement"]
    give({"Version": "2012-10-17", "Statement": others + allowing({action})["Statement"]})
    with pytest.raises((ExceptionGroup, AccessDenied)) as raised:
        cycle(owner_of(local_aws, SETTINGS.region), lambda: Stack(SETTINGS, aws, ACCOUNT))
    denied = raised.value.exceptions if isinstance(raised.value, ExceptionGroup) else (raised.value,)
    assert f"Your user or role needs {action}." in [problem.todo for problem in denied if isinstance(problem, Problem)]
    give(LOCAL_POLICY)
    finish(Stack(SETTINGS, aws, ACCOUNT), Stack.down)


def test_the_policy_for_the_local_aws_says_exactly_what_differs() -> None:
    def rows(policy: Document) -> set[tuple[str, ...]]:
        return {
            (action, *statement["Resource"], *statement.get("Condition", {}))
            for statement in policy["Statement"]
            for action in statement["Action"]
        }

    assert LOCAL_POLICY["Statement"][-1] == {
        "Sid": "LocalAws",
        "Effect": "Allow",
        "Action": list(deployer.LOCALLY_FOR_ALL),
        "Resource": ["*"],
    }
    assert {action for action, *_ in rows(POLICY) - rows(LOCAL_POLICY)} == {*deployer.LOCALLY_FOR_ALL}
    bounded = deployer.policy(WITH_BOUNDARY, ACCOUNT, local=True)
    differing = {action for action, *_ in rows(BOUNDED) - rows(bounded)}
    assert differing == {*deployer.LOCALLY_FOR_ALL, *BOUNDED["Statement"][1]["Action"]}


def test_the_read_only_policy_allows_exactly_what_status_logs_smoke_and_a_dry_run_need(
    quick_account: AwsAccount,
) -> None:
    read_only = deployer.policy(SETTINGS, ACCOUNT, read_only=True)
    granted = {action for statement in read_only["Statement"] for action in statement["Action"]}
    finish(Stack(SETTINGS, Aws(quick_account.session(), clock=quick_account.clock), ACCOUNT), Stack.up)

    def look(allowed: set[str]) -> None:
        aws = Aws(quick_account.session(policy=allowing(allowed, read_only)), clock=quick_account.clock)
        stack = Stack(SETTINGS, aws, ACCOUNT)
        try:
            stack.look()
            stack.look_at(stack.api)
            list(stack.plan())
        except Problem as problem:
            raise ExceptionGroup("", [problem]) from None

    assert requested_by(look) == granted - READ_ONLY - UNCHECKED
    assert {
        action.partition(":")[2] for action in granted if re.search("Put|Create|Delete|Scan|Invoke", action)
    } == set()


@pytest.mark.parametrize("read_only", [True, False])
def test_only_an_api_with_iam_lets_the_deployer_call_it(*, read_only: bool) -> None:
    """`smoke` needs it."""
    call = {
        "Sid": "Call",
        "Effect": "Allow",
        "Action": ["execute-api:Invoke"],
        "Resource": [f"arn:aws:execute-api:us-east-1:{ACCOUNT}:*/*/*/items*"],
    }
    assert call in deployer.policy(Settings(auth="iam"), ACCOUNT, read_only=read_only)["Statement"]
    others = deployer.policy(Settings(), ACCOUNT, read_only=read_only)["Statement"]
    assert "execute-api:Invoke" not in {action for statement in others for action in statement["Action"]}


def test_a_user_with_the_policy_can_call_an_api_with_iam(
    local_aws: LocalAws, dev: tuple[Aws, Callable[[Document], None]]
) -> None:
    aws, give = dev
    settings = replace(SETTINGS, auth="iam")
    with existing_stack(local_aws, settings) as stack:
        endpoint = str(stack.endpoint)
        connection = Connection(endpoint)

        def status() -> int:
            signed = aws.signer().headers("GET", f"{endpoint}/items", None)
            return connection(Request("GET", f"{endpoint}/items", tuple(signed.items()))).status

        give(deployer.policy(SETTINGS, ACCOUNT, local=True))
        assert status() == 403
        give(deployer.policy(settings, ACCOUNT, local=True))
        assert status() == 200
        connection.close()
