"""Everything in moto's backends as plain data: no times, and labels instead of the ids that AWS chooses."""

import json
import re
from collections.abc import Mapping
from typing import Any

from tests.aws.dynamodb import DynamoDb
from tests.aws.lambda_versions import Lambda
from tests.aws.layer import backends


def snapshot(tables: DynamoDb, functions: Lambda) -> dict[str, dict[str, Any]]:
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
            for region, moto in backends("dynamodb")
            for name, table in moto.tables.items()
        },
        "AWS::IAM::Role": {role.name: _role(role) for _, moto in backends("iam") for role in moto.get_roles()},
        "AWS::Logs::LogGroup": {
            f"{region} {name}": {"retention": group.retention_in_days, "tags": moto.list_tags_for_resource(group.arn)}
            for region, moto in backends("logs")
            for name, group in moto.groups.items()
        },
        "AWS::Lambda::Function": {
            f"{region} {f.function_name}": {
                **_without(f.get_configuration(), "Description", "LastModified"),
                **functions.describe(region, f.function_name),
                "tags": f.tags,
                "statements": sorted(f.policy.statements, key=lambda statement: str(statement["Sid"])),
            }
            for region, moto in backends("lambda")
            for f in moto.list_functions()
        },
        "AWS::ApiGatewayV2::Api": {
            f"{region} {api.api_id}": _api(api)
            for region, moto in backends("apigatewayv2")
            for api in moto.apis.values()
        },
    }
    labels = _labels()
    text = json.dumps(found, sort_keys=True, default=str)
    if labels:
        text = re.sub(rf"\b({'|'.join(labels)})\b", lambda match: labels[match[1]], text)
    relabeled: dict[str, dict[str, Any]] = json.loads(text)
    return relabeled


def _role(role: Any) -> dict[str, Any]:
    return {
        "arn": role.arn,
        "trust": json.loads(role.assume_role_policy_document),
        "boundary": role.permissions_boundary_arn,
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
    """A label for each id."""
    labels = {role.id: f"<role {role.name}>" for _, moto in backends("iam") for role in moto.get_roles()}
    apis = [api for _, moto in backends("apigatewayv2") for api in moto.apis.values()]  # oldest first
    for number, api in enumerate(apis, 1):
        labels[api.api_id] = f"<api {number}>"
        labels.update({part: f"<part {n}>" for n, part in enumerate((*api.integrations, *api.authorizers), 1)})
    return labels


def _without(fields: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if key not in names}


def _sorted(tags: list[dict[str, str]]) -> list[dict[str, str]]:
    return sorted(tags, key=lambda tag: tag["Key"])
