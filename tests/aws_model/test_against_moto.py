"""The model and moto answer alike, except where moto is more lenient than AWS."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator
from moto import mock_aws

from tests.aws_model import NO_DELAYS, AwsWorld
from tests.aws_model.requests import (
    API,
    FUNCTION,
    FUNCTION_ARN,
    INTEGRATION,
    LOGGING,
    PERMISSION,
    ROLE,
    TABLE,
    TABLE_ARN,
    TRUST,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

GROUP = "/aws/lambda/f"
GROUP_ARN = f"arn:aws:logs:us-east-1:123456789012:log-group:{GROUP}"
API_ARN = "arn:aws:apigateway:us-east-1::/apis/<ApiId>"
TAGS = {"stack": "items"}
TAG_LIST = [{"Key": "stack", "Value": "items"}]
THE_API = {"ApiId": "<ApiId>"}
THE_ROLE = {"RoleName": "r"}
THE_POLICY = {**THE_ROLE, "PolicyName": "p"}
GET_ITEMS = {**THE_API, "RouteKey": "GET /items", "Target": "integrations/<IntegrationId>"}
CORS = {"AllowOrigins": ["*"], "AllowMethods": ["GET"], "AllowHeaders": ["content-type"]}
STAGE = {**THE_API, "StageName": "$default", "AutoDeploy": True}

Call = tuple[str, str, dict[str, Any]]

# <ApiId> and the like stand for what an earlier answer said.
SCRIPT: tuple[Call, ...] = (
    ("sts", "get_caller_identity", {}),
    ("dynamodb", "describe_table", {"TableName": "Items"}),
    ("dynamodb", "create_table", {**TABLE, "Tags": TAG_LIST}),
    ("dynamodb", "create_table", TABLE),
    ("dynamodb", "describe_table", {"TableName": "Items"}),
    ("dynamodb", "list_tables", {}),
    ("dynamodb", "tag_resource", {"ResourceArn": TABLE_ARN, "Tags": [{"Key": "more", "Value": "1"}]}),
    ("dynamodb", "list_tags_of_resource", {"ResourceArn": TABLE_ARN}),
    ("dynamodb", "untag_resource", {"ResourceArn": TABLE_ARN, "TagKeys": ["more"]}),
    ("dynamodb", "put_item", {"TableName": "Items", "Item": {"itemId": {"S": "1"}}}),
    ("dynamodb", "scan", {"TableName": "Items", "Select": "COUNT"}),
    ("dynamodb", "update_table", {"TableName": "Items", "DeletionProtectionEnabled": True}),
    ("dynamodb", "delete_table", {"TableName": "Items"}),
    ("dynamodb", "update_table", {"TableName": "Items", "DeletionProtectionEnabled": False}),
    ("dynamodb", "delete_table", {"TableName": "Items"}),
    ("dynamodb", "delete_table", {"TableName": "Items"}),
    ("iam", "get_role", THE_ROLE),
    ("iam", "create_role", {**ROLE, "Tags": TAG_LIST}),
    ("iam", "create_role", ROLE),
    ("iam", "get_role", THE_ROLE),
    ("iam", "tag_role", {**THE_ROLE, "Tags": [{"Key": "more", "Value": "1"}]}),
    ("iam", "untag_role", {**THE_ROLE, "TagKeys": ["more"]}),
    ("iam", "list_role_tags", THE_ROLE),
    ("iam", "get_role_policy", THE_POLICY),
    ("iam", "put_role_policy", {**THE_POLICY, "PolicyDocument": "{"}),
    ("iam", "put_role_policy", {**THE_POLICY, "PolicyDocument": LOGGING}),
    ("iam", "get_role_policy", THE_POLICY),
    ("iam", "list_role_policies", THE_ROLE),
    ("iam", "update_assume_role_policy", {**THE_ROLE, "PolicyDocument": TRUST}),
    ("logs", "create_log_group", {"logGroupName": GROUP, "tags": TAGS}),
    ("logs", "create_log_group", {"logGroupName": GROUP}),
    ("logs", "create_log_group", {"logGroupName": f"{GROUP}-more"}),
    ("logs", "put_retention_policy", {"logGroupName": GROUP, "retentionInDays": 14}),
    ("logs", "put_retention_policy", {"logGroupName": "/none", "retentionInDays": 14}),
    ("logs", "describe_log_groups", {"logGroupNamePrefix": GROUP}),
    ("logs", "tag_resource", {"resourceArn": GROUP_ARN, "tags": {"more": "1"}}),
    ("logs", "untag_resource", {"resourceArn": GROUP_ARN, "tagKeys": ["more"]}),
    ("logs", "list_tags_for_resource", {"resourceArn": GROUP_ARN}),
    ("lambda", "get_function", {"FunctionName": "f"}),
    ("lambda", "create_function", {**FUNCTION, "Tags": TAGS, "Architectures": ["arm64"]}),
    ("lambda", "create_function", FUNCTION),
    ("lambda", "get_function", {"FunctionName": "f"}),
    ("lambda", "get_function_configuration", {"FunctionName": "f"}),
    ("lambda", "list_functions", {}),
    ("lambda", "update_function_code", {"FunctionName": "f", "ZipFile": FUNCTION["Code"]["ZipFile"]}),
    ("lambda", "update_function_configuration", {"FunctionName": "f", "Environment": {"Variables": {"MODE": "1"}}}),
    ("lambda", "update_function_configuration", {"FunctionName": "f", "Timeout": 9, "MemorySize": 256}),
    ("lambda", "tag_resource", {"Resource": FUNCTION_ARN, "Tags": {"more": "1"}}),
    ("lambda", "untag_resource", {"Resource": FUNCTION_ARN, "TagKeys": ["more"]}),
    ("lambda", "list_tags", {"Resource": FUNCTION_ARN}),
    ("lambda", "get_policy", {"FunctionName": "f"}),
    ("lambda", "add_permission", PERMISSION),
    ("lambda", "get_policy", {"FunctionName": "f"}),
    ("lambda", "remove_permission", {"FunctionName": "f", "StatementId": "none"}),
    ("lambda", "remove_permission", {"FunctionName": "f", "StatementId": "apigw"}),
    ("lambda", "delete_function", {"FunctionName": "f"}),
    ("lambda", "delete_function", {"FunctionName": "f"}),
    ("lambda", "add_permission", PERMISSION),
    ("apigatewayv2", "create_api", {**API, "CorsConfiguration": CORS, "Tags": TAGS}),
    ("apigatewayv2", "get_api", THE_API),
    ("apigatewayv2", "get_apis", {}),
    ("apigatewayv2", "update_api", {**THE_API, "Name": "other", "CorsConfiguration": CORS}),
    ("apigatewayv2", "delete_cors_configuration", THE_API),
    ("apigatewayv2", "tag_resource", {"ResourceArn": API_ARN, "Tags": {"more": "1"}}),
    ("apigatewayv2", "untag_resource", {"ResourceArn": API_ARN, "TagKeys": ["more"]}),
    ("apigatewayv2", "get_tags", {"ResourceArn": API_ARN}),
    ("apigatewayv2", "create_integration", {**THE_API, **INTEGRATION}),
    ("apigatewayv2", "get_integrations", THE_API),
    (
        "apigatewayv2",
        "update_integration",
        {**THE_API, "IntegrationId": "<IntegrationId>", "TimeoutInMillis": 9_000},
    ),
    ("apigatewayv2", "create_route", GET_ITEMS),
    ("apigatewayv2", "get_routes", THE_API),
    ("apigatewayv2", "update_route", {**THE_API, "RouteId": "<RouteId>", "RouteKey": "GET /things"}),
    ("apigatewayv2", "create_stage", {**STAGE, "Tags": TAGS}),
    ("apigatewayv2", "get_stages", THE_API),
    ("apigatewayv2", "delete_route", {**THE_API, "RouteId": "<RouteId>"}),
    ("apigatewayv2", "delete_integration", {**THE_API, "IntegrationId": "<IntegrationId>"}),
    ("apigatewayv2", "delete_stage", {**THE_API, "StageName": "$default"}),
    ("apigatewayv2", "delete_api", THE_API),
    ("apigatewayv2", "get_routes", THE_API),
    ("logs", "delete_log_group", {"logGroupName": GROUP}),
    ("logs", "delete_log_group", {"logGroupName": GROUP}),
    ("iam", "delete_role", THE_ROLE),
    ("iam", "delete_role_policy", THE_POLICY),
    ("iam", "delete_role_policy", THE_POLICY),
    ("iam", "list_instance_profiles_for_role", THE_ROLE),
    ("iam", "list_roles", {}),
    ("iam", "delete_role", THE_ROLE),
    ("iam", "delete_role", THE_ROLE),
)


# The last call of each: moto lets it pass, AWS and the model refuse it.
LENIENCIES: tuple[tuple[str, tuple[Call, ...]], ...] = (
    (
        "ResourceConflictException",
        (
            ("iam", "create_role", ROLE),
            ("lambda", "create_function", FUNCTION),
            ("lambda", "add_permission", PERMISSION),
            ("lambda", "add_permission", PERMISSION),
        ),
    ),
    (
        "ConflictException",
        (
            ("apigatewayv2", "create_api", API),
            ("apigatewayv2", "create_integration", {**THE_API, **INTEGRATION}),
            ("apigatewayv2", "create_route", GET_ITEMS),
            ("apigatewayv2", "create_route", GET_ITEMS),
        ),
    ),
    (
        "ConflictException",
        (
            ("apigatewayv2", "create_api", API),
            ("apigatewayv2", "create_integration", {**THE_API, **INTEGRATION}),
            ("apigatewayv2", "create_route", GET_ITEMS),
            ("apigatewayv2", "delete_integration", {**THE_API, "IntegrationId": "<IntegrationId>"}),
        ),
    ),
    (
        "ConflictException",
        (
            ("apigatewayv2", "create_api", API),
            ("apigatewayv2", "create_stage", STAGE),
            ("apigatewayv2", "create_stage", STAGE),
        ),
    ),
    (
        "NotFoundException",
        (("apigatewayv2", "create_api", API), ("apigatewayv2", "delete_stage", {**THE_API, "StageName": "none"})),
    ),
    ("NotFoundException", (("apigatewayv2", "delete_api", {"ApiId": "none"}),)),
    ("ResourceNotFoundException", (("logs", "list_tags_for_resource", {"resourceArn": f"{GROUP_ARN}"}),)),
)

# What each makes up for itself; a count that AWS takes every six hours; and moto's tables are never on their way out.
OWN = ("ItemCount", "TableStatus", "Arn", "UserId", "RoleId", "creationTime", "LastModified", "RevisionId", "Location")


def play(client: Callable[[str], Any], calls: Iterable[Call]) -> Iterator[tuple[str, Any]]:
    """Each call's operation and answer, or its error's code; what AWS chose is replaced by its name."""
    chosen: dict[str, str] = {}
    for service, operation, parameters in calls:
        sent = _replaced(parameters, {f"<{name}>": value for name, value in chosen.items()})
        try:
            answer = getattr(client(service), operation)(**sent)
        except ClientError as error:
            answer = {"code": error.response["Error"]["Code"]}
        answer.pop("ResponseMetadata", None)
        chosen |= {key: value for key, value in answer.items() if key in ("ApiId", "IntegrationId", "RouteId")}
        yield f"{service}.{operation}", _replaced(answer, {value: f"<{name}>" for name, value in chosen.items()})


def _replaced(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _replaced(inner, names) for key, inner in value.items()}
    if isinstance(value, list):
        return [_replaced(inner, names) for inner in value]
    if isinstance(value, str):
        for name, replacement in names.items():
            value = value.replace(name, replacement)
    return value


def differences(model: Any, moto: Any, path: str) -> Iterator[str]:
    """In what both answers have: moto leaves some fields out, and adds some that AWS has only for others."""
    if isinstance(model, dict) and isinstance(moto, dict):
        if ("code" in model) != ("code" in moto):
            yield f"{path}: {model} but moto has {moto}"
        for key in (model.keys() & moto.keys()) - {*OWN}:
            yield from differences(model[key], moto[key], f"{path}.{key}")
    elif isinstance(model, list) and isinstance(moto, list) and len(model) == len(moto):
        for index, (one, other) in enumerate(zip(model, moto, strict=True)):
            yield from differences(one, other, f"{path}[{index}]")
    elif str(model).startswith('{"'):
        yield from differences(json.loads(model), json.loads(moto), path)
    elif model != moto and not isinstance(model, datetime):
        yield f"{path}: {model!r} but moto has {moto!r}"


@pytest.fixture
def moto_client() -> Iterator[Callable[[str], Any]]:
    clients: dict[str, Any] = {}

    def client(service: str) -> Any:
        if service not in clients:
            clients[service] = boto3.client(service)  # type: ignore[call-overload]
        return clients[service]

    with mock_aws(config={"lambda": {"use_docker": False}}):
        yield client


@pytest.fixture
def model_client() -> Callable[[str], Any]:
    return AwsWorld(delays=NO_DELAYS).boto


def test_the_same_calls_get_the_same_answers(
    model_client: Callable[[str], Any], moto_client: Callable[[str], Any]
) -> None:
    pairs = zip(play(model_client, SCRIPT), play(moto_client, SCRIPT), strict=True)
    assert [text for (name, model), (_, moto) in pairs for text in differences(model, moto, name)] == []


@pytest.mark.parametrize(("code", "calls"), LENIENCIES)
def test_the_model_refuses_what_only_moto_lets_pass(
    code: str, calls: tuple[Call, ...], model_client: Callable[[str], Any], moto_client: Callable[[str], Any]
) -> None:
    assert [answer.get("code") for _, answer in play(model_client, calls)] == [*[None] * (len(calls) - 1), code]
    assert [answer.get("code") for _, answer in play(moto_client, calls)] == [None] * len(calls)


def test_every_answer_has_the_shape_that_botocore_would_parse() -> None:
    """Each field is one of the operation's output, of its type, at every depth."""
    world = AwsWorld(delays=NO_DELAYS)
    model = boto3.Session()._session.get_service_model
    for (service, operation, _), (_, answer) in zip(SCRIPT, play(world.boto, SCRIPT), strict=True):
        method = world.boto(service).meta.method_to_api_mapping[operation]
        shape = model(service).operation_model(method).output_shape
        if "code" not in answer and shape is not None:
            report = ParamValidator().validate(answer, shape).generate_report()
            # Of the values AWS itself breaks the model: 0 for a minimum of 1, and botocore decodes policy documents.
            assert [line for line in report.splitlines() if "Policy" not in line and "min value" not in line] == []
