"""A life of a stack in which the product makes every kind of call that it makes at all."""

from __future__ import annotations

import json
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from items_api.provision.aws import Aws
from items_api.provision.session import Account
from items_api.provision.stack import Stack
from items_api.provision.step import Outcome
from items_api.settings import Settings
from tests.aws_model import NO_DELAYS, AwsWorld

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping

    from items_api.local import LocalAws

ACCOUNT = "123456789012"
# Blanks, quotes' neighbours and letters beyond ASCII: what a shell and a parser could stumble over.
SETTINGS = Settings(
    name="team-todo",
    tags={"team": "web", "cost centre": "R+D = 7/ä", "empty": ""},
    cors_origins=("https://app.example.com", "http://localhost:5173"),
)


class Place(Protocol):
    """Where a stack stands: the modelled AWS or the local one."""

    def boto(self, service: str) -> Any:
        """A client for the test's own set-ups."""

    def rest(self) -> None:
        """Let what is under way come to its end."""


def cycle(place: Place, open_stack: Callable[[], Stack], settings: Settings = SETTINGS) -> None:
    """`up`, `status`, `up` again after everything was disarranged, `down`.

    Raises what ended a command, or a group of what its steps failed with.
    """

    def run(command: Callable[[Stack], Generator[Any]]) -> None:
        stack = open_stack()
        stack.look()
        _work_off(command(stack))

    run(Stack.up)
    disarrange(place, settings)
    run(Stack.up)
    stack = open_stack()
    stack._explained("count the items of", stack.table, stack.table.count_items)  # as `down` does before it asks
    run(Stack.down)


def stack_on_model(
    world: AwsWorld, *, policy: dict[str, Any] | None = None, watch: Any = None, settings: Settings = SETTINGS
) -> Stack:
    aws = Aws(world.session(policy=policy), clock=world.clock, watch=watch)  # type: ignore[arg-type]
    return Stack(settings, aws, ACCOUNT)


@contextmanager
def standing(local_aws: LocalAws, settings: Settings) -> Iterator[Stack]:
    """A stack that stands on the local AWS for as long as the test works on it."""
    account = Account.on_this_computer(
        region=settings.region,
        endpoint_url=local_aws.endpoint_url,
        access_key=local_aws.access_key,
        secret_key=local_aws.secret_key,
    )
    stack = account.open(settings)
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
    world = AwsWorld(delays=NO_DELAYS)
    cycle(world, lambda: stack_on_model(world, watch=lambda *call: recorded.append(call)))
    return recorded


def disarrange(place: Place, settings: Settings) -> None:
    """By hand, change whatever `up` puts right; the tags that make it the stack's own stay."""
    place.rest()
    _disarrange_table_and_logs(place, settings)
    _disarrange_role(place, settings)
    _disarrange_function(place, settings)
    _disarrange_api(place, settings)
    place.rest()


def _disarrange_table_and_logs(place: Place, settings: Settings) -> None:
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


def _disarrange_role(place: Place, settings: Settings) -> None:
    iam, role = place.boto("iam"), settings.role_name
    trust = {"Effect": "Allow", "Principal": {"Service": "stray.amazonaws.com"}, "Action": "sts:AssumeRole"}
    access = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    iam.untag_role(RoleName=role, TagKeys=["team"])
    iam.update_assume_role_policy(RoleName=role, PolicyDocument=_document(trust))
    iam.put_role_policy(RoleName=role, PolicyName="stray", PolicyDocument=_document(access))
    iam.attach_role_policy(RoleName=role, PolicyArn="arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole")


def _document(statement: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _disarrange_function(place: Place, settings: Settings) -> None:
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


def _disarrange_api(place: Place, settings: Settings) -> None:
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
