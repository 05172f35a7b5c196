"""The stack as an AWS SAM template, and the function's source beside it.

The names are those of `up`, so that CloudFormation can take over what stands: it finds resources by their names, and
wants a DeletionPolicy that keeps them (docs/leaving.md).
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources-automatically.html
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from items_api.export.blueprint import Ids, calls
from items_api.export.yamltext import Intrinsic, to_yaml
from items_api.handler import ROUTES
from items_api.provision.bundle import sources
from items_api.provision.function import ROLE_ID_TAG

if TYPE_CHECKING:
    from collections.abc import Mapping

    from items_api.settings import Settings

CODE = "src"
IDS = Ids(account="${AWS::AccountId}", role="", api="${Api}", integration="")
_KEPT = {"DeletionPolicy": "RetainExceptOnCreate", "UpdateReplacePolicy": "Retain"}


def files(settings: Settings) -> dict[str, bytes]:
    code = {f"{CODE}/{path}": content for path, content in sources().items()}
    return {"template.yaml": template(settings).encode(), **code}


def template(settings: Settings) -> str:
    return _HEAD.format(name=settings.name, region=settings.region) + to_yaml(document(settings))


def document(settings: Settings) -> dict[str, Any]:
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Transform": "AWS::Serverless-2016-10-31",
        "Description": f"A CRUD API on items - the stack {settings.name}",
        "Resources": _resources(settings),
        "Outputs": {"Endpoint": {"Value": Intrinsic("GetAtt", "Api.ApiEndpoint")}},
    }


def _resources(settings: Settings) -> dict[str, Any]:
    made = {name: call.parameters for name, call in calls(settings, IDS).items()}
    return {
        "Table": {"Type": "AWS::DynamoDB::Table", **_KEPT, "Properties": dict(made["table"])},
        "Role": {"Type": "AWS::IAM::Role", **_KEPT, "Properties": _role(made["role"], made["policy"])},
        "LogGroup": {
            "Type": "AWS::Logs::LogGroup",
            **_KEPT,
            "Properties": {
                "LogGroupName": settings.log_group_name,
                "RetentionInDays": settings.log_retention,
                "Tags": [{"Key": key, "Value": value} for key, value in settings.all_tags.items()],
            },
        },
        "Function": {
            "Type": "AWS::Serverless::Function",
            # Without its log group, Lambda would make one that keeps logs for ever.
            "DependsOn": "LogGroup",
            **_KEPT,
            "Properties": _function(made["function"]),
        },
        "Api": {"Type": "AWS::Serverless::HttpApi", "Properties": _api(made["api"], made["stage"])},
    }


def _role(role: Mapping[str, Any], policy: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "RoleName": role["RoleName"],
        "AssumeRolePolicyDocument": json.loads(role["AssumeRolePolicyDocument"]),
        "Policies": [
            {
                "PolicyName": policy["PolicyName"],
                "PolicyDocument": _substituted(json.loads(policy["PolicyDocument"])),
            }
        ],
        "Tags": role["Tags"],
    }


def _function(function: Mapping[str, Any]) -> dict[str, Any]:
    copied = ("FunctionName", "Runtime", "Handler", "MemorySize", "Timeout", "Architectures", "Environment")
    return {
        **{name: function[name] for name in copied},
        "CodeUri": f"{CODE}/",
        "Role": Intrinsic("GetAtt", "Role.Arn"),
        "Tags": {**function["Tags"], ROLE_ID_TAG: Intrinsic("GetAtt", "Role.RoleId")},
        "Events": {_event_name(key): {"Type": "HttpApi", "Properties": _event(key)} for key in ROUTES},
    }


def _event(route_key: str) -> dict[str, Any]:
    method, path = route_key.split()
    return {
        "ApiId": Intrinsic("Ref", "Api"),
        "Method": method,
        "Path": path,
        "PayloadFormatVersion": "2.0",
        "TimeoutInMillis": 30_000,
    }


def _event_name(route_key: str) -> str:
    """`GET /items/{id+}` is `GetItemsId`."""
    words = "".join(char if char.isalnum() else " " for char in route_key)
    return "".join(word.capitalize() for word in words.split())


def _api(api: Mapping[str, Any], stage: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "Name": api["Name"],
        "CorsConfiguration": api["CorsConfiguration"],
        "StageName": stage["StageName"],
        "DefaultRouteSettings": stage["DefaultRouteSettings"],
        "Tags": api["Tags"],
    }


def _substituted(value: Any) -> Any:
    """With `!Sub` before each text in which CloudFormation has something to fill in."""
    if isinstance(value, dict):
        return {key: _substituted(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_substituted(inner) for inner in value]
    return Intrinsic("Sub", value) if isinstance(value, str) and "${" in value else value


_HEAD = """\
# The stack {name} for AWS SAM. Written by: items-api export sam
# Deploy it to the region that its names are made for:
#   sam build && sam deploy --stack-name {name} --region {region} --resolve-s3 --capabilities CAPABILITY_NAMED_IAM
# What has a DeletionPolicy outlives the CloudFormation stack; take those lines out to have sam delete remove it too.
"""
