"""The permissions of the user who deploys: the smallest IAM policy that lets every command work on one stack."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from items_api.provision import listing
from items_api.provision.stack import STEPS
from items_api.provision.step import Right
from items_api.settings import Arns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from items_api.settings import Settings


def policy(settings: Settings, account: str = "*") -> dict[str, Any]:
    """The IAM policy document, with one statement for each right that a step declares.

    A policy never grants access beyond its own account, so `*` as the account is safe. `sts:GetCallerIdentity`, which
    every command calls first, requires no permission:
    https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
    """
    return {"Version": "2012-10-17", "Statement": list(_statements(Arns(settings, account)))}


def _statements(arns: Arns) -> Iterator[dict[str, Any]]:
    rights = {step.__name__: step.rights(arns) for step in STEPS} | {
        "Observe": _observe(arns),
        "List": listing.rights(arns),
    }
    for name, some in rights.items():
        for number, right in enumerate(some, start=1):
            yield _statement(name + (str(number) if number > 1 else ""), right)


def _observe(arns: Arns) -> tuple[Right, ...]:
    """The rights of `status` for metrics, which cannot be restricted to one stack, and of `logs` for log events."""
    return (
        Right(("cloudwatch:GetMetricData",), ("*",)),
        Right(("logs:FilterLogEvents",), (arns.log_group, f"{arns.log_group}:*")),
    )


def _statement(sid: str, right: Right) -> dict[str, Any]:
    condition = {"Condition": right.condition} if right.condition else {}
    return {"Sid": sid, "Effect": "Allow", "Action": list(right.actions), "Resource": list(right.arns), **condition}
