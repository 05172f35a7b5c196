"""Everything that exists, as plain data in which two equal accounts are equal: no times, and labels for AWS's ids."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from tests.aws_model.dynamodb import DynamoDB
from tests.aws_model.functions import Lambda
from tests.aws_model.gateway import Gateway
from tests.aws_model.iam import Iam
from tests.aws_model.logs import Logs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.aws_model.service import Document, Service

# They change without anybody wanting it.
_CHURN = ("CreatedDate", "LastUpdatedDate", "DeploymentId", "LastDeploymentStatusMessage")


def snapshot(services: Mapping[tuple[str, str], Service]) -> dict[str, dict[str, Any]]:
    """CloudFormation type -> name -> fields; names begin with the region unless the service is global.

    Two APIs of one name are two, numbered by age. A role's id is a label in whatever mentions it, so the id of a role
    that is gone stands out. Times are left out; states (CREATING, Pending) are kept.
    """
    found: dict[str, dict[str, Any]] = {
        "AWS::DynamoDB::Table": {},
        "AWS::IAM::Role": {},
        "AWS::Logs::LogGroup": {},
        "AWS::Lambda::Function": {},
        "AWS::ApiGatewayV2::Api": {},
    }
    labels: dict[str, str] = {}
    for (_, where), service in sorted(services.items()):
        match service:
            case DynamoDB():
                found["AWS::DynamoDB::Table"] |= _regional(where, _tables(service))
            case Iam():
                found["AWS::IAM::Role"] |= _roles(service)
                labels |= {role.role_id: f"<role {role.name}>" for role in service.roles.values()}
            case Logs():
                found["AWS::Logs::LogGroup"] |= _regional(where, _groups(service))
            case Lambda():
                found["AWS::Lambda::Function"] |= _regional(where, _functions(service))
            case Gateway():
                found["AWS::ApiGatewayV2::Api"] |= _regional(where, _apis(service))
                labels |= _api_labels(service)
    return _relabelled(found, labels)


def _regional(region: str, resources: dict[str, Any]) -> dict[str, Any]:
    return {f"{region} {name}": resource for name, resource in resources.items()}


def _tables(service: DynamoDB) -> dict[str, Any]:
    now = service.place.now()
    return {
        name: {**table.parameters, "status": table.status(now), "tags": table.tags, "items": table.items}
        for name, table in service.tables.items()
    }


def _roles(service: Iam) -> dict[str, Any]:
    return {
        name: {
            "arn": role.arn,
            "trust": role.trust,
            "inline": role.inline,
            "attached": sorted(role.attached),
            "tags": role.tags,
            **role.extra,
        }
        for name, role in service.roles.items()
    }


def _groups(service: Logs) -> dict[str, Any]:
    return {name: {"retention": group.retention, "tags": group.tags} for name, group in service.groups.items()}


def _functions(service: Lambda) -> dict[str, Any]:
    now = service.place.now()
    return {
        name: {
            **_without(function.configuration, "LastModified"),
            "state": "Pending" if now < function.active_at else "Active",
            "updating": now < function.updated_at,
            "role id": function.role_id,
            "tags": function.tags,
            "statements": sorted(function.statements, key=lambda statement: str(statement["Sid"])),
        }
        for name, function in service.functions.items()
    }


def _apis(service: Gateway) -> dict[str, Any]:
    return {
        api.api_id: {
            **_steady(api.described),
            "tags": api.tags,
            "integrations": {item["IntegrationId"]: item for item in api.integrations.values()},
            "routes": {item["RouteKey"]: _without(item, "RouteId") for item in api.routes.values()},
            "stages": {name: _steady(stage) for name, stage in api.stages.items()},
            "authorizers": {item["AuthorizerId"]: item for item in api.authorizers.values()},
        }
        for api in service.apis.values()
    }


def _api_labels(service: Gateway) -> dict[str, str]:
    labels = {}
    for number, api in enumerate(sorted(service.apis.values(), key=lambda api: api.described["CreatedDate"]), 1):
        labels[api.api_id] = f"<api {number}>"
        labels |= _numbered("integration", api.integrations)
        labels |= _numbered("authorizer", api.authorizers)
    return labels


def _numbered(kind: str, parts: Iterable[str]) -> dict[str, str]:
    return {part: f"<{kind} {number}>" for number, part in enumerate(parts, 1)}


def _steady(item: Document) -> Document:
    return _without(item, *_CHURN)


def _without(item: Document, *keys: str) -> Document:
    return {key: value for key, value in item.items() if key not in keys}


def _relabelled(found: dict[str, dict[str, Any]], labels: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    text = json.dumps(found, sort_keys=True, default=str)
    if labels:
        text = re.sub(rf"\b({'|'.join(labels)})\b", lambda match: labels[match[1]], text)
    relabelled: dict[str, dict[str, Any]] = json.loads(text)
    return relabelled
