"""IAM is eventually consistent: a new role is not visible at once, and a removed policy is still seen on its role.

https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

from moto.iam.aws_managed_policies import aws_managed_policies_data
from moto.iam.models import AWSManagedPolicy

from tests.aws.actions import ACCOUNT
from tests.aws.backends import backend, role
from tests.aws.layer import Document, Layer
from tests.aws.policy import trusts_lambda
from tests.aws.refusal import Refusal

if TYPE_CHECKING:
    from tests.aws.clock import VirtualClock
    from tests.aws.delays import Delays
    from tests.aws.journal import Call

_AWS_MANAGED = "arn:aws:iam::aws:policy/"


class IamLag(Layer):
    service = "iam"

    def __init__(self, clock: VirtualClock, delays: Delays) -> None:
        super().__init__(clock, delays)
        self._readable_at: dict[str, float] = {}
        self._assumable_at: dict[str, float] = {}
        self._policies_gone_at: dict[str, float] = {}

    def assumable_role(self, arn: str, region: str) -> Any:
        """The role if Lambda can assume it by now, else None."""
        found = role(arn, region)
        if found is None or not trusts_lambda(json.loads(found.assume_role_policy_document)):
            return None
        return found if self.clock.now() >= self._assumable_at.get(found.name, 0.0) else None

    def before(self, call: Call) -> Document | None:
        # DeleteRole is not eventually consistent, and CreateRole knows that a name is taken.
        name = call.parameters.get("RoleName", "")
        lagging = self.clock.now() < self._readable_at.get(name, 0.0)
        if lagging and call.action_name not in ("CreateRole", "DeleteRole"):
            raise Refusal("NoSuchEntity", f"The role with name {name} cannot be found.", 404)
        return super().before(call)

    def after_create_role(self, call: Call, answer: Document) -> None:
        name, now = call.parameters["RoleName"], self.clock.now()
        self._readable_at[name] = now + self.delays.role_readable
        self._assumable_at[name] = now + self.delays.role_assumable

    def after_update_assume_role_policy(self, call: Call, answer: Document) -> None:
        self._assumable_at[call.parameters["RoleName"]] = self.clock.now() + self.delays.role_assumable

    def before_attach_role_policy(self, call: Call) -> None:
        """Moto would load AWS's 1,300 managed policies for each test; this loads the one that is attached."""
        arn, policies = call.parameters["PolicyArn"], backend("iam", call.region).managed_policies
        if arn.startswith(_AWS_MANAGED) and arn not in policies:
            policies[arn] = _managed_policy(arn.rpartition("/")[2])

    def after_delete_role_policy(self, call: Call, answer: Document) -> None:
        self._policies_gone_at[call.parameters["RoleName"]] = self.clock.now() + self.delays.role_policies_gone

    after_detach_role_policy = after_delete_role_policy

    def before_delete_role(self, call: Call) -> None:
        if self.clock.now() < self._policies_gone_at.get(call.parameters["RoleName"], 0.0):
            raise Refusal("DeleteConflict", "Cannot delete entity, must delete policies first.", 409)


@cache
def _managed_policies() -> dict[str, Any]:
    policies: dict[str, Any] = json.loads(aws_managed_policies_data)
    return policies


def _managed_policy(name: str) -> AWSManagedPolicy:
    return AWSManagedPolicy.from_data(name, ACCOUNT, "us-east-1", _managed_policies()[name])
