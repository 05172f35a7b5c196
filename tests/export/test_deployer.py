"""The policy of the user who deploys: it grants every action that the commands need, and no other."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from items_api.aws.client import Aws, Clock
from items_api.errors import AccessDenied, Problem
from items_api.export import deployer
from items_api.local import ACCOUNT, LocalAws
from items_api.observe.metrics import read_metrics
from items_api.observe.tail import Tail
from items_api.provision.policies import LOG_ACTIONS, TABLE_ACTIONS, boundary_policy
from items_api.provision.stack import Stack
from items_api.settings import Arns, Settings
from tests.aws import MOTO, NO_DELAYS
from tests.aws import Account as AwsAccount
from tests.aws.permissions import allows
from tests.export.conftest import existing_stack, finish, owner_of
from tests.export.recording import SETTINGS, WITH_BOUNDARY, cycle, cycle_on_moto

Document = dict[str, Any]

POLICY = deployer.policy(SETTINGS, ACCOUNT)
GRANTED = {action for statement in POLICY["Statement"] for action in statement["Action"]}
BOUNDED = deployer.policy(WITH_BOUNDARY, ACCOUNT)
EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
# Only `status` and `logs` need these.
READ_ONLY = {"cloudwatch:GetMetricData", "logs:FilterLogEvents"}
# Neither moto's layers nor the local AWS check these; `rights` of each step names its source.
UNCHECKED = {"lambda:ListTags", "apigateway:TagResource", "iam:CreateServiceLinkedRole"}
NEEDED = GRANTED - READ_ONLY - UNCHECKED
# The local AWS checks one action per call, so it allows anyone who may create a function to pass it the role.
NEEDED_LOCALLY = NEEDED - {"iam:PassRole"}
# For these calls, the local AWS accepts only policies for all resources.
WITHOUT_RESOURCE_LOCALLY = {
    *("dynamodb:ListTagsOfResource", "dynamodb:TagResource", "lambda:CreateFunction", "logs:DescribeLogGroups"),
}
# A policy needs at least one statement, and this one grants what every user may do anyway.
HARMLESS = {"Effect": "Allow", "Action": "sts:GetCallerIdentity", "Resource": "*"}


@pytest.fixture
def quick_account() -> Iterator[AwsAccount]:
    with mock_aws(config=MOTO), AwsAccount(delays=NO_DELAYS) as account:
        yield account


def allowing(actions: set[str], *, locally: bool = False) -> Document:
    """The policy, reduced to these actions."""
    statements = [
        {**statement, "Action": [action], "Resource": "*" if any_resource else statement["Resource"]}
        for statement in POLICY["Statement"]
        for action in statement["Action"]
        if action in actions
        for any_resource in [locally and action in WITHOUT_RESOURCE_LOCALLY]
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


ROLE = Arns(WITH_BOUNDARY, ACCOUNT).role
BOUNDARY = WITH_BOUNDARY.permissions_boundary
NEEDS_BOUNDARY = ("iam:CreateRole", "iam:PutRolePolicy", "iam:PutRolePermissionsBoundary")
# What would let someone else change the boundary or get around it.
NEVER = (
    *("iam:DeleteRolePermissionsBoundary", "iam:AttachRolePolicy", "iam:CreatePolicy", "iam:CreatePolicyVersion"),
    *("iam:SetDefaultPolicyVersion", "iam:DeletePolicyVersion", "iam:DeletePolicy", "iam:CreateUser"),
    *("iam:AddRoleToInstanceProfile", "iam:PutUserPolicy", "iam:AttachUserPolicy", "sts:AssumeRole"),
)


@pytest.mark.parametrize("action", NEEDS_BOUNDARY)
@pytest.mark.parametrize("boundary", [BOUNDARY, f"{BOUNDARY}-2", "arn:aws:iam::aws:policy/AdministratorAccess", None])
def test_the_role_gets_permissions_only_while_it_has_the_boundary(action: str, boundary: str | None) -> None:
    context = {"iam:PermissionsBoundary": boundary} if boundary else {}
    assert allows([BOUNDED], action, ROLE, context) == (boundary == BOUNDARY)


@pytest.mark.parametrize("action", NEVER)
@pytest.mark.parametrize("resource", [ROLE, BOUNDARY])
def test_the_boundary_can_be_neither_removed_nor_edited(action: str, resource: str) -> None:
    assert not allows([BOUNDED], action, resource, {"iam:PermissionsBoundary": BOUNDARY})


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("iam:DeleteRolePermissionsBoundary", ROLE),
        *((f"iam:{verb}", BOUNDARY) for verb in ("CreatePolicyVersion", "SetDefaultPolicyVersion")),
        *((f"iam:{verb}", BOUNDARY) for verb in ("DeletePolicyVersion", "DeletePolicy")),
    ],
)
def test_this_holds_even_if_another_policy_of_the_user_allows_everything(action: str, resource: str) -> None:
    assert allows([EVERYTHING], action, resource)
    assert not allows([BOUNDED, EVERYTHING], action, resource, {"iam:PermissionsBoundary": BOUNDARY})


def test_a_role_with_the_boundary_and_a_policy_that_allows_everything_can_use_only_its_table_and_logs() -> None:
    """AWS allows what both the policy and the boundary allow."""
    arns = Arns(WITH_BOUNDARY, ACCOUNT)
    boundary = boundary_policy(arns)
    stream = f"{arns.log_group}:log-stream:x"
    resources = {arns.table, stream, ROLE, BOUNDARY, f"{arns.table}-2", "arn:aws:s3:::b/k", "*"}
    actions = {*TABLE_ACTIONS, *LOG_ACTIONS, *GRANTED, *NEVER, "s3:GetObject"}
    assert {
        (action, resource)
        for action in actions
        for resource in resources
        if all(allows([document], action, resource) for document in (EVERYTHING, boundary))
    } == {*((action, arns.table) for action in TABLE_ACTIONS), *((action, stream) for action in LOG_ACTIONS)}


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
        give(allowing(allowed, locally=True))
        cycle(owner, lambda: Stack(SETTINGS, aws, ACCOUNT))

    assert requested_by(attempt) == NEEDED_LOCALLY


def test_only_a_user_with_the_policy_can_read_metrics_and_log_lines(
    local_aws: LocalAws, dev: tuple[Aws, Callable[[Document], None]]
) -> None:
    aws, give = dev
    lines = Tail(aws, SETTINGS.log_group_name, 0)
    give(allowing(GRANTED - READ_ONLY))
    assert _metrics_note(aws).endswith("your user or role needs cloudwatch:GetMetricData.")
    with pytest.raises(AccessDenied, match=re.escape("Your user or role needs logs:FilterLogEvents.")):
        list(lines.read())
    give(POLICY)
    assert _metrics_note(aws) == ""
    with existing_stack(local_aws, SETTINGS):
        assert list(lines.read()) == []


def _metrics_note(aws: Aws) -> str:
    _, note = read_metrics(aws, SETTINGS, "a1b2c3d4", datetime.now(UTC))
    return note


def test_the_local_aws_enforces_the_boundary_of_the_role(local_aws: LocalAws) -> None:
    """With a policy that allows everything, a session of the role can still use only its table."""
    owner = owner_of(local_aws, SETTINGS.region)
    document = json.dumps(boundary_policy(Arns(SETTINGS, ACCOUNT)))
    boundary = owner.iam.create_policy(PolicyName="deployer-test", PolicyDocument=document)["Policy"]["Arn"]
    settings = replace(SETTINGS, permissions_boundary=boundary)
    with existing_stack(local_aws, settings):
        role = settings.role_name
        trust = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}
        owner.iam.update_assume_role_policy(
            RoleName=role, PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        )
        owner.iam.put_role_policy(RoleName=role, PolicyName="everything", PolicyDocument=json.dumps(EVERYTHING))
        session = session_of_role(owner, local_aws, settings)
        assert session("dynamodb").get_item(TableName=settings.table_name, Key={"itemId": {"S": "1"}})
        forbidden: list[Callable[[], Any]] = [
            lambda: session("iam").create_user(UserName="eve"),
            lambda: session("iam").delete_role_permissions_boundary(RoleName=role),
            lambda: session("s3").list_buckets(),
            lambda: session("dynamodb").delete_table(TableName=settings.table_name),
        ]
        for call in forbidden:
            with pytest.raises(ClientError, match="AccessDenied"):
                call()
        owner.iam.delete_role_permissions_boundary(RoleName=role)
        session_of_role(owner, local_aws, settings)("iam").create_user(UserName="eve")
    owner.iam.delete_user(UserName="eve")


def session_of_role(owner: Aws, local_aws: LocalAws, settings: Settings) -> Callable[[str], Any]:
    """A function that creates clients with the credentials of the role."""
    arn = Arns(settings, ACCOUNT).role
    key = owner.sts.assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
    session = boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], key["SessionToken"], settings.region)
    return lambda service: session.client(service, endpoint_url=local_aws.endpoint_url)  # type: ignore[call-overload]
