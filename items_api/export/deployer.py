"""The permissions of the user who deploys: the smallest IAM policy that lets every command work on one stack.

Without a permissions boundary, this user can give the role any permission (PutRolePolicy) and run any code with it
(UpdateFunctionCode, PassRole). With one, they can change the role only while it has the boundary, and can neither
remove nor edit the boundary.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from items_api.provision import listing
from items_api.provision.role import BOUNDARY_KEY
from items_api.provision.stack import STEPS
from items_api.provision.step import Right
from items_api.settings import Arns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from items_api.settings import Settings


# Commands that only read send no other actions; Scan, which reads items, belongs to `down`.
_READS = re.compile(r"\w+:(Describe|Filter|Get|List)\w+|apigateway:GET")
CALL = "execute-api:Invoke"
# The local AWS allows these only in statements for all resources.
LOCALLY_FOR_ALL = (
    *("dynamodb:TagResource", "dynamodb:UntagResource", "dynamodb:ListTagsOfResource"),
    *("lambda:CreateFunction", "logs:DescribeLogGroups"),
)


def policy(settings: Settings, account: str = "*", *, read_only: bool = False, local: bool = False) -> dict[str, Any]:
    """The IAM policy document, with one statement for each right that a step declares, and the denials.

    A policy never grants access beyond its own account, so `*` as the account is safe. `sts:GetCallerIdentity`, which
    every command calls first, requires no permission:
    https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html

    Args:
        settings: the stack, and the boundary that the policy requires.
        account: the account ID or `*`.
        read_only: only what `status`, `logs`, `smoke`, `list`, `url` and a dry run need.
        local: for the local AWS, see `LOCALLY_FOR_ALL`. It cannot evaluate the condition on the boundary.
    """
    arns = Arns(settings, account)
    rights: dict[str, tuple[Right, ...]] = {step.__name__: step.rights(arns) for step in STEPS}
    rights |= {"Items": _items(arns), "Observe": _observe(arns), "List": listing.rights(arns)}
    if settings.auth == "iam":
        rights["Call"] = (Right((CALL,), (arns.requests,)),)
    if read_only:
        rights = {name: _only(some, _is_for_readers) for name, some in rights.items()}
    granted = {action for some in rights.values() for right in some for action in right.actions}
    if local:
        rights = {name: _locally(some) for name, some in rights.items()}
        rights["LocalAws"] = (Right(tuple(action for action in LOCALLY_FOR_ALL if action in granted), ("*",)),)
    denials = () if read_only else _denials(arns)
    return {"Version": "2012-10-17", "Statement": [*_statements(rights), *denials]}


def _is_for_readers(action: str) -> bool:
    """`smoke` calls the API."""
    return action == CALL or bool(_READS.fullmatch(action))


def _only(rights: Iterable[Right], wanted: Callable[[str], bool]) -> tuple[Right, ...]:
    """The rights, reduced to the wanted actions."""
    reduced = (replace(right, actions=tuple(filter(wanted, right.actions))) for right in rights)
    return tuple(right for right in reduced if right.actions)


def _locally(rights: Iterable[Right]) -> tuple[Right, ...]:
    return tuple(
        replace(right, condition=None) if right.condition and BOUNDARY_KEY in right.condition["StringEquals"] else right
        for right in _only(rights, lambda action: action not in LOCALLY_FOR_ALL)
    )


def _statements(rights: Mapping[str, Iterable[Right]]) -> Iterator[dict[str, Any]]:
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


def _items(arns: Arns) -> tuple[Right, ...]:
    """The rights of `load`. Those of `dump` are among the table's."""
    return (Right(("dynamodb:BatchWriteItem", "dynamodb:PutItem"), (arns.table,)),)


def _observe(arns: Arns) -> tuple[Right, ...]:
    """The rights of `status` for metrics, which cannot be restricted to one stack, and of `logs` for log events."""
    return (
        Right(("cloudwatch:GetMetricData",), ("*",)),
        Right(("logs:FilterLogEvents",), (arns.log_group, f"{arns.log_group}:*")),
    )


def _statement(sid: str, right: Right, effect: str = "Allow") -> dict[str, Any]:
    condition = {"Condition": right.condition} if right.condition else {}
    return {"Sid": sid, "Effect": effect, "Action": list(right.actions), "Resource": list(right.arns), **condition}
