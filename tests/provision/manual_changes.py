"""What someone may do to a stack by hand, with boto3."""

import json
from collections.abc import Callable
from typing import Any

import boto3

from tests.aws import Account
from tests.provision.drive import ACCOUNT

ROLE = "items-api-role"
FUNCTION = "items-api"
OTHER_BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/other-boundary"
EMPTY_ZIP = b"PK\x05\x06" + bytes(18)


def api_id() -> str:
    return str(boto3.client("apigatewayv2").get_apis()["Items"][0]["ApiId"])


def update_api(**changes: Any) -> None:
    boto3.client("apigatewayv2").update_api(ApiId=api_id(), **changes)


def protect(route_key: str) -> None:
    """Put a JWT authorizer on one route of the stack's API."""
    gateway, api = boto3.client("apigatewayv2"), api_id()
    authorizer = gateway.create_authorizer(
        ApiId=api,
        Name="gate",
        AuthorizerType="JWT",
        IdentitySource=["$request.header.Authorization"],
        JwtConfiguration={"Issuer": "https://issuer.example", "Audience": ["a"]},
    )["AuthorizerId"]
    route = next(r for r in gateway.get_routes(ApiId=api)["Items"] if r["RouteKey"] == route_key)
    gateway.update_route(ApiId=api, RouteId=route["RouteId"], AuthorizationType="JWT", AuthorizerId=authorizer)


def delete_table(account: Account) -> None:
    boto3.client("dynamodb").delete_table(TableName="Items")


def delete_log_group(account: Account) -> None:
    boto3.client("logs").delete_log_group(logGroupName="/aws/lambda/items-api")


def delete_function(account: Account) -> None:
    boto3.client("lambda").delete_function(FunctionName=FUNCTION)


def delete_api(account: Account) -> None:
    boto3.client("apigatewayv2").delete_api(ApiId=api_id())


def delete_permission(account: Account) -> None:
    boto3.client("lambda").remove_permission(FunctionName=FUNCTION, Qualifier="live", StatementId="apigw")


def delete_inline_policy(account: Account) -> None:
    boto3.client("iam").delete_role_policy(RoleName=ROLE, PolicyName="items-table-access")


def recreate_role(account: Account) -> None:
    """The new role has the same name and is another principal, with which the function fails."""
    iam = boto3.client("iam")
    role = iam.get_role(RoleName=ROLE)["Role"]
    delete_inline_policy(account)
    account.rest()
    iam.delete_role(RoleName=ROLE)
    iam.create_role(
        RoleName=ROLE,
        AssumeRolePolicyDocument=json.dumps(role["AssumeRolePolicyDocument"]),
        Tags=role["Tags"],
    )


def widen_trust(account: Account) -> None:
    anyone = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    document = {"Version": "2012-10-17", "Statement": [anyone]}
    boto3.client("iam").update_assume_role_policy(RoleName=ROLE, PolicyDocument=json.dumps(document))


def add_policies(account: Account) -> None:
    iam = boto3.client("iam")
    more = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [more]})
    iam.put_role_policy(RoleName=ROLE, PolicyName="more", PolicyDocument=document)
    iam.attach_role_policy(RoleName=ROLE, PolicyArn="arn:aws:iam::aws:policy/AmazonDynamoDBFullAccess")


def add_boundary(account: Account) -> None:
    boto3.client("iam").put_role_permissions_boundary(RoleName=ROLE, PermissionsBoundary=OTHER_BOUNDARY)


def change_retention(account: Account) -> None:
    boto3.client("logs").put_retention_policy(logGroupName="/aws/lambda/items-api", retentionInDays=1)


def change_configuration(account: Account) -> None:
    boto3.client("lambda").update_function_configuration(
        FunctionName=FUNCTION, Timeout=3, Handler="other.handler", Environment={"Variables": {"TABLE_NAME": "Other"}}
    )


def change_code(account: Account) -> None:
    boto3.client("lambda").update_function_code(FunctionName=FUNCTION, ZipFile=EMPTY_ZIP, Architectures=["x86_64"])


def change_cors(account: Account) -> None:
    cors = {"AllowOrigins": ["https://evil.example"], "AllowMethods": ["GET"]}
    update_api(Name="renamed", CorsConfiguration=cors)


def add_route_integration_stage_authorizer(account: Account) -> None:
    gateway, api = boto3.client("apigatewayv2"), api_id()
    integration = gateway.create_integration(
        ApiId=api,
        IntegrationType="HTTP_PROXY",
        IntegrationMethod="ANY",
        IntegrationUri="https://x.example",
        PayloadFormatVersion="1.0",
    )["IntegrationId"]
    gateway.create_route(ApiId=api, RouteKey="ANY /admin", Target=f"integrations/{integration}")
    gateway.create_stage(ApiId=api, StageName="test")
    protect("POST /items")


def raise_throttle(account: Account) -> None:
    boto3.client("apigatewayv2").update_stage(
        ApiId=api_id(),
        StageName="$default",
        AutoDeploy=False,
        DefaultRouteSettings={"ThrottlingRateLimit": 9999.0, "ThrottlingBurstLimit": 4999},
        RouteSettings={"GET /items": {"ThrottlingRateLimit": 5000.0}},
    )


def add_permission(source: str, **qualifier: Any) -> None:
    boto3.client("lambda").add_permission(
        FunctionName=FUNCTION,
        **qualifier,
        StatementId="apigw",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
        SourceArn=f"arn:aws:execute-api:us-east-1:{ACCOUNT}:{source}/*",
    )


def redirect_permission(account: Account) -> None:
    delete_permission(account)
    add_permission("other", Qualifier="live")


def permit_the_whole_function(account: Account) -> None:
    add_permission(api_id())


def delete_alias(account: Account) -> None:
    boto3.client("lambda").delete_alias(FunctionName=FUNCTION, Name="live")


def move_alias(account: Account) -> None:
    """To a version with other code, and without what the description must say."""
    lambda_ = boto3.client("lambda")
    change_code(account)
    account.rest()
    number = lambda_.publish_version(FunctionName=FUNCTION)["Version"]
    lambda_.update_alias(FunctionName=FUNCTION, Name="live", FunctionVersion=number, Description="hotfix")


def split_traffic(account: Account) -> None:
    lambda_ = boto3.client("lambda")
    change_configuration(account)
    account.rest()
    number = lambda_.publish_version(FunctionName=FUNCTION)["Version"]
    lambda_.update_alias(FunctionName=FUNCTION, Name="live", RoutingConfig={"AdditionalVersionWeights": {number: 0.5}})


def add_alias(account: Account) -> None:
    boto3.client("lambda").create_alias(FunctionName=FUNCTION, Name="beta", FunctionVersion="1")


def publish_versions(account: Account) -> None:
    lambda_ = boto3.client("lambda")
    for number in range(7):
        lambda_.update_function_configuration(FunctionName=FUNCTION, Description=str(number))
        account.rest()
        lambda_.publish_version(FunctionName=FUNCTION)


MANUAL_CHANGES: list[Callable[[Account], Any]] = [
    delete_table,
    delete_log_group,
    delete_function,
    delete_api,
    delete_permission,
    delete_inline_policy,
    recreate_role,
    widen_trust,
    add_policies,
    add_boundary,
    change_retention,
    change_configuration,
    change_code,
    change_cors,
    add_route_integration_stage_authorizer,
    raise_throttle,
    redirect_permission,
    permit_the_whole_function,
    delete_alias,
    move_alias,
    split_traffic,
    add_alias,
    publish_versions,
]
