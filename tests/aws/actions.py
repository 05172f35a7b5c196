"""Which IAM actions a call needs, and on which resource: what the deployer's policy is tested against.

moto's own IAM checks know neither API Gateway's path resources nor the tags and the role that a create request also
needs rights for. Source: the Service Authorization Reference, one page per service:
https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.aws.journal import Call

ACCOUNT = "123456789012"

# What tags in a create request need besides the create itself.
_TAGGING = {
    "dynamodb.CreateTable": ("Tags", "dynamodb:TagResource"),
    "iam.CreateRole": ("Tags", "iam:TagRole"),
    "lambda.CreateFunction": ("Tags", "lambda:TagResource"),
    "logs.CreateLogGroup": ("tags", "logs:TagResource"),
}


def partition_of(region: str) -> str:
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


def actions_of(call: Call) -> list[tuple[str, str]]:
    resource = _resource(call)
    # API Gateway's actions are HTTP methods, its resources are paths.
    name = f"apigateway:{call.http_method}" if call.service == "apigatewayv2" else f"{call.service}:{call.action_name}"
    actions = [(name, resource)]
    tags, tagging = _TAGGING.get(call.operation, ("", ""))
    if call.parameters.get(tags):
        actions.append((tagging, resource))
    if call.service == "lambda" and "Role" in call.parameters:
        actions.append(("iam:PassRole", str(call.parameters["Role"])))
    return actions


def _resource(call: Call) -> str:
    parameters, region = call.parameters, call.region
    arn = f"arn:{partition_of(region)}"
    given = parameters.get("ResourceArn") or parameters.get("Resource") or parameters.get("resourceArn")
    match call.service:
        case "apigatewayv2":
            return f"{arn}:apigateway:{region}::{call.path.removeprefix('/v2')}"
        case "dynamodb":
            return str(given or f"{arn}:dynamodb:{region}:{ACCOUNT}:table/{parameters.get('TableName', '*')}")
        case "iam":
            return f"{arn}:iam::{ACCOUNT}:role/{parameters.get('RoleName', '*')}"
        case "lambda":
            function = str(parameters.get("FunctionName", "*")).rpartition(":")[2]
            return str(given or f"{arn}:lambda:{region}:{ACCOUNT}:function:{function}")
        case "logs":
            group = parameters.get("logGroupName") or f"{parameters.get('logGroupNamePrefix', '')}*"
            return str(given or f"{arn}:logs:{region}:{ACCOUNT}:log-group:{group}")
        case _:
            return "*"
