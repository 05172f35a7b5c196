"""The SAM template makes the stack that `up` makes: expanded by SAM's own translator and compared, property by property."""

from __future__ import annotations

import json
from typing import Any

import cfnlint.api
import pytest
from cfnlint.config import ManualArgs
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

from items_api.export import sam
from items_api.export.blueprint import Ids, calls
from items_api.handler import ROUTES
from items_api.provision.bundle import sources
from items_api.settings import Settings
from tests.export.recording import ACCOUNT, SETTINGS

UP = {name: dict(call.parameters) for name, call in calls(SETTINGS, Ids(ACCOUNT, "AROA1", "api1", "")).items()}
# What stands where CloudFormation fills something in.
FILLED_IN = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Region": SETTINGS.region,
    "AWS::Partition": "aws",
    "Api": "api1",
    "Function": SETTINGS.function_name,
    "Function.Arn": f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{SETTINGS.function_name}",
    "Role.Arn": f"arn:aws:iam::{ACCOUNT}:role/{SETTINGS.role_name}",
    "Role.RoleId": "AROA1",
}


class _NoManagedPolicies:
    def load(self) -> dict[str, str]:
        return {}


def filled_in(value: Any) -> Any:
    """With the intrinsics computed, as CloudFormation would."""
    match value:
        case {"Ref": str(name)}:
            return FILLED_IN[name]
        case {"Fn::GetAtt": [*parts]}:
            return FILLED_IN[".".join(parts)]
        case {"Fn::Sub": sub}:
            text, names = sub if isinstance(sub, list) else (sub, {})
            return _sub(text, filled_in(names))
        case dict():
            return {key: filled_in(inner) for key, inner in value.items()}
        case list():
            return [filled_in(inner) for inner in value]
        case _:
            return value


def _sub(text: str, names: dict[str, str]) -> str:
    for name, replacement in {**FILLED_IN, **names}.items():
        text = text.replace(f"${{{name}}}", replacement)
    assert "${" not in text
    return text


@pytest.fixture(scope="module")
def expanded() -> dict[str, dict[str, Any]]:
    """Logical id -> resource, as CloudFormation gets it to see."""
    template = yaml_parse(sam.template(SETTINGS))
    # `sam build` puts the code into S3; the translator takes nothing else.
    template["Resources"]["Function"]["Properties"]["CodeUri"] = {"Bucket": "b", "Key": "k"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", SETTINGS.region)
        resources = transform(template, {}, _NoManagedPolicies())["Resources"]
    return {name: filled_in(resource) for name, resource in resources.items()}


def one(expanded: dict[str, dict[str, Any]], kind: str) -> dict[str, Any]:
    (resource,) = [resource for resource in expanded.values() if resource["Type"] == kind]
    return dict(resource["Properties"])


def as_map(tags: Any) -> dict[str, str]:
    """Without the one that SAM adds of its own: `lambda:createdBy`, `httpapi:createdBy`."""
    pairs = tags.items() if isinstance(tags, dict) else [(tag["Key"], tag["Value"]) for tag in tags]
    return {key: value for key, value in pairs if not key.endswith(":createdBy")}


def test_cfn_lint_finds_nothing() -> None:
    for settings in (SETTINGS, Settings(), Settings(name="x" * 40, region="eu-central-1", timeout=30)):
        assert cfnlint.api.lint(sam.template(settings), config=ManualArgs()) == []


def test_the_table(expanded: dict[str, dict[str, Any]]) -> None:
    assert one(expanded, "AWS::DynamoDB::Table") == UP["table"]


def test_the_role_and_its_inline_policy(expanded: dict[str, dict[str, Any]]) -> None:
    assert one(expanded, "AWS::IAM::Role") == {
        "RoleName": SETTINGS.role_name,
        "AssumeRolePolicyDocument": json.loads(UP["role"]["AssumeRolePolicyDocument"]),
        "Policies": [
            {
                "PolicyName": SETTINGS.policy_name,
                "PolicyDocument": json.loads(UP["policy"]["PolicyDocument"]),
            }
        ],
        "Tags": UP["role"]["Tags"],
    }


def test_the_log_group_and_that_the_function_comes_after_it(expanded: dict[str, dict[str, Any]]) -> None:
    group = one(expanded, "AWS::Logs::LogGroup")
    assert {**group, "Tags": as_map(group["Tags"])} == {
        "LogGroupName": UP["log group"]["logGroupName"],
        "RetentionInDays": UP["retention"]["retentionInDays"],
        "Tags": UP["log group"]["tags"],
    }
    assert expanded["Function"]["DependsOn"] == "LogGroup"


def test_the_function(expanded: dict[str, dict[str, Any]]) -> None:
    function = one(expanded, "AWS::Lambda::Function")
    assert {**function, "Tags": as_map(function["Tags"]), "Code": None} == {**UP["function"], "Code": None}


def test_the_code_is_the_handlers_source() -> None:
    source = {path.removeprefix("src/"): content for path, content in sam.files(SETTINGS).items() if path[:4] == "src/"}
    assert source == sources()


def test_the_api_and_its_cors(expanded: dict[str, dict[str, Any]]) -> None:
    body = one(expanded, "AWS::ApiGatewayV2::Api")["Body"]
    cors = {name[0].upper() + name[1:]: value for name, value in body["x-amazon-apigateway-cors"].items()}
    assert body["info"]["title"] == UP["api"]["Name"]
    assert cors == UP["api"]["CorsConfiguration"]
    assert as_map({tag["name"]: UP["api"]["Tags"].get(tag["name"], "") for tag in body["tags"]}) == UP["api"]["Tags"]


def test_the_routes_and_what_they_lead_to(expanded: dict[str, dict[str, Any]]) -> None:
    paths = one(expanded, "AWS::ApiGatewayV2::Api")["Body"]["paths"]
    integrations = {
        f"{method.upper()} {path}": operation["x-amazon-apigateway-integration"]
        for path, operations in paths.items()
        for method, operation in operations.items()
    }
    assert integrations.keys() == set(ROUTES)
    for integration in integrations.values():
        assert integration == {
            "type": UP["integration"]["IntegrationType"].lower(),
            "httpMethod": "POST",
            "payloadFormatVersion": UP["integration"]["PayloadFormatVersion"],
            "timeoutInMillis": UP["integration"]["TimeoutInMillis"],
            # The long form of a function's ARN, which an OpenAPI document wants.
            "uri": "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/"
            f"{UP['integration']['IntegrationUri']}/invocations",
        }


def test_the_stage_and_its_throttle(expanded: dict[str, dict[str, Any]]) -> None:
    stage = one(expanded, "AWS::ApiGatewayV2::Stage")
    assert {**stage, "Tags": as_map(stage["Tags"])} == UP["stage"]


def test_the_invoke_permission_of_each_route(expanded: dict[str, dict[str, Any]]) -> None:
    """SAM makes one a route, where `up` makes one for all of them: together they allow no more."""
    permissions = [r["Properties"] for r in expanded.values() if r["Type"] == "AWS::Lambda::Permission"]
    assert len(permissions) == len(ROUTES)
    for permission in permissions:
        assert permission["SourceArn"].startswith(UP["permission"]["SourceArn"])
        assert {**permission, "SourceArn": ""} == {
            "FunctionName": UP["permission"]["FunctionName"],
            "Action": UP["permission"]["Action"],
            "Principal": UP["permission"]["Principal"],
            "SourceArn": "",
        }


def test_no_other_resource_is_made(expanded: dict[str, dict[str, Any]]) -> None:
    assert {resource["Type"] for resource in expanded.values()} == {
        "AWS::DynamoDB::Table",
        "AWS::IAM::Role",
        "AWS::Logs::LogGroup",
        "AWS::Lambda::Function",
        "AWS::Lambda::Permission",
        "AWS::ApiGatewayV2::Api",
        "AWS::ApiGatewayV2::Stage",
    }


def test_cloudformation_can_take_over_what_has_a_name(expanded: dict[str, dict[str, Any]]) -> None:
    """Its automatic import wants a name written out and a DeletionPolicy that keeps."""
    policies = {r["Type"]: r.get("DeletionPolicy") for r in expanded.values()}
    named = ("AWS::DynamoDB::Table", "AWS::IAM::Role", "AWS::Logs::LogGroup", "AWS::Lambda::Function")
    assert {policies[kind] for kind in named} == {"RetainExceptOnCreate"}
