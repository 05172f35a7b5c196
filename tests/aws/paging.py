"""Lists in pages: moto ignores the size and the token of most of them.

AWS's page sizes differ by service and are mostly undocumented, so one small size serves for all.
"""

from __future__ import annotations

from typing import Any

# (operations, key of the list, token in the request, token in the answer)
_LISTS = (
    ("apigatewayv2", ("Apis", "Integrations", "Routes", "Stages", "Authorizers"), "Items", "NextToken", "NextToken"),
    ("dynamodb", ("TagsOfResource",), "Tags", "NextToken", "NextToken"),
    ("iam", ("RolePolicies",), "PolicyNames", "Marker", "Marker"),
    ("iam", ("AttachedRolePolicies",), "AttachedPolicies", "Marker", "Marker"),
    ("logs", ("LogGroups",), "logGroups", "nextToken", "nextToken"),
)
_PAGED = {
    f"{service}.{verb}{noun}": (items, asked, answered)
    for service, nouns, items, asked, answered in _LISTS
    for noun in nouns
    for verb in ("Get", "List", "Describe")
}


def take_token(operation: str, parameters: dict[str, Any]) -> int:
    """Where the page starts. moto must not see the token, for some of its lists know only their own."""
    if operation not in _PAGED:
        return 0
    return int(parameters.pop(_PAGED[operation][1], 0))


def cut(operation: str, answer: dict[str, Any], start: int, size: int) -> None:
    if operation not in _PAGED:
        return
    items, _, token = _PAGED[operation]
    everything = answer[items]
    answer[items] = everything[start : start + size]
    more = start + size < len(everything)
    if more:
        answer[token] = str(start + size)
    else:
        answer.pop(token, None)
    if operation.startswith("iam."):
        answer["IsTruncated"] = more
