"""The permissions of the user who deploys: the smallest IAM policy that lets every command work on one stack.

Without a permissions boundary, this user can give the role any permission (PutRolePolicy) and run any code with it
(UpdateFunctionCode, PassRole). With one, they can change the role only while it has the boundary, and can neither
remove nor edit the boundary.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from items_api.provision.stack import STEPS
from items_api.provision.step import Right
from items_api.settings import Arns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from items_api.settings import Settings


def policy(settings: Settings, account: str = "*") -> dict[str, Any]:
    """The IAM policy document, with one statement for each right that a step declares, and the denials.

    A policy never grants access beyond its own account, so `*` as the account is safe. `sts:GetCallerIdentity`, which
    every command calls first, requires no permission:
    https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
    """
    arns = Arns(settings, account)
    return {"Version": "2012-10-17", "Statement": [*_statements(arns), *_denials(arns)]}


def _statements(arns: Arns) -> Iterator[dict[str, Any]]:
    rights = {step.__name__: step.rights(arns) for step in STEPS} | {"Observe": _observe(arns)}
    for name, some in rights.items():
        for number, right in enumerate(some, start=1):
            yield _statement(name + (str(number) if number > 1 else ""), right)


def _denials(arns: Arns) -> Iterator[dict[str, Any]]:
    """What stays denied if other policies of the user allow it: to remove the boundary of the role, and to edit it.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html#access_policies_boundaries-delegate
    """
    if boundary := arns.settings.permissions_boundary:
        remove = Right(("iam:DeleteRolePermissionsBoundary",), (arns.role,))
        edit = Right(
            (
                *("iam:CreatePolicyVersion", "iam:SetDefaultPolicyVersion"),
                *("iam:DeletePolicyVersion", "iam:DeletePolicy"),
            ),
            (boundary,),
        )
        yield _statement("KeepBoundary", remove, "Deny")
        yield _statement("KeepBoundary2", edit, "Deny")


def _observe(arns: Arns) -> tuple[Right, ...]:
    """The rights of `status` for metrics, which cannot be restricted to one stack, and of `logs` for log events."""
    return (
        Right(("cloudwatch:GetMetricData",), ("*",)),
        Right(("logs:FilterLogEvents",), (arns.log_group, f"{arns.log_group}:*")),
    )


def _statement(sid: str, right: Right, effect: str = "Allow") -> dict[str, Any]:
    condition = {"Condition": right.condition} if right.condition else {}
    return {"Sid": sid, "Effect": effect, "Action": list(right.actions), "Resource": list(right.arns), **condition}
