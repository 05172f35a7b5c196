"""IAM is eventually consistent: a new role is not visible at once, and a removed policy is still seen on its role.

https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency
"""

import json
from collections import defaultdict
from functools import cache
from typing import Any

from moto.iam.aws_managed_policies import aws_managed_policies_data
from moto.iam.models import AWSManagedPolicy

from tests.aws.delays import Timing
from tests.aws.faults import Call, ErrorResponse
from tests.aws.layer import ACCOUNT, Document, Layer, backend
from tests.aws.permissions import allows, trusts_lambda

_AWS_MANAGED = "arn:aws:iam::aws:policy/"


class Iam(Layer):
    service = "iam"

    def __init__(self, timing: Timing) -> None:
        super().__init__(timing)
        self._readable_at: dict[str, float] = defaultdict(float)
        self._assumable_at: dict[str, float] = defaultdict(float)
        self._policies_gone_at: dict[str, float] = defaultdict(float)
        self._policy_effective_at: dict[str, float] = defaultdict(float)

    def role(self, arn: str) -> Any:
        """Moto's role, or None."""
        return next((role for role in backend("iam", "aws").get_roles() if role.arn == arn), None)

    def assumable_role(self, arn: str) -> Any:
        """The role if Lambda can assume it by now, else None."""
        role = self.role(arn)
        if role is None or not trusts_lambda(json.loads(role.assume_role_policy_document)):
            return None
        return role if self.now >= self._assumable_at[role.name] else None

    def documents(self, arn: str) -> list[Document]:
        """Every policy of a role."""
        role = self.role(arn)
        if role is None:
            return []
        attached = [policy.versions[0].document for policy in role.managed_policies.values()]
        return [json.loads(document) for document in (*role.policies.values(), *attached)]

    def may(self, arn: str, action: str, resource: str) -> bool:
        """Whether a role may do this by now."""
        role = self.role(arn)
        in_effect = role is not None and self.now >= self._policy_effective_at[role.name]
        return in_effect and allows(self.documents(arn), action, resource)

    def before(self, call: Call) -> Document | None:
        # DeleteRole is not eventually consistent, and CreateRole knows that a name is taken.
        name = call.parameters.get("RoleName", "")
        if self.now < self._readable_at[name] and call.action_name not in ("CreateRole", "DeleteRole"):
            raise ErrorResponse("NoSuchEntity", f"The role with name {name} cannot be found.", 404)
        return super().before(call)

    def after_create_role(self, call: Call, response: Document) -> None:
        self._readable_at[call.parameters["RoleName"]] = self.now + self.delays.role_readable
        response["Role"]["CreateDate"] = self.date.replace(microsecond=0)
        self.role(response["Role"]["Arn"]).create_date = response["Role"]["CreateDate"].replace(tzinfo=None)
        self.after_update_assume_role_policy(call, response)

    def after_update_assume_role_policy(self, call: Call, response: Document) -> None:
        self._assumable_at[call.parameters["RoleName"]] = self.now + self.delays.role_assumable

    def before_attach_role_policy(self, call: Call) -> None:
        """Moto would load AWS's 1,300 managed policies for each test; this loads the one that is attached."""
        arn, policies = call.parameters["PolicyArn"], backend("iam", "aws").managed_policies
        if arn.startswith(_AWS_MANAGED) and arn not in policies:
            name = arn.rpartition("/")[2]
            policies[arn] = AWSManagedPolicy.from_data(name, ACCOUNT, "us-east-1", _managed_policies()[name])

    def after_put_role_policy(self, call: Call, response: Document) -> None:
        self._policy_effective_at[call.parameters["RoleName"]] = self.now + self.delays.role_policy_effective

    def after_delete_role_policy(self, call: Call, response: Document) -> None:
        self._policies_gone_at[call.parameters["RoleName"]] = self.now + self.delays.role_policies_gone

    after_detach_role_policy = after_delete_role_policy

    def before_delete_role(self, call: Call) -> None:
        if self.now < self._policies_gone_at[call.parameters["RoleName"]]:
            raise ErrorResponse("DeleteConflict", "Cannot delete entity, must delete policies first.", 409)


@cache
def _managed_policies() -> dict[str, Any]:
    policies: dict[str, Any] = json.loads(aws_managed_policies_data)
    return policies
