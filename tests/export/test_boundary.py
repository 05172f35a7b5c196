"""With a permissions boundary, the user who deploys cannot give the role more permissions than it allows."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from items_api.aws.client import Aws
from items_api.export import deployer
from items_api.local import ACCOUNT, LocalAws
from items_api.provision.policies import INDEX_ACTION, LOG_ACTIONS, TABLE_ACTIONS, boundary_policy
from items_api.settings import Arns, Settings
from tests.aws.permissions import allows
from tests.export.conftest import existing_stack, owner_of
from tests.export.recording import SETTINGS, WITH_BOUNDARY

BOUNDED = deployer.policy(WITH_BOUNDARY, ACCOUNT)
GRANTED = {action for statement in BOUNDED["Statement"] for action in statement["Action"]}
EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
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
    resources = {
        arns.table,
        arns.index("owner-index"),
        f"{arns.table}-2/index/owner-index",
        stream,
        ROLE,
        BOUNDARY,
        f"{arns.table}-2",
        "arn:aws:s3:::b/k",
        "*",
    }
    actions = {*TABLE_ACTIONS, INDEX_ACTION, *LOG_ACTIONS, *GRANTED, *NEVER, "s3:GetObject"}
    assert {
        (action, resource)
        for action in actions
        for resource in resources
        if all(allows([document], action, resource) for document in (EVERYTHING, boundary))
    } == {
        *((action, arns.table) for action in TABLE_ACTIONS),
        (INDEX_ACTION, arns.index("owner-index")),
        *((action, stream) for action in LOG_ACTIONS),
    }


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
