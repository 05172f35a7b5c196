"""API Gateway v2 knows the operations that moto lacks, and refuses what only moto accepts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest

from tests.aws.requests import API, INTEGRATION
from tests.aws.test_lag import refusal

if TYPE_CHECKING:
    from tests.aws import Account

JWT: dict[str, Any] = {
    "Name": "gate",
    "AuthorizerType": "JWT",
    "IdentitySource": ["$request.header.Authorization"],
    "JwtConfiguration": {"Issuer": "https://issuer.example", "Audience": ["a"]},
}


@pytest.fixture
def api(account: Account) -> dict[str, Any]:
    return {"ApiId": boto3.client("apigatewayv2").create_api(**API)["ApiId"]}


def test_a_stage_can_be_updated_and_tagged_and_its_route_settings_deleted(api: dict[str, Any]) -> None:
    gateway = boto3.client("apigatewayv2")
    gateway.create_route(**api, RouteKey="GET /items")
    stage = {**api, "StageName": "$default"}
    gateway.create_stage(**stage, AutoDeploy=True, Tags={"a": "1"})
    gateway.update_stage(**stage, DefaultRouteSettings={"ThrottlingBurstLimit": 2})
    gateway.update_stage(
        **stage,
        DefaultRouteSettings={"ThrottlingRateLimit": 1.0},
        RouteSettings={"GET /items": {"ThrottlingBurstLimit": 9}},
    )
    [found] = gateway.get_stages(**api)["Items"]
    assert found["DefaultRouteSettings"].items() >= {"ThrottlingRateLimit": 1.0, "ThrottlingBurstLimit": 2}.items()
    assert list(found["RouteSettings"]) == ["GET /items"]
    assert found["DeploymentId"] != gateway.get_stages(**api)["Items"][0]["DeploymentId"]
    gateway.delete_route_settings(**stage, RouteKey="GET /items")
    assert gateway.get_stages(**api)["Items"][0]["RouteSettings"] == {}
    arn = f"arn:aws:apigateway:us-east-1::/apis/{api['ApiId']}"
    gateway.tag_resource(ResourceArn=f"{arn}/stages/$default", Tags={"b": "2"})
    gateway.untag_resource(ResourceArn=f"{arn}/stages/$default", TagKeys=["a"])
    assert gateway.get_tags(ResourceArn=f"{arn}/stages/$default")["Tags"] == {"b": "2"}
    assert gateway.get_tags(ResourceArn=arn)["Tags"] == {}


def test_authorizers_are_listed_and_stay_while_a_route_uses_them(api: dict[str, Any]) -> None:
    gateway = boto3.client("apigatewayv2")
    authorizer = gateway.create_authorizer(**api, **JWT)["AuthorizerId"]
    used = {**api, "AuthorizerId": authorizer}
    assert [found["AuthorizerId"] for found in gateway.get_authorizers(**api)["Items"]] == [authorizer]
    route = gateway.create_route(**used, RouteKey="GET /items", AuthorizationType="JWT")["RouteId"]
    assert refusal(gateway.delete_authorizer, **used)[0] == "ConflictException"
    assert "AuthorizerId" not in gateway.update_route(**api, RouteId=route, AuthorizationType="NONE")
    gateway.delete_authorizer(**used)


def test_cors_is_merged_and_in_lower_case(api: dict[str, Any]) -> None:
    gateway = boto3.client("apigatewayv2")
    gateway.update_api(**api, CorsConfiguration={"AllowOrigins": ["*"], "AllowHeaders": ["Content-Type"]})
    answer = gateway.update_api(**api, CorsConfiguration={})
    assert answer["CorsConfiguration"] == {"AllowOrigins": ["*"], "AllowHeaders": ["content-type"]}
    gateway.delete_cors_configuration(**api)
    assert "CorsConfiguration" not in gateway.get_api(**api)


def test_what_is_duplicate_in_use_or_missing_is_refused(api: dict[str, Any]) -> None:
    gateway = boto3.client("apigatewayv2")
    integration = {**api, "IntegrationId": gateway.create_integration(**api, **INTEGRATION)["IntegrationId"]}
    target = f"integrations/{integration['IntegrationId']}"
    gateway.create_route(**api, RouteKey="GET /items/{id}", Target=target)
    gateway.create_stage(**api, StageName="$default")
    refused: list[tuple[str, str, dict[str, Any]]] = [
        ("ConflictException", "create_route", {"RouteKey": "GET /items/{id}"}),
        ("ConflictException", "create_route", {"RouteKey": "GET /items/{name}"}),
        ("ConflictException", "create_stage", {"StageName": "$default"}),
        ("ConflictException", "delete_integration", {"IntegrationId": integration["IntegrationId"]}),
        ("BadRequestException", "create_route", {"RouteKey": "GET /x", "Target": "integrations/none"}),
        ("BadRequestException", "create_route", {"RouteKey": "GET /x", "AuthorizerId": "none"}),
        ("BadRequestException", "create_stage", {"StageName": "x", "AutoDeploy": True, "DeploymentId": "d"}),
        ("NotFoundException", "delete_stage", {"StageName": "none"}),
        ("NotFoundException", "update_route", {"RouteId": "none"}),
        ("NotFoundException", "update_stage", {"StageName": "$default", "RouteSettings": {"GET /x": {}}}),
        ("NotFoundException", "delete_route_settings", {"StageName": "$default", "RouteKey": "GET /x"}),
        ("NotFoundException", "delete_api", {"ApiId": "none"}),
    ]
    for code, operation, parameters in refused:
        assert refusal(getattr(gateway, operation), **{**api, **parameters})[0] == code, (operation, parameters)
