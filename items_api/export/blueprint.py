"""The calls that create a whole stack, in the order of the tutorial: what `up` sends to an empty account."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from items_api.handler import ROUTES
from items_api.provision import api, api_parts, function, log_group, permission, role, table
from items_api.settings import Arns

if TYPE_CHECKING:
    from collections.abc import Mapping

    from items_api.settings import Settings


@dataclass(frozen=True)
class Ids:
    """What AWS chooses when it creates the stack, or what stands for it in an export: a variable of a script."""

    account: str
    role: str
    api: str
    integration: str


@dataclass(frozen=True)
class Call:
    """One write, named as boto3 names it: service "apigatewayv2", operation "create_api"."""

    service: str
    operation: str
    parameters: Mapping[str, Any]


def calls(settings: Settings, ids: Ids) -> dict[str, Call]:
    """By what they create: "table", "role", "policy", "log group" and so on; the routes by their keys."""
    arns = Arns(settings, ids.account)
    api_id = {"ApiId": ids.api}
    target = f"integrations/{ids.integration}"
    stage = {**api_parts.stage_request(settings), "Tags": settings.all_tags}
    return {
        "table": Call("dynamodb", "create_table", table.create_request(settings)),
        "role": Call("iam", "create_role", role.create_request(settings)),
        "policy": Call("iam", "put_role_policy", role.policy_request(arns)),
        "log group": Call("logs", "create_log_group", log_group.create_request(settings)),
        "retention": Call("logs", "put_retention_policy", log_group.retention_request(settings)),
        "function": Call("lambda", "create_function", function.create_request(arns, ids.role)),
        "api": Call("apigatewayv2", "create_api", api.create_request(settings)),
        "integration": Call(
            "apigatewayv2", "create_integration", {**api_id, **api_parts.integration_request(arns.function)}
        ),
        **{key: Call("apigatewayv2", "create_route", {**api_id, "RouteKey": key, "Target": target}) for key in ROUTES},
        "stage": Call("apigatewayv2", "create_stage", {**api_id, **stage}),
        "permission": Call("lambda", "add_permission", permission.create_request(arns, ids.api)),
    }
