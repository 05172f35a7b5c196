"""The execution role: Lambda may assume it, and one inline policy defines what the function may do."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from items_api.aws.errors import ServiceError, says, tolerate
from items_api.errors import AwsRefused
from items_api.provision.outcome import Weakening
from items_api.provision.policies import table_access_policy, trust_policy
from items_api.provision.step import Found, Right, Step, as_map

if TYPE_CHECKING:
    from collections.abc import Iterator, Set
    from datetime import datetime

    from mypy_boto3_iam.type_defs import RoleTypeDef

    from items_api.aws.client import Aws
    from items_api.provision.table import Table
    from items_api.settings import Arns, Settings

BOUNDARY_KEY = "iam:PermissionsBoundary"
_ABSENT = "NoSuchEntity"
_OPTION = "permissions-boundary"


def create_request(settings: Settings) -> dict[str, Any]:
    return {
        "RoleName": settings.role_name,
        "AssumeRolePolicyDocument": json.dumps(trust_policy()),
        "Tags": settings.tag_list,
        **({"PermissionsBoundary": settings.permissions_boundary} if settings.permissions_boundary else {}),
    }


def policy_request(arns: Arns, *more_indexes: str) -> dict[str, Any]:
    return {
        "RoleName": arns.settings.role_name,
        "PolicyName": arns.settings.policy_name,
        "PolicyDocument": json.dumps(table_access_policy(arns, *more_indexes)),
    }


@dataclass(frozen=True, kw_only=True)
class FoundRole(Found):
    created: datetime | None = None


class Role(Step[FoundRole]):
    type = "AWS::IAM::Role"
    title = "IAM role"

    def __init__(self, settings: Settings, arns: Arns, aws: Aws, table: Table) -> None:
        super().__init__(settings, arns, aws)
        self._table = table  # it is not needed first, but its indexes may still be in use

    @property
    def name(self) -> str:
        return self.settings.role_name

    @classmethod
    def rights(cls, arns: Arns) -> tuple[Right, ...]:
        grants = ("iam:CreateRole", "iam:PutRolePolicy")
        others = (
            *("iam:DeleteRole", "iam:TagRole", "iam:UntagRole", "iam:UpdateAssumeRolePolicy"),
            *("iam:DeleteRolePolicy", "iam:DetachRolePolicy"),
            *("iam:GetRole", "iam:GetRolePolicy", "iam:ListRolePolicies", "iam:ListAttachedRolePolicies"),
        )
        boundary = arns.settings.permissions_boundary
        if not boundary:
            return (Right((*grants, "iam:DeleteRolePermissionsBoundary", *others), (arns.role,)),)
        # The reference lists this condition key for these three actions.
        condition = {"StringEquals": {BOUNDARY_KEY: boundary}}
        limited = Right((*grants, "iam:PutRolePermissionsBoundary"), (arns.role,), condition)
        return (limited, Right(others, (arns.role,)))

    @property
    def _policy_field(self) -> str:
        return f"policy {self.settings.policy_name}"

    @property
    def documents(self) -> frozenset[str]:
        return frozenset({"trust policy", self._policy_field})

    def want(self) -> dict[str, Any]:
        return {
            "trust policy": trust_policy(),
            "permissions boundary": self.settings.permissions_boundary or None,
            self._policy_field: table_access_policy(self.arns),
            "other policies": [],
            "attached policies": [],
        }

    def read(self) -> FoundRole | None:
        with tolerate(_ABSENT):
            role, inline, attached, policy = self.aws.together(self._role, self._inline, self._attached, self._policy)
            ours = self.settings.policy_name
            return FoundRole(
                arn=role["Arn"],
                fields={
                    "trust policy": role["AssumeRolePolicyDocument"],
                    "permissions boundary": role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn"),
                    self._policy_field: policy,
                    "other policies": sorted(name for name in inline if name != ours),
                    "attached policies": sorted(attached),
                },
                tags=as_map(role.get("Tags", [])),
                created=role["CreateDate"],
            )
        return None

    def weakenings(self, found: FoundRole) -> tuple[Weakening, ...]:
        have, want = found.fields["permissions boundary"], self.settings.permissions_boundary
        if not have or have == want:
            return ()
        if want:
            return (Weakening(f"replace the permissions boundary {have} of the role {self.name} with {want}", _OPTION),)
        return (Weakening(f"remove the permissions boundary {have} of the role {self.name}", _OPTION),)

    def _role(self) -> RoleTypeDef:
        return self.aws.send(self.aws.iam.get_role, RoleName=self.name)["Role"]

    def _policy(self) -> Any:
        """The inline policy's document; None if the policy or the role does not exist."""
        policy = self.settings.policy_name
        with tolerate(_ABSENT):
            return self.aws.send(self.aws.iam.get_role_policy, RoleName=self.name, PolicyName=policy)["PolicyDocument"]
        return None

    def _inline(self) -> list[str]:
        return self.aws.every(self.aws.iam.list_role_policies, "PolicyNames", "Marker", RoleName=self.name)

    def _attached(self) -> list[str]:
        policies = self.aws.every(
            self.aws.iam.list_attached_role_policies, "AttachedPolicies", "Marker", RoleName=self.name
        )
        return [policy["PolicyArn"] for policy in policies]

    def create(self) -> FoundRole:
        with tolerate("EntityAlreadyExists"), self._boundary_exists():
            role = self.aws.send(self.aws.iam.create_role, **create_request(self.settings))["Role"]
            fields = {**self.want(), self._policy_field: None}
            return FoundRole(arn=self.arns.role, fields=fields, tags=self.settings.all_tags, created=role["CreateDate"])
        return self.existing()

    def update(self, found: FoundRole, parts: Set[str]) -> None:
        # IAM may not show a new role everywhere yet.
        self.settle(
            lambda: self._apply(found, parts), transient=says(_ABSENT), waiting="for the role to appear", seconds=60
        )

    def _apply(self, found: FoundRole, parts: Set[str]) -> None:
        iam = self.aws.iam
        if "permissions boundary" in parts:  # first, because only then may a restricted user change the policies
            self._put_boundary(self.settings.permissions_boundary)
        if "tags" in parts:
            tags: Any = self.settings.tag_list
            self.aws.send(iam.tag_role, RoleName=self.name, Tags=tags)
            if unwanted := self.unwanted(found.tags or ()):
                self.aws.send(iam.untag_role, RoleName=self.name, TagKeys=unwanted)
        if "trust policy" in parts:
            self.aws.send(iam.update_assume_role_policy, RoleName=self.name, PolicyDocument=json.dumps(trust_policy()))
        kept = self._kept_indexes(found)
        if found.fields[self._policy_field] != table_access_policy(self.arns, *kept):
            self.aws.send(iam.put_role_policy, **policy_request(self.arns, *kept))
        self._remove_policies(found.fields["other policies"], found.fields["attached policies"])

    def _kept_indexes(self, found: FoundRole) -> list[str]:
        """The indexes that the live version may still query."""
        return [name for name in self._table.kept_indexes if self._allows(found, name)]

    def _allows(self, found: FoundRole, index: str) -> bool:
        return f'"{self.arns.index(index)}"' in json.dumps(found.fields[self._policy_field])

    def may_query(self, index: str) -> bool:
        """Whether the policy names this index."""
        return self.found is not None and self._allows(self.found, index)

    @property
    def has_unused(self) -> bool:
        return self.found is not None and bool(self._kept_indexes(self.found))

    def remove_unused(self) -> None:
        self.aws.send(self.aws.iam.put_role_policy, **policy_request(self.arns))

    def _put_boundary(self, arn: str) -> None:
        """Set the permissions boundary, or remove it if `arn` is empty."""
        if arn:
            with self._boundary_exists():
                self.aws.send(self.aws.iam.put_role_permissions_boundary, RoleName=self.name, PermissionsBoundary=arn)
        else:
            self.aws.send(self.aws.iam.delete_role_permissions_boundary, RoleName=self.name)

    @contextmanager
    def _boundary_exists(self) -> Iterator[None]:
        """Tell a policy that does not exist from a role that has not appeared yet: both have the same error code."""
        arn = self.settings.permissions_boundary
        try:
            yield
        except ServiceError as error:
            if not (arn and error.says(_ABSENT, text=arn)):
                raise
            raise AwsRefused(
                f"The permissions boundary {arn} does not exist.",
                f"{error.operation}: {error.message}",
                "Correct --permissions-boundary, or create an IAM policy of this name. To write one that fits, run: "
                "items-api export boundary",
            ) from error

    def _remove_policies(self, inline: list[str], attached: list[str]) -> None:
        for name in inline:
            with tolerate(_ABSENT):
                self.aws.send(self.aws.iam.delete_role_policy, RoleName=self.name, PolicyName=name)
        for arn in attached:
            with tolerate(_ABSENT):
                self.aws.send(self.aws.iam.detach_role_policy, RoleName=self.name, PolicyArn=arn)

    def delete(self, found: FoundRole) -> None:
        ours = [self.settings.policy_name] if found.fields[self._policy_field] else []

        def delete() -> None:
            self._remove_policies([*ours, *found.fields["other policies"]], found.fields["attached policies"])
            self.aws.send(self.aws.iam.delete_role, RoleName=self.name)

        # IAM may still see the policies that were just removed.
        self.delete_until_gone(found, delete, absent=_ABSENT, transient=says("DeleteConflict"))
