"""The deployer's policy and the execution role's: what they grant is enough, and nothing of it is idle."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from items_api.aws.client import Aws
from items_api.errors import AccessDenied, Problem
from items_api.export import deployer
from items_api.observe.metrics import read_metrics
from items_api.observe.tail import Tail
from items_api.provision.stack import Stack
from items_api.settings import Settings
from tests.aws import MOTO, NO_DELAYS
from tests.aws import Account as AwsAccount
from tests.export.recording import ACCOUNT, SETTINGS, Moto, cycle, deployed, stack_on_moto

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from items_api.local import LocalAws

    Document = dict[str, Any]

POLICY = deployer.policy(SETTINGS, ACCOUNT)
GRANTED = {action for statement in POLICY["Statement"] for action in statement["Action"]}

# What no `up`, `up` again and `down` comes to need: `status` and `logs` do.
OBSERVING = {"cloudwatch:GetMetricData", "logs:FilterLogEvents"}
# What neither these tests nor the local AWS check; `Step.rights` names the source of each.
TAKEN_ON_TRUST = {"lambda:ListTags", "apigateway:TagResource"}
# The local AWS checks one action a call, so it lets whoever may create also tag and pass the role.
UNCHECKED_LOCALLY = TAKEN_ON_TRUST | {"iam:PassRole"}
# Of these calls the local AWS does not know the resource, and takes only a policy that says "*".
# A policy needs a statement, and this one allows what nobody needs to be allowed.
NOTHING = {"Effect": "Allow", "Action": "sts:GetCallerIdentity", "Resource": "*"}
WITHOUT_RESOURCE_LOCALLY = {
    *("dynamodb:ListTagsOfResource", "dynamodb:TagResource", "lambda:CreateFunction", "logs:DescribeLogGroups"),
}


@pytest.fixture
def quick_account() -> Iterator[AwsAccount]:
    with mock_aws(config=MOTO), AwsAccount(delays=NO_DELAYS) as account:
        yield account


def allowing(actions: set[str], *, locally: bool = False) -> Document:
    """The deployer's policy, cut down to these actions."""
    statements = [
        {**statement, "Action": [action], "Resource": "*" if unseen else statement["Resource"]}
        for statement in POLICY["Statement"]
        for action in statement["Action"]
        if action in actions
        for unseen in [locally and action in WITHOUT_RESOURCE_LOCALLY]
    ]
    return {"Version": "2012-10-17", "Statement": statements or [NOTHING]}


def asked_for(attempt: Callable[[set[str]], None]) -> set[str]:
    """The actions of a user who starts with none, and is given whatever the error messages say is needed."""
    allowed: set[str] = set()
    while missing := _missing(attempt, allowed):
        assert missing <= GRANTED - allowed
        allowed |= missing
    return allowed


def _missing(attempt: Callable[[set[str]], None], allowed: set[str]) -> set[str]:
    missing: set[str] = set()
    try:
        attempt(allowed)
    except* Problem as group:
        # A step may also fail for another's sake, but some step has to say what is missing.
        missing = {_action(problem) for problem in group.exceptions if isinstance(problem, AccessDenied)}
        assert missing
    return missing


def _action(problem: AccessDenied) -> str:
    return problem.todo.removeprefix("Your user or role needs ").removesuffix(".")


def test_each_action_is_asked_for_by_name_until_exactly_the_policy_is_granted(quick_account: AwsAccount) -> None:
    """Includes what AWS checks besides the call itself: tags at creation, and the role that is passed."""

    def attempt(allowed: set[str]) -> None:
        cycle(Moto(quick_account), lambda: stack_on_moto(quick_account, policy=allowing(allowed)))

    assert asked_for(attempt) == GRANTED - OBSERVING - TAKEN_ON_TRUST
    assert quick_account.leftovers() == []


def test_every_granted_action_is_used_by_a_call(quick_account: AwsAccount) -> None:
    cycle(Moto(quick_account), lambda: stack_on_moto(quick_account, policy=POLICY))
    assert quick_account.journal.actions() - {"sts:GetCallerIdentity"} == GRANTED - OBSERVING - TAKEN_ON_TRUST


def test_the_policy_does_not_reach_another_stack_of_the_account(quick_account: AwsAccount) -> None:
    with pytest.raises(AccessDenied):
        cycle(
            Moto(quick_account),
            lambda: stack_on_moto(quick_account, policy=POLICY, settings=Settings(name="other")),
        )
    assert quick_account.journal.writes() == []


def test_the_policy_fits_into_a_managed_policy() -> None:
    """6,144 characters without blanks.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
    """
    longest = deployer.policy(Settings(name="x" * 40, region="ap-southeast-2"), ACCOUNT)
    assert len(json.dumps(longest, separators=(",", ":"))) < 6_144


def test_a_role_is_passed_to_lambda_alone() -> None:
    assert {
        "Sid": "Function2",
        "Effect": "Allow",
        "Action": ["iam:PassRole"],
        "Resource": [f"arn:aws:iam::{ACCOUNT}:role/team-todo-api-role"],
        "Condition": {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}},
    } in POLICY["Statement"]


class LocalPlace:
    """The local AWS, seen by its owner."""

    def __init__(self, aws: LocalAws) -> None:
        session = boto3.Session(
            region_name=SETTINGS.region, aws_access_key_id=aws.access_key, aws_secret_access_key=aws.secret_key
        )
        self.boto = cache(lambda service: session.client(service, endpoint_url=aws.endpoint_url))

    def rest(self) -> None:
        """It has no delays."""


@pytest.fixture
def dev(local_aws: LocalAws) -> Iterator[tuple[Aws, Callable[[Document], None]]]:
    """An IAM user of the local AWS, and how to give them a policy."""
    iam = LocalPlace(local_aws).boto("iam")
    iam.create_user(UserName="dev")
    key = iam.create_access_key(UserName="dev")["AccessKey"]
    session = boto3.Session(
        region_name=SETTINGS.region,
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
    )

    def give(policy: Document) -> None:
        iam.put_user_policy(UserName="dev", PolicyName="deployer", PolicyDocument=json.dumps(policy))

    yield Aws(session, endpoint_url=local_aws.endpoint_url), give
    iam.delete_user_policy(UserName="dev", PolicyName="deployer")
    iam.delete_access_key(UserName="dev", AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName="dev")


def test_a_user_with_the_policy_does_the_full_cycle_on_the_local_aws(
    local_aws: LocalAws, dev: tuple[Aws, Callable[[Document], None]]
) -> None:
    """... and without any one of its actions is told which one is missing."""
    aws, give = dev

    def attempt(allowed: set[str]) -> None:
        give(allowing(allowed, locally=True))
        cycle(LocalPlace(local_aws), lambda: Stack(SETTINGS, aws, ACCOUNT))

    assert asked_for(attempt) == GRANTED - OBSERVING - UNCHECKED_LOCALLY


def test_metrics_and_log_lines_may_be_read_by_a_user_with_the_policy_and_by_no_other(
    local_aws: LocalAws, dev: tuple[Aws, Callable[[Document], None]]
) -> None:
    aws, give = dev
    lines = Tail(aws, SETTINGS.log_group_name, 0)
    give(allowing(GRANTED - OBSERVING))
    assert _metrics_note(aws).endswith("your user or role needs cloudwatch:GetMetricData.")
    with pytest.raises(AccessDenied, match=re.escape("Your user or role needs logs:FilterLogEvents.")):
        list(lines.read())
    give(POLICY)
    assert _metrics_note(aws) == ""
    with deployed(local_aws, SETTINGS):
        assert list(lines.read()) == []


def _metrics_note(aws: Aws) -> str:
    _, note = read_metrics(aws, SETTINGS, "a1b2c3d4", datetime.now(UTC))
    return note
