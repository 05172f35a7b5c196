"""Every kind of write that the product makes, each made at least once on the modelled AWS."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from items_api.provision.aws import Aws
from items_api.provision.stack import Stack
from items_api.settings import Settings
from tests.aws_model import NO_DELAYS, AwsWorld

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from items_api.provision.step import Outcome
    from tests.aws_model import ModelSession

ACCOUNT = "123456789012"
# Blanks, quotes' neighbours and letters beyond ASCII: what a shell and a parser could stumble over.
SETTINGS = Settings(
    name="team-todo",
    tags={"team": "web", "cost centre": "R+D = 7/ä", "empty": ""},
    cors_origins=("https://app.example.com", "http://localhost:5173"),
)


def cycle(
    world: AwsWorld,
    *,
    policy: dict[str, Any] | None = None,
    watch: Callable[[str, str, Mapping[str, Any]], None] | None = None,
    settings: Settings = SETTINGS,
) -> list[Outcome]:
    """`up`, `up` again after everything was disarranged, `down`: every outcome of the three."""

    def run(command: Callable[[Stack], Any]) -> list[Outcome]:
        stack = open_stack(world, world.session(policy=policy), settings, watch=watch)
        stack.look()
        with closing(command(stack)) as events:
            for _ in events:
                pass
        stack.leftovers()
        return [stack.outcomes[step] for step in stack.steps]

    outcomes = run(Stack.up)
    disarrange(world, settings)
    outcomes += run(Stack.up)
    stack = open_stack(world, world.session(policy=policy), settings, watch=watch)
    stack.table.count_items()  # as `down` does before it asks
    return outcomes + run(Stack.down)


def open_stack(world: AwsWorld, session: ModelSession, settings: Settings, *, watch: Any = None) -> Stack:
    aws = Aws(session, clock=world.clock, watch=watch)  # type: ignore[arg-type]
    return Stack(settings, aws, aws.send(aws.sts.get_caller_identity)["Account"])


def writes() -> list[tuple[str, str, Mapping[str, Any]]]:
    """(service, operation, parameters) as boto3 names them: what `Aws` tells its watcher of one `cycle`."""
    recorded: list[tuple[str, str, Mapping[str, Any]]] = []
    cycle(AwsWorld(delays=NO_DELAYS), watch=lambda *call: recorded.append(call))
    return recorded


def disarrange(world: AwsWorld, settings: Settings) -> None:
    """By hand, change whatever `up` puts right; the tags that make it the stack's own stay."""
    world.rest()
    _disarrange_table_and_logs(world, settings)
    _disarrange_role(world, settings)
    _disarrange_function(world, settings)
    _disarrange_api(world, settings)
    world.rest()


def _disarrange_table_and_logs(world: AwsWorld, settings: Settings) -> None:
    table = f"arn:aws:dynamodb:{settings.region}:{ACCOUNT}:table/{settings.table_name}"
    world.boto("dynamodb").untag_resource(ResourceArn=table, TagKeys=["team"])
    world.rest()
    world.boto("dynamodb").update_table(
        TableName=settings.table_name,
        BillingMode="PROVISIONED",
        ProvisionedThroughput={"ReadCapacityUnits": 1, "WriteCapacityUnits": 1},
    )
    group = f"arn:aws:logs:{settings.region}:{ACCOUNT}:log-group:{settings.log_group_name}"
    world.boto("logs").untag_resource(resourceArn=group, tagKeys=["team"])
    world.boto("logs").delete_retention_policy(logGroupName=settings.log_group_name)


def _disarrange_role(world: AwsWorld, settings: Settings) -> None:
    iam, role = world.boto("iam"), settings.role_name
    nobody = '{"Version": "2012-10-17", "Statement": []}'
    iam.untag_role(RoleName=role, TagKeys=["team"])
    iam.update_assume_role_policy(RoleName=role, PolicyDocument=nobody)
    iam.put_role_policy(RoleName=role, PolicyName="stray", PolicyDocument=nobody)
    iam.attach_role_policy(RoleName=role, PolicyArn="arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole")


def _disarrange_function(world: AwsWorld, settings: Settings) -> None:
    lambda_, name = world.boto("lambda"), settings.function_name
    arn = f"arn:aws:lambda:{settings.region}:{ACCOUNT}:function:{name}"
    lambda_.untag_resource(Resource=arn, TagKeys=["team"])
    lambda_.update_function_code(FunctionName=name, ZipFile=b"PK\x05\x06" + bytes(18))
    world.rest()
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
        Layers=[f"arn:aws:lambda:{settings.region}:{ACCOUNT}:layer:stray:1"],
        LoggingConfig={"LogFormat": "Text", "LogGroup": "/stray"},
    )


def _disarrange_api(world: AwsWorld, settings: Settings) -> None:
    gateway = world.boto("apigatewayv2")
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
