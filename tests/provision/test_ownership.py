"""Only what carries the stack's tags is changed or deleted; anything else of the same name is somebody's."""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from items_api.errors import CannotChange, NotOurs
from items_api.provision.policies import trust_policy
from items_api.settings import Settings
from tests.provision.drive import ACCOUNT, down, errors, new_process, protect, states, up

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.aws_model import AwsWorld


def foreign_table(world: AwsWorld, key: str = "itemId") -> None:
    world.boto("dynamodb").create_table(
        TableName="Items",
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
        KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
        BillingMode="PROVISIONED",
        ProvisionedThroughput={"ReadCapacityUnits": 5, "WriteCapacityUnits": 5},
    )


def foreign_role(world: AwsWorld) -> None:
    world.boto("iam").create_role(RoleName="items-api-role", AssumeRolePolicyDocument=json.dumps(trust_policy()))


def foreign_log_group(world: AwsWorld) -> None:
    world.boto("logs").create_log_group(logGroupName="/aws/lambda/items-api")


def foreign_function(world: AwsWorld) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("index.py", "")
    role = world.boto("iam").create_role(RoleName="somebody", AssumeRolePolicyDocument=json.dumps(trust_policy()))[
        "Role"
    ]["Arn"]
    world.rest()
    world.boto("lambda").create_function(
        FunctionName="items-api",
        Runtime="python3.12",
        Handler="index.handler",
        Role=role,
        Code={"ZipFile": buffer.getvalue()},
    )


def foreign_api(world: AwsWorld) -> None:
    world.boto("apigatewayv2").create_api(Name="items-http-api", ProtocolType="HTTP")


FOREIGN: dict[str, Callable[[AwsWorld], Any]] = {
    "DynamoDB table": foreign_table,
    "IAM role": foreign_role,
    "log group": foreign_log_group,
    "Lambda function": foreign_function,
    "HTTP API": foreign_api,
}
each_kind = pytest.mark.parametrize("kind", FOREIGN)


@each_kind
def test_up_stops_before_its_first_write_at_what_is_not_ours(aws_world: AwsWorld, kind: str) -> None:
    FOREIGN[kind](aws_world)
    aws_world.rest()
    with pytest.raises(NotOurs, match=f"The {kind} .* exists already and is not this stack's") as refusal:
        up(aws_world)
    assert "--adopt" in refusal.value.todo
    assert aws_world.journal.writes() == []


@each_kind
def test_status_calls_it_foreign(aws_world: AwsWorld, kind: str) -> None:
    FOREIGN[kind](aws_world)
    aws_world.rest()
    assert states(aws_world)[kind] == "foreign"


@each_kind
def test_down_leaves_it_and_says_so(aws_world: AwsWorld, kind: str) -> None:
    FOREIGN[kind](aws_world)
    aws_world.rest()
    before = aws_world.snapshot()
    outcomes, left = down(aws_world)
    assert (outcomes[kind].change, left) == ("skipped", [])
    assert "left alone" in outcomes[kind].notes[0]
    assert aws_world.snapshot() == before


@each_kind
def test_adopt_takes_it_over_and_down_then_removes_it(aws_world: AwsWorld, kind: str) -> None:
    FOREIGN[kind](aws_world)
    aws_world.rest()
    outcomes = up(aws_world, adopt=True)
    assert (errors(outcomes), outcomes[kind].change) == ([], "updated")
    aws_world.rest()
    assert set(states(aws_world).values()) == {"ok"}
    outcomes, left = down(aws_world)
    assert (errors(outcomes), left) == ([], [])
    aws_world.rest()
    assert [name for name in aws_world.leftovers() if "somebody" not in name] == []


@each_kind
def test_what_appears_between_the_look_and_the_write_is_not_touched(aws_world: AwsWorld, kind: str) -> None:
    """Where AWS tells: a create that says "already exists". Names of APIs are not unique, so there it does not."""
    stack = new_process(aws_world)
    stack.look()
    stack.plan()
    FOREIGN[kind](aws_world)
    aws_world.rest()
    before = aws_world.snapshot()
    for _ in stack.up():
        pass
    outcome = next(outcome for outcome in stack.outcomes.values() if outcome.title == kind)
    after = aws_world.snapshot()
    for type_, resources in before.items():
        for name, fields in resources.items():
            if type_ != "AWS::ApiGatewayV2::Api":
                assert after[type_][name] == fields
    assert isinstance(outcome.error, NotOurs) is (kind != "HTTP API")


def test_an_incompatible_key_is_refused_with_the_difference(aws_world: AwsWorld) -> None:
    foreign_table(aws_world, key="id")
    aws_world.rest()
    with pytest.raises(CannotChange, match=r"key is .*id \(S\).*wanted .*itemId \(S\)"):
        up(aws_world, adopt=True)
    assert aws_world.journal.writes() == []


def test_two_strange_apis_of_one_name_can_not_be_adopted(aws_world: AwsWorld) -> None:
    foreign_api(aws_world)
    foreign_api(aws_world)
    for adopt in (False, True):
        with pytest.raises(NotOurs, match="2 HTTP APIs are named items-http-api"):
            up(aws_world, adopt=adopt)
    assert aws_world.journal.writes() == []


def test_a_strange_api_beside_ours_is_noted_and_left(aws_world: AwsWorld) -> None:
    up(aws_world)
    foreign_api(aws_world)
    assert "has the same name" in up(aws_world)["HTTP API"].notes[0]
    down(aws_world)
    assert len(aws_world.leftovers()) == 1


def test_the_role_of_another_regions_stack_is_not_ours_and_the_message_names_the_way_out(aws_world: AwsWorld) -> None:
    up(aws_world)
    aws_world.rest()
    session = aws_world.session(region="eu-west-1")
    with pytest.raises(NotOurs, match="belongs to the stack items of region us-east-1") as refusal:
        up(aws_world, session, Settings(region="eu-west-1"))
    assert "--name" in refusal.value.todo


def test_stacks_of_different_names_do_not_meet(aws_world: AwsWorld) -> None:
    todo = Settings(name="team-todo")
    up(aws_world)
    up(aws_world, settings=todo)
    aws_world.rest()
    down(aws_world)
    assert set(states(aws_world, todo).values()) == {"ok"}
    assert set(states(aws_world).values()) == {"missing"}


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ({"cors_origins": ("https://a.example",)}, {}, ["let browsers call from * (now: https://a.example)"]),
        ({"throttle_rate": 5}, {}, ["lift the throttle rate from 5 to 100"]),
        ({"throttle_burst": 5}, {}, ["lift the throttle burst from 5 to 200"]),
        ({}, {"cors_origins": ("https://a.example",), "throttle_rate": 5, "memory": 512}, []),
    ],
)
def test_a_plan_that_opens_something_up_says_what(
    aws_world: AwsWorld, before: dict[str, Any], after: dict[str, Any], said: list[str]
) -> None:
    up(aws_world, settings=Settings(**before))
    stack = new_process(aws_world, settings=Settings(**after))
    stack.look()
    assert stack.weakenings(stack.plan()) == said


def test_an_adoption_is_something_to_ask_about(aws_world: AwsWorld) -> None:
    foreign_table(aws_world)
    aws_world.rest()
    stack = new_process(aws_world)
    stack.look()
    assert stack.weakenings(stack.plan(adopt=True)) == ["take over what another made: DynamoDB table Items"]


def test_what_turns_foreign_between_the_plan_and_a_second_look_is_not_taken(aws_world: AwsWorld) -> None:
    """As while a question stands on the screen."""
    up(aws_world)
    stack = new_process(aws_world, settings=Settings(log_retention=30))
    stack.look()
    stack.plan()
    logs = aws_world.boto("logs")
    logs.delete_log_group(logGroupName="/aws/lambda/items-api")
    logs.create_log_group(logGroupName="/aws/lambda/items-api", tags={"owner": "bob"})
    stack.look()
    for _ in stack.up():
        pass
    assert isinstance(stack.outcomes[stack.logs].error, NotOurs)
    arn = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/aws/lambda/items-api"
    assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"owner": "bob"}


def disable_endpoint(world: AwsWorld) -> None:
    gateway = world.boto("apigatewayv2")
    gateway.update_api(ApiId=gateway.get_apis()["Items"][0]["ApiId"], DisableExecuteApiEndpoint=True)


def remove_cors(world: AwsWorld) -> None:
    gateway = world.boto("apigatewayv2")
    gateway.delete_cors_configuration(ApiId=gateway.get_apis()["Items"][0]["ApiId"])


def narrow_methods(world: AwsWorld) -> None:
    gateway = world.boto("apigatewayv2")
    cors = {**gateway.get_apis()["Items"][0]["CorsConfiguration"], "AllowMethods": ["GET"]}
    gateway.update_api(ApiId=gateway.get_apis()["Items"][0]["ApiId"], CorsConfiguration=cors)


@pytest.mark.parametrize(
    ("close", "said"),
    [
        (lambda world: protect(world, "GET /items"), "let anybody call GET /items, which asks for JWT"),
        (disable_endpoint, "open the API's endpoint, which is switched off"),
        (remove_cors, "let browsers of other origins call"),
        (narrow_methods, "let browsers use the methods DELETE, POST, PUT"),
    ],
)
def test_a_repair_that_takes_away_someones_protection_is_asked_about(
    aws_world: AwsWorld, close: Callable[[AwsWorld], None], said: str
) -> None:
    up(aws_world)
    close(aws_world)
    stack = new_process(aws_world)
    stack.look()
    assert stack.weakenings(stack.plan()) == [said]


def test_what_others_put_into_the_environment_is_not_shown(aws_world: AwsWorld) -> None:
    up(aws_world)
    aws_world.rest()
    aws_world.boto("lambda").update_function_configuration(
        FunctionName="items-api", Environment={"Variables": {"TABLE_NAME": "Items", "DB_PASSWORD": "hunter2"}}
    )
    aws_world.rest()
    drift = [d for outcome in new_process(aws_world).look() for d in outcome.drift]
    assert [(d.field, d.have, d.want) for d in drift] == [("environment.DB_PASSWORD", "(set)", None)]


def test_an_integration_that_signs_or_rewrites_requests_is_replaced(aws_world: AwsWorld) -> None:
    up(aws_world)
    gateway = aws_world.boto("apigatewayv2")
    api = gateway.get_apis()["Items"][0]["ApiId"]
    [integration] = gateway.get_integrations(ApiId=api)["Items"]
    gateway.update_integration(
        ApiId=api,
        IntegrationId=integration["IntegrationId"],
        CredentialsArn=f"arn:aws:iam::{ACCOUNT}:role/somebody",
    )
    assert errors(up(aws_world)) == []
    [left] = gateway.get_integrations(ApiId=api)["Items"]
    assert "CredentialsArn" not in left
    assert set(states(aws_world).values()) == {"ok"}


def test_two_names_that_lead_to_one_table_are_told_whose_it_is(aws_world: AwsWorld) -> None:
    up(aws_world, settings=Settings(name="pr-12"))
    aws_world.rest()
    with pytest.raises(NotOurs, match="belongs to the stack pr-12 of region us-east-1"):
        up(aws_world, settings=Settings(name="pr12"))
