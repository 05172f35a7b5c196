"""Evaluates IAM policies: the part of the language that this project's policies and tests use."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

Document = dict[str, Any]

# Lambda is the only service that a role is passed to here, so this condition is always true.
_TO_LAMBDA = {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}


def allows(documents: Iterable[Document], action: str, resource: str) -> bool:
    """Whether some statement allows it and none denies it."""
    effects = {
        statement["Effect"]
        for document in documents
        for statement in _as_list(document["Statement"])
        if _applies(statement, action, resource)
    }
    return effects == {"Allow"}


def trusts_lambda(document: Document) -> bool:
    return any(
        statement.get("Effect") == "Allow"
        and "lambda.amazonaws.com" in _as_list(_principals(statement).get("Service"))
        and _some_match(statement["Action"], "sts:AssumeRole", ignore_case=True)
        for statement in _as_list(document["Statement"])
    )


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _principals(statement: Document) -> Document:
    principal = statement.get("Principal", {})
    return principal if isinstance(principal, dict) else {}


def _applies(statement: Document, action: str, resource: str) -> bool:
    if statement.keys() & {"NotAction", "NotResource", "NotPrincipal"}:
        raise NotImplementedError(f"this policy statement cannot be evaluated: {statement}")
    applies = _some_match(statement["Action"], action, ignore_case=True) and _some_match(
        statement["Resource"], resource, ignore_case=False
    )
    if applies and statement.get("Condition", _TO_LAMBDA) != _TO_LAMBDA:
        raise NotImplementedError(f"this condition cannot be evaluated: {statement}")
    return applies


def _some_match(patterns: Any, value: str, *, ignore_case: bool) -> bool:
    return any(_compiled(pattern, ignore_case).fullmatch(value) for pattern in _as_list(patterns))


@cache
def _compiled(pattern: str, ignore_case: bool) -> re.Pattern[str]:
    escaped = "".join({"*": ".*", "?": "."}.get(char) or re.escape(char) for char in pattern)
    return re.compile(escaped, re.IGNORECASE if ignore_case else 0)
