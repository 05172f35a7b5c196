"""What an IAM policy document allows: enough of the evaluation logic for the policies of this project.

Of conditions only `iam:PassedToService` is modelled, of `Not...` nothing: a document with others is an error.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Document = dict[str, Any]

# Lambda is the only service that a role is passed to here, so this is always true.
_TO_LAMBDA = {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}

# The managed policies that an account's owner is likely to attach to a Lambda role.
MANAGED: dict[str, Document] = {
    "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole": {
        "Statement": [
            {
                "Effect": "Allow",
                "Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
                "Resource": "*",
            }
        ]
    },
}


def allows(documents: Iterable[Document], action: str, resource: str) -> bool:
    """Some statement allows it and none denies it."""
    effects = {
        statement["Effect"]
        for document in documents
        for statement in as_list(document["Statement"])
        if _applies(statement, action, resource)
    }
    return effects == {"Allow"}


def trusts_lambda(document: Document) -> bool:
    return any(
        statement.get("Effect") == "Allow"
        and "lambda.amazonaws.com" in as_list(_principals(statement).get("Service"))
        and any(_matches(pattern, "sts:AssumeRole", ignore_case=True) for pattern in as_list(statement["Action"]))
        for statement in as_list(document["Statement"])
    )


def as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _principals(statement: Document) -> Document:
    principal = statement.get("Principal", {})
    return principal if isinstance(principal, dict) else {}


def _applies(statement: Document, action: str, resource: str) -> bool:
    unknown = statement.keys() - {"Sid", "Effect", "Action", "Resource", "Condition"}
    if unknown or statement.get("Condition", _TO_LAMBDA) != _TO_LAMBDA:
        raise NotImplementedError(f"the model does not evaluate this policy statement: {statement}")
    return any(_some_match(statement["Action"], action, ignore_case=True)) and any(
        _some_match(statement["Resource"], resource, ignore_case=False)
    )


def _some_match(patterns: Any, value: str, *, ignore_case: bool) -> Iterator[bool]:
    return (_matches(pattern, value, ignore_case=ignore_case) for pattern in as_list(patterns))


def _matches(pattern: str, value: str, *, ignore_case: bool) -> bool:
    return bool(_compiled(pattern, ignore_case).fullmatch(value))


@cache
def _compiled(pattern: str, ignore_case: bool) -> re.Pattern[str]:
    escaped = "".join({"*": ".*", "?": "."}.get(char) or re.escape(char) for char in pattern)
    return re.compile(escaped, re.IGNORECASE if ignore_case else 0)
