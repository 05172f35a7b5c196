"""up makes the stack what the settings say, whatever was there before; a second up has nothing to do."""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from items_api.settings import Settings
from tests.aws_model import AwsWorld, Fault, VirtualClock
from tests.provision.drive import ACCOUNT, changes, down, errors, new_process, protect, states, up

if TYPE_CHECKING:
    from collections.abc import Callable

ROLE = "items-api-role"
FUNCTION = "items-api"


@pytest.fixture
def standing(aws_world: AwsWorld) -> AwsWorld:
    """An account with a stack of default settings."""
    assert errors(up(aws_world)) == []
    aws_world.rest()
    return aws_world


def test_the_first_up_creates_everything_and_the_second_writes_nothing(aws_world: AwsWorld) -> None:
    assert changes(up(aws_world)) == {"created"}
    aws_world.journal.clear()
    assert changes(up(aws_world)) == {"unchanged"}
    assert aws_world.journal.writes() == []


def test_the_second_down_reports_absent_and_writes_nothing(standing: AwsWorld) -> None:
    outcomes, left = down(standing)
    assert (changes(outcomes), left, standing.leftovers()) == ({"deleted"}, [], [])
    standing.journal.clear()
    outcomes, left = down(standing)
    assert (changes(outcomes), left) == ({"absent"}, [])
    assert standing.journal.writes() == []


def test_a_plan_writes_nothing(standing: AwsWorld) -> None:
    standing.journal.clear()
    stack = new_process(standing, settings=Settings(memory=512))
    stack.look()
    planned = {outcome.title: outcome.change for outcome in stack.plan()}
    assert planned["Lambda function"] == "updated"
    assert standing.journal.writes() == []


def test_a_plan_says_what_changes_from_what_to_what(standing: AwsWorld) -> None:
    stack = new_process(standing, settings=Settings(memory=512, throttle_rate=10, tags={"team": "web"}))
    stack.look()
    drift = {(o.title, d.field): (d.have, d.want) for o in stack.plan() for d in o.drift}
    assert drift == {
        ("DynamoDB table", "tags.team"): (None, "web"),
        ("IAM role", "tags.team"): (None, "web"),
        ("log group", "tags.team"): (None, "web"),
        ("Lambda function", "memory"): (256, 512),
        ("Lambda function", "tags.team"): (None, "web"),
        ("HTTP API", "stage.throttle rate"): (100.0, 10.0),
        ("HTTP API", "stage.tags.team"): (None, "web"),
        ("HTTP API", "tags.team"): (None, "web"),
    }


@pytest.mark.parametrize(
    "settings",
    [
        Settings(memory=1024),
        Settings(timeout=29),
        Settings(log_retention=365),
        Settings(cors_origins=("https://a.example", "https://b.example")),
        Settings(throttle_rate=1, throttle_burst=1),
        Settings(tags={"team": "web"}),
    ],
    ids=["memory", "timeout", "log retention", "CORS", "throttle", "tags"],
)
def test_a_changed_setting_is_updated_in_place(standing: AwsWorld, settings: Settings) -> None:
    assert "updated" in changes(up(standing, settings=settings))
    assert changes(up(standing, settings=settings)) == {"unchanged"}
    assert set(states(standing, settings).values()) == {"ok"}


def delete_table(world: AwsWorld) -> None:
    world.boto("dynamodb").delete_table(TableName="Items")


def delete_log_group(world: AwsWorld) -> None:
    world.boto("logs").delete_log_group(logGroupName="/aws/lambda/items-api")


def delete_function(world: AwsWorld) -> None:
    world.boto("lambda").delete_function(FunctionName=FUNCTION)


def api_id(world: AwsWorld) -> str:
    return str(world.boto("apigatewayv2").get_apis()["Items"][0]["ApiId"])


def delete_api(world: AwsWorld) -> None:
    world.boto("apigatewayv2").delete_api(ApiId=api_id(world))


def delete_permission(world: AwsWorld) -> None:
    world.boto("lambda").remove_permission(FunctionName=FUNCTION, StatementId="apigw")


def delete_inline_policy(world: AwsWorld) -> None:
    world.boto("iam").delete_role_policy(RoleName=ROLE, PolicyName="items-table-access")


def recreate_role(world: AwsWorld) -> None:
    """The classic: same name, another principal, and a function that fails with it."""
    iam = world.boto("iam")
    role = iam.get_role(RoleName=ROLE)["Role"]
    delete_inline_policy(world)
    world.rest()
    iam.delete_role(RoleName=ROLE)
    iam.create_role(
        RoleName=ROLE,
        AssumeRolePolicyDocument=json.dumps(role["AssumeRolePolicyDocument"]),
        Tags=role["Tags"],
    )


def widen_trust(world: AwsWorld) -> None:
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "*"}]}
    world.boto("iam").update_assume_role_policy(RoleName=ROLE, PolicyDocument=json.dumps(document))


def add_policies(world: AwsWorld) -> None:
    iam = world.boto("iam")
    iam.put_role_policy(RoleName=ROLE, PolicyName="more", PolicyDocument='{"Version":"2012-10-17","Statement":[]}')
    iam.attach_role_policy(RoleName=ROLE, PolicyArn="arn:aws:iam::aws:policy/AmazonDynamoDBFullAccess")


def change_retention(world: AwsWorld) -> None:
    world.boto("logs").put_retention_policy(logGroupName="/aws/lambda/items-api", retentionInDays=1)


def change_configuration(world: AwsWorld) -> None:
    world.boto("lambda").update_function_configuration(
        FunctionName=FUNCTION, Timeout=3, Handler="other.handler", Environment={"Variables": {"TABLE_NAME": "Other"}}
    )


def other_zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("handler/index.py", "def handler(event, context): return 1")
    return buffer.getvalue()


def change_code(world: AwsWorld) -> None:
    world.boto("lambda").update_function_code(FunctionName=FUNCTION, ZipFile=other_zip(), Architectures=["x86_64"])


def change_cors(world: AwsWorld) -> None:
    world.boto("apigatewayv2").update_api(
        ApiId=api_id(world),
        Name="renamed",
        CorsConfiguration={"AllowOrigins": ["https://evil.example"], "AllowMethods": ["GET"]},
    )


def add_route_integration_stage_authorizer(world: AwsWorld) -> None:
    gateway, api = world.boto("apigatewayv2"), api_id(world)
    integration = gateway.create_integration(
        ApiId=api,
        IntegrationType="HTTP_PROXY",
        IntegrationMethod="ANY",
        IntegrationUri="https://x.example",
        PayloadFormatVersion="1.0",
    )["IntegrationId"]
    gateway.create_route(ApiId=api, RouteKey="ANY /admin", Target=f"integrations/{integration}")
    gateway.create_stage(ApiId=api, StageName="test")
    protect(world, "POST /items")


def lift_throttle(world: AwsWorld) -> None:
    world.boto("apigatewayv2").update_stage(
        ApiId=api_id(world),
        StageName="$default",
        AutoDeploy=False,
        DefaultRouteSettings={"ThrottlingRateLimit": 9999.0, "ThrottlingBurstLimit": 4999},
        RouteSettings={"GET /items": {"ThrottlingRateLimit": 5000.0}},
    )


def aim_permission_elsewhere(world: AwsWorld) -> None:
    delete_permission(world)
    world.boto("lambda").add_permission(
        FunctionName=FUNCTION,
        StatementId="apigw",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
        SourceArn=f"arn:aws:execute-api:us-east-1:{ACCOUNT}:other/*",
    )


BY_HAND: list[Callable[[AwsWorld], Any]] = [
    delete_table,
    delete_log_group,
    delete_function,
    delete_api,
    delete_permission,
    delete_inline_policy,
    recreate_role,
    widen_trust,
    add_policies,
    change_retention,
    change_configuration,
    change_code,
    change_cors,
    add_route_integration_stage_authorizer,
    lift_throttle,
    aim_permission_elsewhere,
]


@pytest.mark.parametrize("alter", BY_HAND, ids=lambda alter: alter.__name__)
def test_what_someone_deleted_or_altered_by_hand_is_seen_and_repaired(
    standing: AwsWorld, alter: Callable[[AwsWorld], Any]
) -> None:
    before = standing.snapshot()
    alter(standing)
    standing.rest()
    assert set(states(standing).values()) > {"ok"}, "the change was not seen"
    assert errors(up(standing)) == []
    standing.rest()
    assert standing.snapshot() == before
    assert changes(up(standing)) == {"unchanged"}


@pytest.mark.parametrize("alter", BY_HAND, ids=lambda alter: alter.__name__)
def test_down_removes_a_stack_that_someone_altered_by_hand(
    standing: AwsWorld, alter: Callable[[AwsWorld], Any]
) -> None:
    alter(standing)
    standing.rest()
    outcomes, left = down(standing)
    assert (errors(outcomes), left, standing.leftovers()) == ([], [], [])


def test_cors_credentials_and_age_that_someone_added_are_switched_off(standing: AwsWorld) -> None:
    """An omitted field means no change to API Gateway, so they have to be named."""
    standing.boto("apigatewayv2").update_api(
        ApiId=api_id(standing),
        CorsConfiguration={"AllowOrigins": ["https://evil.example"], "AllowCredentials": True, "MaxAge": 600},
    )
    assert up(standing)["HTTP API"].change == "updated"
    cors = standing.boto("apigatewayv2").get_apis()["Items"][0]["CorsConfiguration"]
    assert (cors["AllowOrigins"], cors["AllowCredentials"], cors["MaxAge"]) == (["*"], False, 0)


def test_foreign_statements_on_the_function_are_shown_and_left(standing: AwsWorld) -> None:
    standing.boto("lambda").add_permission(
        FunctionName=FUNCTION, StatementId="events", Action="lambda:InvokeFunction", Principal="events.amazonaws.com"
    )
    outcomes = up(standing)
    assert changes(outcomes) == {"unchanged"}
    assert outcomes["invoke permission"].notes == ("statement events is not this tool's",)
    assert "events" in standing.boto("lambda").get_policy(FunctionName=FUNCTION)["Policy"]


def test_what_aws_says_differently_is_no_drift(standing: AwsWorld) -> None:
    """CORS headers in lower case, AuthorizationType NONE, a deployment id that churns, tags of others."""
    standing.boto("apigatewayv2").update_api(
        ApiId=api_id(standing),
        CorsConfiguration={
            "AllowOrigins": ["*"],
            "AllowMethods": ["DELETE", "GET", "PUT", "POST"],
            "AllowHeaders": ["If-None-Match", "Content-Type", "If-Match"],
            "ExposeHeaders": ["Location", "Link"],
        },
    )
    standing.boto("iam").tag_role(RoleName=ROLE, Tags=[{"Key": "cost-center", "Value": "7"}])
    assert set(states(standing).values()) == {"ok"}


def test_down_keeps_the_table_when_asked_and_up_takes_it_up_again(standing: AwsWorld) -> None:
    outcomes, left = down(standing, keep_table=True)
    assert outcomes["DynamoDB table"].change == "skipped"
    assert (left, standing.leftovers()) == ([], ["AWS::DynamoDB::Table us-east-1 Items"])
    outcomes = up(standing)
    assert outcomes["DynamoDB table"].change == "unchanged"
    assert set(states(standing).values()) == {"ok"}


def test_a_table_on_its_way_out_is_waited_for(standing: AwsWorld) -> None:
    delete_table(standing)
    outcomes = up(standing)
    assert (errors(outcomes), outcomes["DynamoDB table"].change) == ([], "created")
    assert set(states(standing).values()) == {"ok"}


def test_a_protected_table_stays_and_the_way_out_is_said(standing: AwsWorld) -> None:
    standing.boto("dynamodb").update_table(TableName="Items", DeletionProtectionEnabled=True)
    standing.rest()
    outcomes, left = down(standing)
    assert "--no-deletion-protection-enabled" in str(outcomes["DynamoDB table"].error)
    assert [outcome.title for outcome in left] == ["DynamoDB table"]


@pytest.mark.parametrize("command", [states, up])
def test_looking_is_at_most_four_round_trips_deep(command: Callable[[AwsWorld], object]) -> None:
    world = AwsWorld(clock=VirtualClock(pauses=60))  # exact also where threads get their turn late
    up(world)
    world.rest()
    world.journal.clear()
    command(world)
    assert 0 < world.journal.depth() <= 4


def test_no_log_group_comes_back_after_down(standing: AwsWorld) -> None:
    """A late log line would make the group again if the role allowed it."""
    down(standing)
    assert standing.leftovers() == []


def test_what_needs_a_failed_step_is_not_tried_nor_what_needs_that(aws_world: AwsWorld) -> None:
    session = aws_world.session()
    session.faults.at("iam.CreateRole", 1, Fault.DENIED)
    outcomes = up(aws_world, session)
    assert [outcomes[title].change for title in ("IAM role", "Lambda function", "invoke permission")] == [
        "failed",
        "skipped",
        "skipped",
    ]
    assert {outcomes[title].change for title in ("DynamoDB table", "log group", "HTTP API")} == {"created"}
    assert not {call.operation for call in aws_world.journal.writes()} & {
        "lambda.CreateFunction",
        "lambda.AddPermission",
    }
