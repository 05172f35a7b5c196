"""The calls that make a whole stack, in the order of the tutorial: what `up` sends to an empty account, not sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from items_api.handler import ROUTES
from items_api.provision import api_parts
from items_api.provision.stack import Stack
from items_api.provision.step import Found

if TYPE_CHECKING:
    from collections.abc import Mapping

    from items_api.provision.aws import Aws
    from items_api.settings import Settings


@dataclass(frozen=True)
class Ids:
    """What AWS chooses when it makes the stack, or what stands for it in an export: a variable of a script, say."""

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
    """By what they make: "table", "role", "policy", "log group" and so on; the routes by their keys."""
    stack = _stack(settings, ids)
    api = {"ApiId": ids.api}
    target = f"integrations/{ids.integration}"
    integration = api_parts.integration_request(stack.function.arns.function)
    stage = {**api_parts.stage_request(settings), "Tags": stack.api.want_tags()}
    return {
        "table": Call("dynamodb", "create_table", stack.table.create_request()),
        "role": Call("iam", "create_role", stack.role.create_request()),
        "policy": Call("iam", "put_role_policy", stack.role.policy_request()),
        "log group": Call("logs", "create_log_group", stack.logs.create_request()),
        "retention": Call("logs", "put_retention_policy", stack.logs.retention_request()),
        "function": Call("lambda", "create_function", stack.function.create_request()),
        "api": Call("apigatewayv2", "create_api", stack.api.create_request()),
        "integration": Call("apigatewayv2", "create_integration", {**api, **integration}),
        **{key: Call("apigatewayv2", "create_route", {**api, "RouteKey": key, "Target": target}) for key in ROUTES},
        "stage": Call("apigatewayv2", "create_stage", {**api, **stage}),
        "permission": Call("lambda", "add_permission", stack.permission.create_request()),
    }


def _stack(settings: Settings, ids: Ids) -> Stack:
    """A stack whose steps know the ids as if they had seen them. It has no AWS: nothing can be sent."""
    stack = Stack(settings, cast("Aws", None), ids.account)
    stack.role.found = Found(stack.role.arns.role, fields={}, ids={"role": ids.role})
    stack.api.found = Found(stack.api.arns.api(ids.api), fields={}, ids={"api": ids.api})
    return stack
