"""IAM: roles and their policies, seen by others only after a while."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime  # noqa: TC003 - a field's type
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tests.aws_model.policy import MANAGED, trusts_lambda
from tests.aws_model.refusal import Refusal
from tests.aws_model.service import Document, Place, Service, as_tag_list, from_tag_list

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass
class Role:
    name: str
    role_id: str
    arn: str
    path: str
    created: datetime
    trust: Document
    readable_at: float
    assumable_at: float
    extra: Document
    tags: dict[str, str]
    inline: dict[str, Document] = field(default_factory=dict)
    attached: list[str] = field(default_factory=list)
    profiles: list[str] = field(default_factory=list)
    policies_gone_at: float = 0.0

    def documents(self) -> list[Document]:
        return [*self.inline.values(), *(MANAGED[arn] for arn in self.attached if arn in MANAGED)]


class Iam(Service):
    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.roles: dict[str, Role] = {}

    def assumable_role(self, arn: str) -> Role | None:
        """The role, if Lambda can assume it by now."""
        role = self.roles.get(arn.rpartition("/")[2])
        if role is None or role.arn != arn or not trusts_lambda(role.trust):
            return None
        return role if self.place.now() >= role.assumable_at else None

    def create_role(self, p: Document) -> Document:
        name, path = p["RoleName"], p.get("Path", "/")
        if name in self.roles:
            raise Refusal("EntityAlreadyExists", f"Role with name {name} already exists.", 409)
        now, delays = self.place.now(), self.place.delays
        self.roles[name] = role = Role(
            name=name,
            role_id="AROA" + self.place.new_id("role", 17).upper(),
            arn=self.place.arn("iam", f"role{path}{name}", region=""),
            path=path,
            created=self.place.time(),
            trust=_parsed(p["AssumeRolePolicyDocument"], "This policy contains invalid Json"),
            readable_at=now + delays.role_readable,
            assumable_at=now + delays.role_assumable,
            extra={k: p[k] for k in ("Description", "MaxSessionDuration") if k in p},
            tags=from_tag_list(p.get("Tags")),
        )
        return {"Role": self._described(role)}

    def get_role(self, p: Document) -> Document:
        role = self._readable(p)
        described = self._described(role)
        return {"Role": {"MaxSessionDuration": 3600, **described, "RoleLastUsed": {}}}

    def list_roles(self, p: Document) -> Document:
        return self._page("Roles", [self._described(self.roles[name]) for name in sorted(self.roles)], p)

    def update_assume_role_policy(self, p: Document) -> None:
        role = self._readable(p)
        role.trust = _parsed(p["PolicyDocument"], "This policy contains invalid Json")
        role.assumable_at = self.place.now() + self.place.delays.role_assumable

    def delete_role(self, p: Document) -> None:
        # Not eventually consistent: a delete finds the role however new it is.
        role = self._there(p["RoleName"])
        if role.inline or self.place.now() < role.policies_gone_at:
            raise Refusal("DeleteConflict", "Cannot delete entity, must delete policies first.", 409)
        if role.attached:
            raise Refusal("DeleteConflict", "Cannot delete entity, must detach all policies first.", 409)
        if role.profiles:
            raise Refusal("DeleteConflict", "Cannot delete entity, must remove roles from instance profile first.", 409)
        del self.roles[role.name]

    def tag_role(self, p: Document) -> None:
        self._readable(p).tags.update(from_tag_list(p["Tags"]))

    def untag_role(self, p: Document) -> None:
        role = self._readable(p)
        role.tags = {key: value for key, value in role.tags.items() if key not in p["TagKeys"]}

    def list_role_tags(self, p: Document) -> Document:
        return self._page("Tags", as_tag_list(self._readable(p).tags), p)

    def put_role_policy(self, p: Document) -> None:
        document = _parsed(p["PolicyDocument"], "Syntax errors in policy.")
        self._readable(p).inline[p["PolicyName"]] = document

    def get_role_policy(self, p: Document) -> Document:
        document = self._inline(self._readable(p), p["PolicyName"])
        return {"RoleName": p["RoleName"], "PolicyName": p["PolicyName"], "PolicyDocument": _encoded(document)}

    def list_role_policies(self, p: Document) -> Document:
        return self._page("PolicyNames", sorted(self._readable(p).inline), p)

    def delete_role_policy(self, p: Document) -> None:
        role = self._readable(p)
        self._inline(role, p["PolicyName"])
        del role.inline[p["PolicyName"]]
        role.policies_gone_at = self.place.now() + self.place.delays.role_policies_gone

    def attach_role_policy(self, p: Document) -> None:
        role = self._readable(p)
        if p["PolicyArn"] not in role.attached:
            role.attached.append(p["PolicyArn"])

    def detach_role_policy(self, p: Document) -> None:
        role = self._readable(p)
        if p["PolicyArn"] not in role.attached:
            raise Refusal("NoSuchEntity", f"Policy {p['PolicyArn']} was not found.", 404)
        role.attached.remove(p["PolicyArn"])
        role.policies_gone_at = self.place.now() + self.place.delays.role_policies_gone

    def list_attached_role_policies(self, p: Document) -> Document:
        attached = sorted(self._readable(p).attached)
        policies = [{"PolicyName": arn.rpartition("/")[2], "PolicyArn": arn} for arn in attached]
        return self._page("AttachedPolicies", policies, p)

    def list_instance_profiles_for_role(self, p: Document) -> Document:
        return self._page("InstanceProfiles", [self._profile(name) for name in sorted(self._readable(p).profiles)], p)

    def add_role_to_instance_profile(self, p: Document) -> None:
        """The profile itself is taken for granted."""
        self._readable(p).profiles.append(p["InstanceProfileName"])

    def remove_role_from_instance_profile(self, p: Document) -> None:
        self._readable(p).profiles.remove(p["InstanceProfileName"])

    def _profile(self, name: str) -> Document:
        return {
            "Path": "/",
            "InstanceProfileName": name,
            "InstanceProfileId": "AIPA" + name.upper()[:17],
            "Arn": self.place.arn("iam", f"instance-profile/{name}", region=""),
            "CreateDate": self.place.time(),
            "Roles": [],
        }

    def _there(self, name: str) -> Role:
        if name not in self.roles:
            raise Refusal("NoSuchEntity", f"The role with name {name} cannot be found.", 404)
        return self.roles[name]

    def _readable(self, p: Document) -> Role:
        """The role, if it shows by now: IAM is eventually consistent, for GetRole and for PutRolePolicy alike.

        https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency
        """
        role = self._there(p["RoleName"])
        if self.place.now() < role.readable_at:
            raise Refusal("NoSuchEntity", f"The role with name {role.name} cannot be found.", 404)
        return role

    def _inline(self, role: Role, name: str) -> Document:
        if name not in role.inline:
            raise Refusal("NoSuchEntity", f"The role policy with name {name} cannot be found.", 404)
        return role.inline[name]

    def _described(self, role: Role) -> Document:
        return {
            "Path": role.path,
            "RoleName": role.name,
            "RoleId": role.role_id,
            "Arn": role.arn,
            "CreateDate": role.created,
            "AssumeRolePolicyDocument": _encoded(role.trust),
            **role.extra,
            **({"Tags": as_tag_list(role.tags)} if role.tags else {}),
        }

    def _page(self, key: str, items: Sequence[Any], p: Document) -> Document:
        page, token = self.place.page(items, p.get("Marker"))
        return {key: page, "IsTruncated": token is not None, **({"Marker": token} if token else {})}


def _parsed(document: str, complaint: str) -> Document:
    try:
        parsed = json.loads(document)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict) or "Statement" not in parsed:
        raise Refusal("MalformedPolicyDocument", complaint)
    return parsed


def _encoded(document: Document) -> str:
    """As IAM sends it (RFC 3986); botocore decodes it."""
    return quote(json.dumps(document))
