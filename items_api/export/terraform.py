"""The stack for Terraform and its hashicorp/aws provider, and a script that prints the import blocks of a running one.

https://registry.terraform.io/providers/hashicorp/aws/latest/docs
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from items_api.aws.line import ZIP
from items_api.export.blueprint import Ids, calls
from items_api.export.hcl import Applied, Block, Expression, to_hcl
from items_api.handler import ROUTES
from items_api.provision.bundle import bundle
from items_api.provision.function import ROLE_ID_TAG

if TYPE_CHECKING:
    from collections.abc import Mapping

    from items_api.settings import Settings

    Made = Mapping[str, Mapping[str, Any]]

IDS = Ids(
    account="${data.aws_caller_identity.current.account_id}",
    role="",
    api="${aws_apigatewayv2_api.items.id}",
    integration="${aws_apigatewayv2_integration.items.id}",
)


def files(settings: Settings) -> dict[str, bytes]:
    return {"main.tf": main(settings).encode(), ZIP: bundle(), "imports.sh": imports(settings).encode()}


def main(settings: Settings) -> str:
    return f"# The stack {settings.name}. Written by: items-api export terraform\n" + to_hcl(blocks(settings))


def blocks(settings: Settings) -> list[Block]:
    made = {name: call.parameters for name, call in calls(settings, IDS).items()}
    return [
        *_frame(settings),
        _table(made["table"]),
        *_role(made["role"], made["policy"]),
        _log_group(made["log group"], made["retention"]),
        _function(made["function"]),
        *_api(made),
        _permission(made["permission"]),
        Block("output", ("endpoint",), {"value": Expression("aws_apigatewayv2_api.items.api_endpoint")}),
    ]


def _frame(settings: Settings) -> tuple[Block, ...]:
    aws = {"source": "hashicorp/aws", "version": ">= 5.0"}
    # Import blocks with an id that holds an index: https://developer.hashicorp.com/terraform/language/import
    return (
        Block("terraform", (), {"required_version": ">= 1.5"}, (Block("required_providers", (), {"aws": aws}),)),
        Block("provider", ("aws",), {"region": settings.region}),
        Block("data", ("aws_caller_identity", "current")),
    )


def _resource(kind: str, attributes: dict[str, Any], *inside: Block) -> Block:
    return Block("resource", (kind, "items"), attributes, inside)


def _table(table: Mapping[str, Any]) -> Block:
    (key,), (attribute,) = table["KeySchema"], table["AttributeDefinitions"]
    return _resource(
        "aws_dynamodb_table",
        {
            "name": table["TableName"],
            "billing_mode": table["BillingMode"],
            "hash_key": key["AttributeName"],
            "tags": _as_map(table["Tags"]),
        },
        Block("attribute", (), {"name": attribute["AttributeName"], "type": attribute["AttributeType"]}),
    )


def _role(role: Mapping[str, Any], policy: Mapping[str, Any]) -> tuple[Block, ...]:
    return (
        _resource(
            "aws_iam_role",
            {
                "name": role["RoleName"],
                "assume_role_policy": Applied("jsonencode", json.loads(role["AssumeRolePolicyDocument"])),
                "tags": _as_map(role["Tags"]),
            },
        ),
        _resource(
            "aws_iam_role_policy",
            {
                "name": policy["PolicyName"],
                "role": Expression("aws_iam_role.items.name"),
                "policy": Applied("jsonencode", json.loads(policy["PolicyDocument"])),
            },
        ),
    )


def _log_group(group: Mapping[str, Any], retention: Mapping[str, Any]) -> Block:
    return _resource(
        "aws_cloudwatch_log_group",
        {"name": group["logGroupName"], "retention_in_days": retention["retentionInDays"], "tags": group["tags"]},
    )


def _function(function: Mapping[str, Any]) -> Block:
    code = Expression(f'"${{path.module}}/{ZIP}"')
    return _resource(
        "aws_lambda_function",
        {
            "function_name": function["FunctionName"],
            "runtime": function["Runtime"],
            "handler": function["Handler"],
            "architectures": function["Architectures"],
            "memory_size": function["MemorySize"],
            "timeout": function["Timeout"],
            "role": Expression("aws_iam_role.items.arn"),
            "filename": code,
            "source_code_hash": Applied("filebase64sha256", code),
            "tags": {**function["Tags"], ROLE_ID_TAG: Expression("aws_iam_role.items.unique_id")},
            # Without its log group, Lambda would make one that keeps logs for ever.
            "depends_on": [Expression("aws_cloudwatch_log_group.items")],
        },
        Block("environment", (), {"variables": function["Environment"]["Variables"]}),
    )


def _api(made: Made) -> tuple[Block, ...]:
    api, integration, stage = made["api"], made["integration"], made["stage"]
    api_id = Expression("aws_apigatewayv2_api.items.id")
    cors, throttle = api["CorsConfiguration"], stage["DefaultRouteSettings"]
    return (
        _resource(
            "aws_apigatewayv2_api",
            {"name": api["Name"], "protocol_type": api["ProtocolType"], "tags": api["Tags"]},
            Block(
                "cors_configuration",
                (),
                {
                    "allow_origins": cors["AllowOrigins"],
                    "allow_methods": cors["AllowMethods"],
                    "allow_headers": cors["AllowHeaders"],
                    "expose_headers": cors["ExposeHeaders"],
                },
            ),
        ),
        _resource(
            "aws_apigatewayv2_integration",
            {
                "api_id": api_id,
                "integration_type": integration["IntegrationType"],
                "integration_uri": Expression("aws_lambda_function.items.arn"),
                "payload_format_version": integration["PayloadFormatVersion"],
                "timeout_milliseconds": integration["TimeoutInMillis"],
            },
        ),
        _resource(
            "aws_apigatewayv2_route",
            {
                "for_each": Applied("toset", list(ROUTES)),
                "api_id": api_id,
                "route_key": Expression("each.key"),
                "target": made[ROUTES[0]]["Target"],
            },
        ),
        _resource(
            "aws_apigatewayv2_stage",
            {"api_id": api_id, "name": stage["StageName"], "auto_deploy": stage["AutoDeploy"], "tags": stage["Tags"]},
            Block(
                "default_route_settings",
                (),
                {
                    "throttling_rate_limit": throttle["ThrottlingRateLimit"],
                    "throttling_burst_limit": throttle["ThrottlingBurstLimit"],
                },
            ),
        ),
    )


def _permission(permission: Mapping[str, Any]) -> Block:
    return _resource(
        "aws_lambda_permission",
        {
            "function_name": Expression("aws_lambda_function.items.function_name"),
            "statement_id": permission["StatementId"],
            "action": permission["Action"],
            "principal": permission["Principal"],
            "source_arn": permission["SourceArn"],
        },
    )


def _as_map(tags: list[dict[str, str]]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in tags}


def imports(settings: Settings) -> str:
    """A shell script that asks AWS for the ids which only it knows, and prints an import block for each resource."""
    ids = {
        "aws_dynamodb_table.items": settings.table_name,
        "aws_iam_role.items": settings.role_name,
        "aws_iam_role_policy.items": f"{settings.role_name}:{settings.policy_name}",
        "aws_cloudwatch_log_group.items": settings.log_group_name,
        "aws_lambda_function.items": settings.function_name,
        "aws_lambda_permission.items": f"{settings.function_name}/{settings.statement_id}",
    }
    named = "\n".join(f"block {address} {name}" for address, name in ids.items())
    return _IMPORTS.format(name=settings.name, region=settings.region, named=named)


_IMPORTS = """\
#!/bin/sh
# Prints the import blocks of the stack {name}, which runs already. Needs the AWS CLI.
#   ./imports.sh > imports.tf && terraform init && terraform plan
set -eu
export AWS_REGION={region} AWS_DEFAULT_REGION={region} AWS_PAGER=''

# block ADDRESS ID
block() {{
  printf 'import {{\\n  to = %s\\n  id = "%s"\\n}}\\n\\n' "$1" "$2"
}}

API_ID=$(aws apigatewayv2 get-apis --output text \\
  --query "Items[?Tags.\\"managed-by\\"=='items-api' && Tags.\\"items-api:stack\\"=='{name}'].ApiId")
[ -n "$API_ID" ] || {{
  echo 'There is no HTTP API of the stack {name}.' >&2
  exit 1
}}
INTEGRATION_ID=$(aws apigatewayv2 get-integrations --api-id "$API_ID" --query 'Items[].IntegrationId' --output text)
ROUTES=$(aws apigatewayv2 get-routes --api-id "$API_ID" --query 'Items[].[RouteId, RouteKey]' --output text)

{named}
block aws_apigatewayv2_api.items "$API_ID"
block aws_apigatewayv2_integration.items "$API_ID/$INTEGRATION_ID"
block aws_apigatewayv2_stage.items "$API_ID/\\$default"
echo "$ROUTES" | while read -r ID KEY; do
  block "aws_apigatewayv2_route.items[\\"$KEY\\"]" "$API_ID/$ID"
done
"""
