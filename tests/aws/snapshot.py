"""Everything in moto's backends as plain data: no times, and labels instead of the ids that AWS chooses."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from tests.aws.actions import ACCOUNT
from tests.aws.backends import EVERY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.aws.dynamodb_lag import DynamoDbLag
    from tests.aws.lambda_lag import LambdaLag


def snapshot(tables: DynamoDbLag, functions: LambdaLag) -> dict[str, dict[str, Any]]:
    """CloudFormation type -> name -> fields; names begin with the region unless the service is global.

    Two APIs of one name are two entries. The id of a role is a label wherever it is mentioned, so the id of a role that
    no longer exists stands out. States (CREATING, Pending) are included.
    """
    found = {
        "AWS::DynamoDB::Table": {
            f"{region} {name}": {
                **_without(table.describe()["TableDescription"], "CreationDateTime"),
                "TableStatus": tables.status(region, name),
                "tags": _sorted(table.tags),
            }
            for region, backend in _places("dynamodb")
            for name, table in backend.tables.items()
        },
        "AWS::IAM::Role": {role.name: _role(role) for _, backend in _places("iam") for role in backend.get_roles()},
        "AWS::Logs::LogGroup": {
            f"{region} {name}": {
                "retention": group.retention_in_days,
                "tags": backend.list_tags_for_resource(group.arn),
            }
            for region, backend in _places("logs")
            for name, group in backend.groups.items()
        },
        "AWS::Lambda::Function": {
            f"{region} {f.function_name}": {
                **_without(f.get_configuration(), "LastModified"),
                **functions.described(region, f.function_name),
                "tags": f.tags,
                "statements": sorted(f.policy.statements, key=lambda statement: str(statement["Sid"])),
            }
            for region, backend in _places("lambda")
            for f in backend.list_functions()
        },
        "AWS::ApiGatewayV2::Api": {
            f"{region} {api.api_id}": _api(api)
            for region, backend in _places("apigatewayv2")
            for api in backend.apis.values()
        },
    }
    return _relabelled(found, _labels())


def _places(service: str) -> list[tuple[str, Any]]:
    """Each region in which the service was used, with moto's backend."""
    return sorted(EVERY[service][ACCOUNT].items())


def _role(role: Any) -> dict[str, Any]:
    return {
        "arn": role.arn,
        "trust": json.loads(role.assume_role_policy_document),
        "inline": {name: json.loads(document) for name, document in role.policies.items()},
        "attached": sorted(role.managed_policies),
        "tags": _sorted(role.tags),
    }


def _api(api: Any) -> dict[str, Any]:
    return {
        **_without(api.to_json(), "createdDate"),
        "integrations": [integration.to_json() for integration in api.integrations.values()],
        "routes": {route.route_key: _without(route.to_json(), "routeId") for route in api.routes.values()},
        "stages": {
            name: _without(stage.to_json(), "createdDate", "lastUpdatedDate") for name, stage in api.stages.items()
        },
        "authorizers": [authorizer.to_json() for authorizer in api.authorizers.values()],
    }


def _labels() -> dict[str, str]:
    roles = {role.id: f"<role {role.name}>" for _, backend in _places("iam") for role in backend.get_roles()}
    apis = [api for _, backend in _places("apigatewayv2") for api in backend.apis.values()]  # oldest first
    return {**roles, **dict(_numbered("api", apis)), **{k: v for api in apis for k, v in _parts(api)}}


def _parts(api: Any) -> Iterator[tuple[str, str]]:
    yield from _numbered("integration", api.integrations.values())
    yield from _numbered("authorizer", api.authorizers.values())


def _numbered(kind: str, things: Any) -> Iterator[tuple[str, str]]:
    for number, thing in enumerate(things, 1):
        yield getattr(thing, "api_id", None) or thing.id, f"<{kind} {number}>"


def _without(fields: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if key not in names}


def _relabelled(found: dict[str, dict[str, Any]], labels: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    text = json.dumps(found, sort_keys=True, default=str)
    if labels:
        text = re.sub(rf"\b({'|'.join(labels)})\b", lambda match: labels[match[1]], text)
    relabelled: dict[str, dict[str, Any]] = json.loads(text)
    return relabelled


def _sorted(tags: list[dict[str, str]]) -> list[dict[str, str]]:
    return sorted(tags, key=lambda tag: tag["Key"])
