"""The IAM documents, as pure functions of what they are about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from items_api.settings import Arns

TABLE_ACTIONS = ("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:DeleteItem", "dynamodb:Scan")
# Not logs:CreateLogGroup: a function that could make its group again would leave one behind after `down`.
LOG_ACTIONS = ("logs:CreateLogStream", "logs:PutLogEvents")


def trust_policy() -> dict[str, Any]:
    """Lambda, and nobody else, may assume the execution role."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"},
        ],
    }


def table_access_policy(arns: Arns) -> dict[str, Any]:
    """What the handler may do: four actions on its one table, and write to its one log group."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": list(TABLE_ACTIONS), "Resource": arns.table},
            {"Effect": "Allow", "Action": list(LOG_ACTIONS), "Resource": f"{arns.log_group}:*"},
        ],
    }
