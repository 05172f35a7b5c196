"""The life of a stack in which the product makes every kind of call that it can make."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import boto3
from moto import mock_aws

from items_api.aws.client import Aws
from items_api.errors import Problem
from items_api.items import ItemTable
from items_api.items.rate import Rate
from items_api.local import ACCOUNT
from items_api.provision.stack import Stack
from items_api.settings import Settings
from tests.aws import MOTO, NO_DELAYS
from tests.aws import Account as AwsAccount
from tests.export.conftest import finish

# Spaces, characters that need quotes, and letters beyond ASCII.
SETTINGS = Settings(
    name="team-todo",
    tags={"team": "web", "cost center": "R+D = 7/ä", "empty": ""},
    cors_origins=("https://app.example.com", "http://localhost:5173"),
    former_tags=frozenset({"former"}),
    indexes=("owner",),
)
WITH_TOKENS = replace(
    SETTINGS, auth="jwt", jwt_issuer="https://issuer.example", jwt_audiences=("items",), jwt_write_scope="items:write"
)
WITH_BOUNDARY = replace(SETTINGS, permissions_boundary=f"arn:aws:iam::{ACCOUNT}:policy/team-todo-boundary")
SESSION = boto3.Session()


def cycle(owner: Aws, open_stack: Callable[[], Stack]) -> None:
    """Run `up`, change everything by hand, run `up` again, then `down`. Raises an exception group if a step fails."""
    finish(open_stack(), Stack.up)
    move_items(open_stack())
    stack = open_stack()
    change_by_hand(owner, stack.settings)
    finish(stack, Stack.up)
    stack = open_stack()
    stack.count_items()  # as `down` does before it asks for confirmation
    finish(stack, Stack.down)


def move_items(stack: Stack) -> None:
    """As `load` and `dump` do."""

    def move() -> None:
        table = ItemTable(stack.aws, stack.settings.table_name)
        limit = Rate(stack.aws, None)
        item = b'{"itemId":{"S":"1"}}'
        table.write({"1": item}, limit)
        table.write_new(item, limit)
        table.scan(0, 1, None, 100)

    try:
        stack.table.explained("move the items of", move)
    except Problem as problem:
        raise ExceptionGroup("items", [problem]) from problem


def cycle_on_moto(account: AwsAccount, *, settings: Settings = SETTINGS, watch: Any = None, **session: Any) -> None:
    """Run a cycle with a new process for each command. `session` is passed to `account.session`."""

    def open_stack() -> Stack:
        return Stack(settings, Aws(account.session(**session), clock=account.clock, watch=watch), ACCOUNT)

    cycle(Aws(SESSION), open_stack)


def writes(settings: Settings = SETTINGS) -> list[tuple[str, str, Mapping[str, Any]]]:
    """Every write of a cycle, except to items: (service, operation, parameters) as boto3 names them."""
    recorded: list[tuple[str, str, Mapping[str, Any]]] = []

    def record(service: str, operation: str, parameters: Mapping[str, Any]) -> None:
        if operation not in ("batch_write_item", "put_item"):  # of `load`, which shows no commands
            recorded.append((service, operation, parameters))

    with mock_aws(config=MOTO), AwsAccount(delays=NO_DELAYS) as account:
        cycle_on_moto(account, settings=settings, watch=record)
    return recorded


def change_by_hand(owner: Aws, settings: Settings) -> None:
    """Change everything that `up` repairs, except the tags that mark a resource as part of the stack."""
    _change_table_and_logs(owner, settings)
    _change_role(owner.iam, settings)
    _change_function(owner.lambda_, settings)
    _change_api(owner.apigateway, settings)


def _change_table_and_logs(owner: Aws, settings: Settings) -> None:
    table = f"arn:aws:dynamodb:{settings.region}:{ACCOUNT}:table/{settings.table_name}"
    owner.dynamodb.untag_resource(ResourceArn=table, TagKeys=["team"])
    owner.dynamodb.tag_resource(ResourceArn=table, Tags=[{"Key": "former", "Value": ""}])
    owner.dynamodb.update_table(
        TableName=settings.table_name,
        BillingMode="PROVISIONED",
        ProvisionedThroughput={"ReadCapacityUnits": 1, "WriteCapacityUnits": 1},
    )
    owner.dynamodb.update_continuous_backups(
        TableName=settings.table_name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    group = f"arn:aws:logs:{settings.region}:{ACCOUNT}:log-group:{settings.log_group_name}"
    owner.logs.untag_resource(resourceArn=group, tagKeys=["team"])
    owner.logs.tag_resource(resourceArn=group, tags={"former": ""})
    owner.logs.delete_retention_policy(logGroupName=settings.log_group_name)


def _change_role(iam: Any, settings: Settings) -> None:
    role = settings.role_name
    trust = {"Effect": "Allow", "Principal": {"Service": "stray.amazonaws.com"}, "Action": "sts:AssumeRole"}
    access = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    iam.untag_role(RoleName=role, TagKeys=["team"])
    iam.tag_role(RoleName=role, Tags=[{"Key": "former", "Value": ""}])
    iam.update_assume_role_policy(RoleName=role, PolicyDocument=_document(trust))
    iam.put_role_policy(RoleName=role, PolicyName="stray", PolicyDocument=_document(access))
    iam.put_role_permissions_boundary(RoleName=role, PermissionsBoundary="arn:aws:iam::aws:policy/ReadOnlyAccess")
    iam.attach_role_policy(RoleName=role, PolicyArn="arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole")


def _document(statement: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _change_function(lambda_: Any, settings: Settings) -> None:
    function = {"FunctionName": settings.function_name}
    arn = f"arn:aws:lambda:{settings.region}:{ACCOUNT}:function:{settings.function_name}"
    lambda_.untag_resource(Resource=arn, TagKeys=["team"])
    lambda_.tag_resource(Resource=arn, Tags={"former": ""})
    lambda_.update_function_code(**function, ZipFile=b"PK\x05\x06" + bytes(18))
    lambda_.create_alias(**function, Name="stray", FunctionVersion="1")
    lambda_.update_alias(**function, Name=settings.alias_name, Description="stray")
    lambda_.remove_permission(**function, Qualifier=settings.alias_name, StatementId=settings.statement_id)
    lambda_.add_permission(
        **function,
        StatementId=settings.statement_id,
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
        SourceArn=f"arn:aws:execute-api:{settings.region}:{ACCOUNT}:another123/*",
    )
    lambda_.update_function_configuration(
        **function, MemorySize=3008, LoggingConfig={"LogFormat": "Text", "LogGroup": "/stray"}
    )


def _change_api(gateway: Any, settings: Settings) -> None:
    here = {"ApiId": gateway.get_apis()["Items"][0]["ApiId"]}
    arn = f"arn:aws:apigateway:{settings.region}::/apis/{here['ApiId']}"
    gateway.untag_resource(ResourceArn=arn, TagKeys=["team"])
    gateway.tag_resource(ResourceArn=arn, Tags={"former": ""})
    gateway.update_api(
        **here, CorsConfiguration={"AllowOrigins": ["https://*.example.com"], "AllowCredentials": True, "MaxAge": 60}
    )
    integration = gateway.get_integrations(**here)["Items"][0]["IntegrationId"]
    gateway.update_integration(**here, IntegrationId=integration, TimeoutInMillis=1000)
    gateway.create_integration(
        **here,
        IntegrationType="HTTP_PROXY",
        IntegrationUri="https://stray.example.com",
        IntegrationMethod="GET",
        PayloadFormatVersion="1.0",
    )
    for authorizer in gateway.get_authorizers(**here)["Items"]:
        jwt = {"Issuer": "https://stray.example.com", "Audience": ["stray"]}
        gateway.update_authorizer(**here, AuthorizerId=authorizer["AuthorizerId"], JwtConfiguration=jwt)
    first, second, *_ = gateway.get_routes(**here)["Items"]
    gateway.update_route(**here, RouteId=first["RouteId"], AuthorizationType="AWS_IAM")
    gateway.delete_route(**here, RouteId=second["RouteId"])
    gateway.create_route(**here, RouteKey="ANY /stray", Target=f"integrations/{integration}")
    gateway.update_stage(
        **here,
        StageName="$default",
        DefaultRouteSettings={"ThrottlingRateLimit": 1.0, "ThrottlingBurstLimit": 1},
        RouteSettings={first["RouteKey"]: {"ThrottlingRateLimit": 9.0, "ThrottlingBurstLimit": 9}},
    )
    gateway.create_stage(**here, StageName="stray")
    gateway.create_authorizer(
        **here,
        Name="stray",
        AuthorizerType="JWT",
        IdentitySource=["$request.header.Authorization"],
        JwtConfiguration={"Audience": ["stray"], "Issuer": "https://issuer.example.com"},
    )
    gateway.create_api(Name=settings.api_name, ProtocolType="HTTP", Tags=settings.all_tags)
