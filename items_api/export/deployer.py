"""The deployer's own rights: the smallest IAM policy with which every command works on one stack."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from items_api.provision.api import Api
from items_api.provision.function import Function
from items_api.provision.logs import LogGroup
from items_api.provision.permission import Permission
from items_api.provision.role import Role
from items_api.provision.step import Right
from items_api.provision.table import Table
from items_api.settings import Arns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from items_api.provision.step import Step
    from items_api.settings import Settings

STEPS: tuple[type[Step], ...] = (Table, Role, LogGroup, Function, Api, Permission)


def policy(settings: Settings, account: str = "*") -> dict[str, Any]:
    """An IAM policy document, a statement for each right that a step declares.

    An identity's policy never reaches beyond its own account, so `*` for the account gives nothing away.
    `sts:GetCallerIdentity`, which every command asks first, needs no permission:
    https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
    """
    return {"Version": "2012-10-17", "Statement": list(_statements(Arns(settings, account)))}


def observing(arns: Arns) -> tuple[Right, ...]:
    """What `status` needs for its metrics, which no policy can narrow to some, and `logs` for the lines."""
    return (
        Right(("cloudwatch:GetMetricData",), ("*",)),
        Right(("logs:FilterLogEvents",), (arns.log_group, f"{arns.log_group}:*")),
    )


def _statements(arns: Arns) -> Iterator[dict[str, Any]]:
    rights = {step.__name__: step.rights(arns) for step in STEPS} | {"Observe": observing(arns)}
    for name, some in rights.items():
        for number, right in enumerate(some, start=1):
            yield _statement(name + (str(number) if number > 1 else ""), right)


def _statement(sid: str, right: Right) -> dict[str, Any]:
    condition = {"Condition": right.condition} if right.condition else {}
    return {"Sid": sid, "Effect": "Allow", "Action": list(right.actions), "Resource": list(right.arns), **condition}
