"""The IAM policy documents, as pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from items_api.settings import Arns

TABLE_ACTIONS = ("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:DeleteItem", "dynamodb:Scan")
INDEX_ACTION = "dynamodb:Query"
# Not logs:CreateLogGroup: a late log line would recreate the group after `down`.
LOG_ACTIONS = ("logs:CreateLogStream", "logs:PutLogEvents")


def trust_policy() -> dict[str, Any]:
    """Only Lambda may assume the execution role."""
    return service_trust_policy("lambda.amazonaws.com")


def service_trust_policy(service: str) -> dict[str, Any]:
    """Only this service may assume the role."""
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}],
    }


def boundary_policy(arns: Arns) -> dict[str, Any]:
    """A permissions boundary for the execution role: the most that the handler needs, so that no policy grants more.

    It covers every index, so that it stays the same if an index is added.
    """
    return _policy(arns, arns.index("*"))


def table_access_policy(arns: Arns, *more_indexes: str) -> dict[str, Any]:
    """The handler may call four actions on its table, query its indexes, and write to its log group.

    `more_indexes` are the names of indexes that are not in the settings.
    """
    names = sorted({*arns.settings.index_names.values(), *more_indexes})
    return _policy(arns, *map(arns.index, names))


def items_policy(arns: Arns) -> dict[str, Any]:
    """The same without the log group: what the handler may do where it does not write its log to CloudWatch itself."""
    return {
        "Version": "2012-10-17",
        "Statement": _statements(arns, map(arns.index, arns.settings.index_names.values())),
    }


def _policy(arns: Arns, *indexes: str) -> dict[str, Any]:
    logs = {"Effect": "Allow", "Action": list(LOG_ACTIONS), "Resource": f"{arns.log_group}:*"}
    return {"Version": "2012-10-17", "Statement": [*_statements(arns, indexes), logs]}


def _statements(arns: Arns, indexes: Iterable[str]) -> list[dict[str, Any]]:
    table: dict[str, Any] = {"Effect": "Allow", "Action": list(TABLE_ACTIONS), "Resource": arns.table}
    queried = list(indexes)
    return [table, *([{"Effect": "Allow", "Action": [INDEX_ACTION], "Resource": queried}] if queried else [])]
