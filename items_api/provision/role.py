"""The execution role: Lambda may assume it, and one inline policy says what for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from items_api.provision.answers import code, says
from items_api.provision.policies import table_access_policy, trust_policy
from items_api.provision.step import Found, Right, Step

if TYPE_CHECKING:
    from collections.abc import Set

    from mypy_boto3_iam.type_defs import RoleTypeDef

    from items_api.settings import Arns

_ABSENT = says("NoSuchEntity")


class Role(Step):
    type = "AWS::IAM::Role"
    title = "IAM role"

    @property
    def name(self) -> str:
        return self.settings.role_name

    @classmethod
    def rights(cls, arns: Arns) -> tuple[Right, ...]:
        writes = (
            *("iam:CreateRole", "iam:DeleteRole", "iam:TagRole", "iam:UpdateAssumeRolePolicy"),
            *("iam:PutRolePolicy", "iam:DeleteRolePolicy", "iam:DetachRolePolicy"),
        )
        reads = ("iam:GetRole", "iam:GetRolePolicy", "iam:ListRolePolicies", "iam:ListAttachedRolePolicies")
        return (Right((*writes, *reads), (arns.role,)),)

    @property
    def _policy_field(self) -> str:
        return f"policy {self.settings.policy_name}"

    @property
    def documents(self) -> frozenset[str]:
        return frozenset({"trust policy", self._policy_field})

    def want(self) -> dict[str, Any]:
        return {
            "trust policy": trust_policy(),
            self._policy_field: table_access_policy(self.arns),
            "other policies": [],
            "attached policies": [],
        }

    def read(self) -> Found | None:
        try:
            role, inline, attached, policy = self.aws.together(self._role, self._inline, self._attached, self._policy)
        except ClientError as error:
            if _ABSENT(error):
                return None
            raise
        ours = self.settings.policy_name
        return Found(
            arn=role["Arn"],
            fields={
                "trust policy": role["AssumeRolePolicyDocument"],
                self._policy_field: policy,
                "other policies": sorted(name for name in inline if name != ours),
                "attached policies": sorted(attached),
            },
            tags={tag["Key"]: tag["Value"] for tag in role.get("Tags", [])},
            ids={"role": role["RoleId"]},
        )

    def _role(self) -> RoleTypeDef:
        return self.aws.send(self.aws.iam.get_role, RoleName=self.name)["Role"]

    def _policy(self) -> Any:
        """The inline policy's document; None when there is none, or no role."""
        try:
            found = self.aws.send(
                self.aws.iam.get_role_policy, RoleName=self.name, PolicyName=self.settings.policy_name
            )
        except ClientError as error:
            if _ABSENT(error):
                return None
            raise
        return found["PolicyDocument"]

    def _inline(self) -> list[str]:
        return self.aws.every(self.aws.iam.list_role_policies, "PolicyNames", "Marker", RoleName=self.name)

    def _attached(self) -> list[str]:
        policies = self.aws.every(
            self.aws.iam.list_attached_role_policies, "AttachedPolicies", "Marker", RoleName=self.name
        )
        return [policy["PolicyArn"] for policy in policies]

    def create(self) -> Found:
        try:
            role = self.aws.send(self.aws.iam.create_role, **self.create_request())["Role"]
        except ClientError as error:
            if code(error) != "EntityAlreadyExists":
                raise
            return self.take_existing()
        bare = {**self.want(), self._policy_field: None}
        return Found(self.arns.role, fields=bare, tags=self.want_tags(), ids={"role": role["RoleId"]})

    def create_request(self) -> dict[str, Any]:
        return {
            "RoleName": self.name,
            "AssumeRolePolicyDocument": json.dumps(trust_policy()),
            "Tags": self._tag_list(),
        }

    def policy_request(self) -> dict[str, Any]:
        return {
            "RoleName": self.name,
            "PolicyName": self.settings.policy_name,
            "PolicyDocument": json.dumps(table_access_policy(self.arns)),
        }

    def _tag_list(self) -> list[dict[str, str]]:
        return [{"Key": key, "Value": value} for key, value in self.want_tags().items()]

    def update(self, found: Found, parts: Set[str]) -> None:
        # A role just made may not show everywhere yet.
        self.settle(lambda: self._mend(found, parts), passing=_ABSENT, waiting="until IAM shows the role", seconds=60)

    def _mend(self, found: Found, parts: Set[str]) -> None:
        iam = self.aws.iam
        if "tags" in parts:
            self.aws.send(iam.tag_role, RoleName=self.name, Tags=self._tag_list())  # type: ignore[arg-type]
        if "trust policy" in parts:
            self.aws.send(iam.update_assume_role_policy, RoleName=self.name, PolicyDocument=json.dumps(trust_policy()))
        if self._policy_field in parts:
            self.aws.send(iam.put_role_policy, **self.policy_request())
        self._strip(found.fields["other policies"], found.fields["attached policies"])

    def _strip(self, inline: list[str], attached: list[str]) -> None:
        for name in inline:
            self._tolerate_absence(
                lambda name=name: self.aws.send(self.aws.iam.delete_role_policy, RoleName=self.name, PolicyName=name)
            )
        for arn in attached:
            self._tolerate_absence(
                lambda arn=arn: self.aws.send(self.aws.iam.detach_role_policy, RoleName=self.name, PolicyArn=arn)
            )

    def delete(self, found: Found) -> None:
        ours = [self.settings.policy_name] if found.fields[self._policy_field] else []
        self._strip([*ours, *found.fields["other policies"]], found.fields["attached policies"])
        self.settle(
            lambda: self._tolerate_absence(lambda: self.aws.send(self.aws.iam.delete_role, RoleName=self.name)),
            # What was just taken off the role may still be seen on it.
            passing=says("DeleteConflict"),
            waiting="until IAM lets the role go",
            seconds=60,
        )
        self.settle(self.read, until=lambda seen: seen is None, waiting="until the role is gone")

    def _tolerate_absence(self, call: Any) -> None:
        try:
            call()
        except ClientError as error:
            if not _ABSENT(error):
                raise
