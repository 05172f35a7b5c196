"""The life of a stack in which the product makes every kind of call that it can make."""

from __future__ import annotations

import json
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import boto3
from moto import mock_aws

from items_api.aws.client import Aws
from items_api.aws.session import local_account
from items_api.provision.stack import Stack
from items_api.provision.step import Outcome
from items_api.settings import Settings
from tests.aws import MOTO, NO_DELAYS
from tests.aws import Account as AwsAccount

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping

    from items_api.local import LocalAws

ACCOUNT = "123456789012"
# Spaces, characters that need quotes, and letters beyond ASCII.
SETTINGS = Settings(
    name="team-todo",
    tags={"team": "web", "cost center": "R+D = 7/ä", "empty": ""},
    cors_origins=("https://app.example.com", "http://localhost:5173"),
)


class Place(Protocol):
    """Where a stack is deployed: moto or the local AWS."""

    def boto(self, service: str) -> Any:
        """A client with which the test changes things by hand."""

    def rest(self) -> None:
        """Wait until everything that is under way has ended."""


class Moto:
    """moto's account, seen by its owner."""

    def __init__(self, account: AwsAccount) -> None:
        self.rest = account.rest

    def boto(self, service: str) -> Any:
        return boto3.client(service)  # type: ignore[call-overload]


def cycle(place: Place, open_stack: Callable[[], Stack], settings: Settings = SETTINGS) -> None:
    """`up`, `status`, `up` again after everything was changed by hand, `down`.

    Raises what ended a command, or a group of what its steps failed with.
    """

    def run(command: Callable[[Stack], Generator[Any]]) -> None:
        stack = open_stack()
        stack.look()
        _work_off(command(stack))

    run(Stack.up)
    change_by_hand(place, settings)
    run(Stack.up)
    stack = open_stack()
    stack.count_items()  # as `down` does before it asks
    run(Stack.down)


def stack_on_moto(
    account: AwsAccount, *, policy: dict[str, Any] | None = None, watch: Any = None, settings: Settings = SETTINGS
) -> Stack:
    return Stack(settings, Aws(account.session(policy=policy), clock=account.clock, watch=watch), ACCOUNT)


@contextmanager
def deployed(local_aws: LocalAws, settings: Settings) -> Iterator[Stack]:
    """A stack on the local AWS, for as long as the test works on it."""
    account = local_account(
        region=settings.region,
        endpoint_url=local_aws.endpoint_url,
        access_key=local_aws.access_key,
        secret_key=local_aws.secret_key,
    )
    stack = Stack(settings, account.aws(), ACCOUNT)
    stack.look()
    _work_off(stack.up())
    stack.look()
    try:
        yield stack
    finally:
        stack.look()
        _work_off(stack.down())


def _work_off(events: Generator[Any]) -> None:
    with closing(events):
        errors = [event.error for event in events if isinstance(event, Outcome) and event.error]
    if errors:
        raise ExceptionGroup("some steps failed", errors)


def writes() -> list[tuple[str, str, Mapping[str, Any]]]:
    """(service, operation, parameters) as boto3 names them: what `Aws` tells its watcher of one `cycle`."""
    recorded: list[tuple[str, str, Mapping[str, Any]]] = []
    with mock_aws(config=MOTO), AwsAccount(delays=NO_DELAYS) as account:
        cycle(Moto(account), lambda: stack_on_moto(account, watch=lambda *call: recorded.append(call)))
    return recorded


def change_by_hand(place: Place, settings: Settings) -> None:
    """Change everything that `up` repairs, except the tags that make a resource the stack's own."""
    place.rest()
    _change_table_and_logs(place, settings)
    _change_role(place, settings)
    _change_function(place, settings)
    _change_api(place, settings)
    place.rest()


def _change_table_and_logs(place: Place, settings: Settings) -> None:
    table = f"arn:aws:dynamodb:{settings.region}:{ACCOUNT}:table/{settings.table_name}"
    place.boto("dynamodb").untag_resource(ResourceArn=table, TagKeys=["team"])
    place.rest()
    place.boto("dynamodb").update_table(
        TableName=settings.table_name,
        BillingMode="PROVISIONED",
        ProvisionedThroughput={"ReadCapacityUnits": 1, "WriteCapacityUnits": 1},
    )
    group = f"arn:aws:logs:{settings.region}:{ACCOUNT}:log-group:{settings.log_group_name}"
    place.boto("logs").untag_resource(resourceArn=group, tagKeys=["team"])
    place.boto("logs").delete_retention_policy(logGroupName=settings.log_group_name)


def _change_role(place: Place, settings: Settings) -> None:
    iam, role = place.boto("iam"), settings.role_name
    trust = {"Effect": "Allow", "Principal": {"Service": "stray.amazonaws.com"}, "Action": "sts:AssumeRole"}
    access = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    iam.untag_role(RoleName=role, TagKeys=["team"])
    iam.update_assume_role_policy(RoleName=role, PolicyDocument=_document(trust))
    iam.put_role_policy(RoleName=role, PolicyName="stray", PolicyDocument=_document(access))
    iam.attach_role_policy(RoleName=role, PolicyArn="arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole")


def _document(statement: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _change_function(place: Place, settings: Settings) -> None:
    lambda_, name = place.boto("lambda"), settings.function_name
    arn = f"arn:aws:lambda:{settings.region}:{ACCOUNT}:function:{name}"
    lambda_.untag_resource(Resource=arn, TagKeys=["team"])
    lambda_.update_function_code(FunctionName=name, ZipFile=b"PK\x05\x06" + bytes(18))
    place.rest()
    lambda_.remove_permission(FunctionName=name, StatementId=settings.statement_id)
    lambda_.add_permission(
        FunctionName=name,
        StatementId=settings.statement_id,
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
        SourceArn=f"arn:aws:execute-api:{settings.region}:{ACCOUNT}:another123/*",
    )
    lambda_.update_function_configuration(
        FunctionName=name,
        MemorySize=3008,
        LoggingConfig={"LogFormat": "Text", "LogGroup": "/stray"},
    )


def _change_api(place: Place, settings: Settings) -> None:
    gateway = place.boto("apigatewayv2")
    api = gateway.get_apis()["Items"][0]
    here: dict[str, str] = {"ApiId": api["ApiId"]}
    arn = f"arn:aws:apigateway:{settings.region}::/apis/{api['ApiId']}"
    gateway.untag_resource(ResourceArn=arn, TagKeys=["team"])
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
