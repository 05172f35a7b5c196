"""IAM permissions: the actions and resources of a call, and whether a policy allows them.

moto's own checks know neither API Gateway's path resources nor the tags and the role that a create request needs
permissions for. Source: the Service Authorization Reference, one page per service:
https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from tests.aws.faults import Call
from tests.aws.layer import Document, arn_of, backend

# What tags in a create request need besides the create itself.
_TAGGING = {
    "dynamodb.CreateTable": ("Tags", "dynamodb:TagResource"),
    "iam.CreateRole": ("Tags", "iam:TagRole"),
    "lambda.CreateFunction": ("Tags", "lambda:TagResource"),
    "logs.CreateLogGroup": ("tags", "logs:TagResource"),
}
# Lambda is the only service that a role is passed to here.
_TO_LAMBDA = {"iam:PassedToService": "lambda.amazonaws.com"}


def actions_of(call: Call) -> list[tuple[str, str]]:
    """The IAM actions that this call needs, each with its resource; the operation's own action first."""
    resource = _resource(call)
    # API Gateway's actions are HTTP methods, its resources are paths.
    name = f"apigateway:{call.http_method}" if call.service == "apigatewayv2" else f"{call.service}:{call.action_name}"
    name = {"lambda:Invoke": "lambda:InvokeFunction"}.get(name, name)
    actions = [(name, resource)]
    tags, tagging = _TAGGING.get(call.operation, ("", ""))
    if call.parameters.get(tags):
        actions.append((tagging, resource))
    if call.service == "lambda" and "Role" in call.parameters:
        actions.append(("iam:PassRole", str(call.parameters["Role"])))
    return actions


def context_of(call: Call) -> dict[str, str]:
    """The condition keys of this call: the boundary that it sets, or else the one of the role that it changes."""
    role = next((r for r in backend("iam", "aws").get_roles() if r.name == call.parameters.get("RoleName")), None)
    boundary = call.parameters.get("PermissionsBoundary") or (role and role.permissions_boundary_arn)
    return {**_TO_LAMBDA, **({"iam:PermissionsBoundary": boundary} if boundary else {})}


def _resource(call: Call) -> str:
    parameters, region = call.parameters, call.region
    if call.service == "apigatewayv2":
        return f"arn:aws:apigateway:{region}::{call.path.removeprefix('/v2')}"
    if given := parameters.get("ResourceArn") or parameters.get("Resource") or parameters.get("resourceArn"):
        return str(given)
    qualifier = f":{parameters['Qualifier']}" if "Qualifier" in parameters else ""
    resources = {
        "dynamodb": f"table/{parameters.get('TableName') or next(iter(parameters.get('RequestItems', '*')))}",
        "iam": f"role/{parameters.get('RoleName', '*')}",
        "lambda": f"function:{str(parameters.get('FunctionName', '*')).rpartition(':')[2]}{qualifier}",
        "logs": f"log-group:{parameters.get('logGroupName') or parameters.get('logGroupNamePrefix', '') + '*'}",
    }
    return arn_of(call.service, region, resources[call.service]) if call.service in resources else "*"


def allows(documents: Iterable[Document], action: str, resource: str, context: Mapping[str, str] = _TO_LAMBDA) -> bool:
    """Whether a statement allows it and none denies it. Evaluates the part of the language that the tests use.

    `context` has the values of the condition keys; keys that do not apply to the call are absent.
    """
    statements = [statement for document in documents for statement in document["Statement"]]
    return {s["Effect"] for s in statements if _applies(s, action, resource, context)} == {"Allow"}


def trusts_lambda(document: Document) -> bool:
    return any(
        (statement["Effect"], statement["Action"]) == ("Allow", "sts:AssumeRole")
        and statement["Principal"].get("Service") == "lambda.amazonaws.com"
        for statement in document["Statement"]
    )


def _applies(statement: Document, action: str, resource: str, context: Mapping[str, str]) -> bool:
    if not (_matches(action, statement["Action"]) and _matches(resource, statement["Resource"])):
        return False
    conditions = statement.get("Condition", {})
    if conditions.keys() - {"StringEquals"}:
        raise NotImplementedError(f"this condition cannot be evaluated: {statement}")
    # A key that is absent is not equal to anything.
    return all(context.get(key) == value for key, value in conditions.get("StringEquals", {}).items())


def _matches(value: str, patterns: Any) -> bool:
    return any(fnmatchcase(value, pattern) for pattern in (patterns if isinstance(patterns, list) else [patterns]))
