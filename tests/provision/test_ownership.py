"""Only resources with the stack's tags are changed or deleted. Others of the same name are foreign."""

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from items_api.errors import CannotChange, ForeignResource
from items_api.provision.policies import trust_policy
from items_api.settings import Settings
from tests.aws import Account
from tests.provision.drive import ACCOUNT, down, errors, finish, new_process, states, up, weakenings
from tests.provision.manual_changes import EMPTY_ZIP, api_id, protect, update_api

BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/items-boundary"


def foreign_table(account: Account, key: str = "itemId") -> None:
    boto3.client("dynamodb").create_table(
        TableName="Items",
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
        KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
        BillingMode="PROVISIONED",
        ProvisionedThroughput={"ReadCapacityUnits": 5, "WriteCapacityUnits": 5},
    )


def foreign_role(account: Account) -> None:
    boto3.client("iam").create_role(RoleName="items-api-role", AssumeRolePolicyDocument=json.dumps(trust_policy()))


def foreign_log_group(account: Account) -> None:
    boto3.client("logs").create_log_group(logGroupName="/aws/lambda/items-api")


def foreign_function(account: Account) -> None:
    boto3.client("iam").create_role(RoleName="another", AssumeRolePolicyDocument=json.dumps(trust_policy()))
    account.rest()
    boto3.client("lambda").create_function(
        FunctionName="items-api",
        Runtime="python3.12",
        Handler="index.handler",
        Role=f"arn:aws:iam::{ACCOUNT}:role/another",
        Code={"ZipFile": EMPTY_ZIP},
    )


def foreign_api(account: Account) -> None:
    boto3.client("apigatewayv2").create_api(Name="items-http-api", ProtocolType="HTTP")


FOREIGN: dict[str, Callable[[Account], Any]] = {
    "DynamoDB table": foreign_table,
    "IAM role": foreign_role,
    "log group": foreign_log_group,
    "Lambda function": foreign_function,
    "HTTP API": foreign_api,
}
each_kind = pytest.mark.parametrize("kind", FOREIGN)


@pytest.fixture(params=FOREIGN)
def foreign(request: pytest.FixtureRequest, account: Account) -> str:
    """The kind of a foreign resource that exists."""
    kind = str(request.param)
    FOREIGN[kind](account)
    account.rest()
    return kind


def test_up_stops_before_its_first_write_when_a_resource_is_foreign(account: Account, foreign: str) -> None:
    exists = f"The {foreign} .* already exists and does not belong to this stack"
    with pytest.raises(ForeignResource, match=exists) as raised:
        up(account)
    assert "--adopt" in raised.value.todo
    assert account.journal.writes() == []


def test_status_reports_a_foreign_resource(account: Account, foreign: str) -> None:
    assert states(account)[foreign] == "foreign"


def test_down_keeps_a_foreign_resource_and_says_so(account: Account, foreign: str) -> None:
    before = account.snapshot()
    outcomes, left = down(account)
    assert (outcomes[foreign].change, left) == ("skipped", [])
    assert "not deleted" in outcomes[foreign].notes[0]
    assert account.snapshot() == before


def test_adopt_takes_over_a_foreign_resource_and_down_then_removes_it(account: Account, foreign: str) -> None:
    outcomes = up(account, adopt=True)
    assert (errors(outcomes), outcomes[foreign].change) == ([], "updated")
    account.rest()
    assert set(states(account).values()) == {"ok"}
    outcomes, left = down(account)
    assert (errors(outcomes), left) == ([], [])
    account.rest()
    assert [name for name in account.leftovers() if "another" not in name] == []


@each_kind
def test_a_foreign_resource_that_appears_after_the_read_is_not_changed(account: Account, kind: str) -> None:
    """AWS rejects a second resource of the same name, except an API."""
    stack = new_process(account)
    stack.look()
    stack.plan()
    FOREIGN[kind](account)
    account.rest()
    before = account.snapshot()
    finish(stack.up())
    outcome = next(outcome for outcome in stack.outcomes.values() if outcome.title == kind)
    after = account.snapshot()
    for type_, resources in before.items():
        for name, fields in resources.items():
            if type_ != "AWS::ApiGatewayV2::Api":
                assert after[type_][name] == fields
    assert isinstance(outcome.error, ForeignResource) is (kind != "HTTP API")


def test_adopt_rejects_a_table_with_another_key(account: Account) -> None:
    foreign_table(account, key="id")
    account.rest()
    with pytest.raises(CannotChange, match=r"key is .*id \(S\).*expected .*itemId \(S\)"):
        up(account, adopt=True)
    assert account.journal.writes() == []


def test_adopt_rejects_two_foreign_apis_of_the_same_name(account: Account) -> None:
    foreign_api(account)
    foreign_api(account)
    for adopt in (False, True):
        with pytest.raises(ForeignResource, match="2 HTTP APIs are named items-http-api"):
            up(account, adopt=adopt)
    assert account.journal.writes() == []


def test_a_foreign_api_of_the_same_name_is_reported_and_kept(deployed: Account) -> None:
    foreign_api(deployed)
    assert "has the same name" in up(deployed)["HTTP API"].notes[0]
    down(deployed)
    assert len(deployed.leftovers()) == 1


def test_a_role_of_the_same_stack_in_another_region_is_foreign(deployed: Account) -> None:
    deployed.rest()
    session = deployed.session(region="eu-west-1")
    with pytest.raises(ForeignResource, match="belongs to the stack items in region us-east-1") as raised:
        up(deployed, session, Settings(region="eu-west-1"))
    assert "--name" in raised.value.todo


def test_stacks_with_different_names_are_independent(account: Account) -> None:
    todo = Settings(name="team-todo")
    up(account)
    up(account, settings=todo)
    account.rest()
    down(account)
    assert set(states(account, todo).values()) == {"ok"}
    assert set(states(account).values()) == {"missing"}


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (
            {"cors_origins": ("https://a.example",)},
            {},
            ["allow browsers on * to call the API (now: https://a.example)"],
        ),
        ({"throttle_rate": 5}, {}, ["raise the throttle rate from 5 to 100"]),
        ({"throttle_burst": 5}, {}, ["raise the throttle burst from 5 to 200"]),
        (
            {"permissions_boundary": BOUNDARY},
            {},
            [f"remove the permissions boundary {BOUNDARY} of the role items-api-role"],
        ),
        (
            {"permissions_boundary": BOUNDARY},
            {"permissions_boundary": f"{BOUNDARY}-2"},
            [f"replace the permissions boundary {BOUNDARY} of the role items-api-role with {BOUNDARY}-2"],
        ),
        ({}, {"cors_origins": ("https://a.example",), "throttle_rate": 5, "memory": 512}, []),
        ({}, {"permissions_boundary": BOUNDARY}, []),
    ],
)
def test_a_plan_names_each_protection_that_it_weakens(
    account: Account, before: dict[str, Any], after: dict[str, Any], said: list[str]
) -> None:
    up(account, settings=Settings(**before))
    stack = new_process(account, settings=Settings(**after))
    stack.look()
    assert weakenings(stack) == said


def test_adopting_a_resource_needs_confirmation(account: Account) -> None:
    foreign_table(account)
    account.rest()
    stack = new_process(account)
    stack.look()
    assert weakenings(stack, adopt=True) == ["adopt the DynamoDB table Items, which does not belong to this stack"]


def test_a_resource_that_becomes_foreign_after_the_plan_is_not_changed(deployed: Account) -> None:
    """This can happen while `up` waits for confirmation."""
    stack = new_process(deployed, settings=Settings(log_retention=30))
    stack.look()
    stack.plan()
    logs = boto3.client("logs")
    logs.delete_log_group(logGroupName="/aws/lambda/items-api")
    logs.create_log_group(logGroupName="/aws/lambda/items-api", tags={"owner": "bob"})
    stack.look()
    finish(stack.up())
    assert isinstance(stack.outcomes[stack.logs].error, ForeignResource)
    arn = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/aws/lambda/items-api"
    assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"owner": "bob"}


@pytest.mark.parametrize(
    ("close", "said"),
    [
        (lambda: protect("GET /items"), "allow anyone to call GET /items, which requires JWT authorization"),
        (lambda: update_api(DisableExecuteApiEndpoint=True), "enable the API's endpoint, which is disabled"),
        (
            lambda: boto3.client("apigatewayv2").delete_cors_configuration(ApiId=api_id()),
            "allow browsers on other origins to call the API",
        ),
    ],
)
def test_a_repair_that_removes_a_protection_needs_confirmation(
    account: Account, close: Callable[[], None], said: str
) -> None:
    up(account)
    close()
    stack = new_process(account)
    stack.look()
    assert weakenings(stack) == [said]


def test_values_of_foreign_environment_variables_are_not_shown(deployed: Account) -> None:
    deployed.rest()
    boto3.client("lambda").update_function_configuration(
        FunctionName="items-api", Environment={"Variables": {"TABLE_NAME": "Items", "DB_PASSWORD": "hunter2"}}
    )
    deployed.rest()
    drift = [d for outcome in new_process(deployed).look() for d in outcome.drift]
    assert [(d.field, d.have, d.want) for d in drift] == [
        (f"environment.{name}", "(set)", None) for name in ("TABLE_NAME", "DB_PASSWORD")
    ]


def test_an_integration_that_signs_requests_is_replaced(deployed: Account) -> None:
    gateway, api = boto3.client("apigatewayv2"), api_id()
    [integration] = gateway.get_integrations(ApiId=api)["Items"]
    signs = f"arn:aws:iam::{ACCOUNT}:role/another"
    gateway.update_integration(ApiId=api, IntegrationId=integration["IntegrationId"], CredentialsArn=signs)
    assert errors(up(deployed)) == []
    [left] = gateway.get_integrations(ApiId=api)["Items"]
    assert "CredentialsArn" not in left
    assert set(states(deployed).values()) == {"ok"}


def test_a_table_name_shared_by_two_stacks_belongs_to_the_first(account: Account) -> None:
    up(account, settings=Settings(name="pr-12"))
    account.rest()
    with pytest.raises(ForeignResource, match="belongs to the stack pr-12 in region us-east-1"):
        up(account, settings=Settings(name="pr12"))
