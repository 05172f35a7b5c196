"""The services lag behind themselves and reject bad requests, as AWS does."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import boto3
import pytest

from tests.aws import Account
from tests.aws.conftest import API, CODE, FUNCTION, FUNCTION_ARN, PERMISSION, POLICY, ROLE, TABLE, error_of, outcome

NAME: dict[str, Any] = {"FunctionName": "f"}
CANNOT = "The operation cannot be performed at this time."


def at_once(account: Account, *calls: Callable[[], Any]) -> list[str]:
    """The sorted outcomes of calls that are made at the same moment."""
    account.clock.gather(len(calls))
    with ThreadPoolExecutor(len(calls)) as pool:
        return sorted(pool.map(outcome, calls))


@pytest.fixture
def function(account: Account) -> Any:
    """The Lambda client, in an account with the function `f`."""
    boto3.client("iam").create_role(**ROLE)
    account.rest()
    boto3.client("lambda").create_function(**FUNCTION)
    account.rest()
    return boto3.client("lambda")


@pytest.fixture
def api(account: Account) -> dict[str, Any]:
    return {"ApiId": boto3.client("apigatewayv2").create_api(**API)["ApiId"]}


def test_a_new_role_is_not_visible_for_a_while_and_lambda_can_assume_it_later_still(account: Account) -> None:
    iam, lambda_ = boto3.client("iam"), boto3.client("lambda")
    iam.create_role(**ROLE)
    absent = ("NoSuchEntity", "The role with name r cannot be found.")
    assert error_of(iam.get_role, RoleName="r") == error_of(iam.put_role_policy, **POLICY) == absent
    assert error_of(iam.create_role, **ROLE)[0] == "EntityAlreadyExists"
    account.clock.advance(7.9)
    iam.get_role(RoleName="r")
    why = "The role defined for the function cannot be assumed by Lambda."
    assert error_of(lambda_.create_function, **FUNCTION) == ("InvalidParameterValueException", why)
    account.clock.advance(0.1)
    assert lambda_.create_function(**FUNCTION)["State"] == "Pending"


def test_a_role_can_be_deleted_a_moment_after_its_last_policy(account: Account) -> None:
    iam = boto3.client("iam")
    iam.create_role(**ROLE)
    account.rest()
    iam.put_role_policy(**POLICY)
    iam.delete_role_policy(RoleName="r", PolicyName="p")
    assert error_of(iam.delete_role, RoleName="r")[0] == "DeleteConflict"
    account.clock.advance(0.5)
    iam.delete_role(RoleName="r")


def test_a_table_takes_seconds_to_appear_to_become_active_and_to_disappear(account: Account) -> None:
    dynamodb, table = boto3.client("dynamodb"), {"TableName": "Items"}
    absent = ("ResourceNotFoundException", "Requested resource not found: Table: Items not found")
    in_use = "Attempt to change a resource which is still in use: Table is being"
    assert dynamodb.create_table(**TABLE)["TableDescription"]["TableStatus"] == "CREATING"
    assert error_of(dynamodb.describe_table, **table) == absent
    account.clock.advance(0.5)
    assert dynamodb.describe_table(**table)["Table"]["TableStatus"] == "CREATING"
    for change in (dynamodb.delete_table, partial(dynamodb.create_table, **TABLE)):
        assert error_of(change, **table) == ("ResourceInUseException", f"{in_use} created: Items")
    account.clock.advance(5.5)
    assert dynamodb.describe_table(**table)["Table"]["TableStatus"] == "ACTIVE"
    dynamodb.delete_table(**table)
    assert error_of(dynamodb.delete_table, **table) == ("ResourceInUseException", f"{in_use} deleted: Items")
    assert error_of(dynamodb.create_table, **TABLE) == ("ResourceInUseException", "Table already exists: Items")
    account.clock.advance(6)
    assert error_of(dynamodb.describe_table, **table) == absent
    dynamodb.create_table(**TABLE)


def test_tags_of_a_table_appear_when_it_is_active_and_disappear_before_the_table(account: Account) -> None:
    dynamodb = boto3.client("dynamodb")
    tags: list[Any] = [{"Key": "a", "Value": "1"}]
    arn = {"ResourceArn": dynamodb.create_table(**TABLE, Tags=tags)["TableDescription"]["TableArn"]}
    absent = (
        "ResourceNotFoundException",
        f"Requested resource not found: ResourcArn: {arn['ResourceArn']} not found",
    )
    account.clock.advance(5)
    assert error_of(dynamodb.list_tags_of_resource, **arn) == absent
    account.clock.advance(1)
    assert dynamodb.describe_table(TableName="Items")["Table"]["TableStatus"] == "ACTIVE"
    assert dynamodb.list_tags_of_resource(**arn)["Tags"] == []
    account.clock.advance(1)
    assert dynamodb.list_tags_of_resource(**arn)["Tags"] == tags
    dynamodb.delete_table(TableName="Items")
    account.clock.advance(1.5)
    assert dynamodb.list_tags_of_resource(**arn)["Tags"] == tags
    account.clock.advance(0.1)
    assert error_of(dynamodb.list_tags_of_resource, **arn) == absent
    assert dynamodb.describe_table(TableName="Items")["Table"]["TableStatus"] == "DELETING"


def test_changed_tags_of_a_table_appear_seconds_later_and_cannot_be_changed_again_at_once(account: Account) -> None:
    dynamodb = boto3.client("dynamodb")
    arn = {"ResourceArn": dynamodb.create_table(**TABLE)["TableDescription"]["TableArn"]}
    account.rest()
    old: list[Any] = [{"Key": "a", "Value": "1"}]
    new: list[Any] = [{"Key": "a", "Value": "2"}]
    dynamodb.tag_resource(**arn, Tags=old)
    locked = ("LimitExceededException", "Subscriber limit exceeded: Table tags are being updated")
    assert error_of(dynamodb.tag_resource, **arn, Tags=new) == locked
    assert error_of(dynamodb.delete_table, TableName="Items")[1].endswith("Table tags are being updated: Items")
    dynamodb.tag_resource(**arn, Tags=old)  # changes nothing
    assert dynamodb.list_tags_of_resource(**arn)["Tags"] == []
    account.clock.advance(3.4)
    dynamodb.tag_resource(**arn, Tags=new)
    assert dynamodb.list_tags_of_resource(**arn)["Tags"] == old
    account.clock.advance(2)
    assert dynamodb.list_tags_of_resource(**arn)["Tags"] == new


def test_a_function_cannot_be_changed_while_it_is_pending_or_being_updated(account: Account, function: Any) -> None:
    function.create_function(**{**FUNCTION, "FunctionName": "g"})
    pending = f"{CANNOT} The function is currently in the following state: Pending"
    update = function.update_function_configuration
    assert error_of(update, FunctionName="g", Timeout=9) == ("ResourceConflictException", pending)
    assert update(**NAME, Timeout=9)["LastUpdateStatus"] == "InProgress"
    updating = f"{CANNOT} An update is in progress for resource: {FUNCTION_ARN}"
    assert error_of(function.update_function_code, **NAME, **CODE) == ("ResourceConflictException", updating)
    account.clock.advance(2)
    assert function.get_function(**NAME)["Configuration"]["LastUpdateStatus"] == "Successful"


def test_a_deleted_function_can_still_be_read_for_a_moment(account: Account, function: Any) -> None:
    function.delete_function(**NAME)
    assert function.get_function(**NAME)["Configuration"]["State"] == "Deleting"
    absent = ("ResourceNotFoundException", f"Function not found: {FUNCTION_ARN}")
    assert error_of(function.delete_function, **NAME) == absent
    account.clock.advance(1)
    assert error_of(function.get_function, **NAME) == absent


@pytest.mark.parametrize("action", ["logs:*", "logs:PutLogEvents"])
def test_a_late_log_line_recreates_the_group_if_the_role_allows_it(
    action: str, account: Account, function: Any
) -> None:
    boto3.client("iam").put_role_policy(
        **{**POLICY, "PolicyDocument": POLICY["PolicyDocument"].replace("logs:*", action)}
    )
    function.delete_function(**NAME)
    assert ("AWS::Logs::LogGroup us-east-1 /aws/lambda/f" in account.leftovers()) is (action == "logs:*")


def test_of_two_overlapping_writes_one_fails_or_gets_lost(account: Account, function: Any, api: dict[str, Any]) -> None:
    session = account.session()
    gateway, lambda_ = session.client("apigatewayv2"), session.client("lambda")
    create = [partial(gateway.create_route, **api, RouteKey=key) for key in ("GET /a", "GET /b")]
    assert at_once(account, *create) == ["ConflictException", "ok"]
    assert at_once(account, create[1], partial(gateway.get_routes, **api))[-1] == "ok"
    add = [partial(lambda_.add_permission, **{**PERMISSION, "StatementId": sid}) for sid in ("one", "two")]
    assert at_once(account, *add) == ["ok", "ok"]
    assert len(account.snapshot()["AWS::Lambda::Function"]["us-east-1 f"]["statements"]) == 1


def test_a_stage_can_be_updated_and_tagged_and_its_route_settings_deleted(api: dict[str, Any]) -> None:
    gateway, stage = boto3.client("apigatewayv2"), {**api, "StageName": "$default"}
    gateway.create_route(**api, RouteKey="GET /items")
    gateway.create_stage(**stage, AutoDeploy=True, Tags={"a": "1"}, DefaultRouteSettings={"ThrottlingBurstLimit": 2})
    settings: dict[str, Any] = {"GET /items": {"ThrottlingBurstLimit": 9}}
    gateway.update_stage(**stage, DefaultRouteSettings={"ThrottlingRateLimit": 1.0}, RouteSettings=settings)
    [found] = gateway.get_stages(**api)["Items"]
    assert found["DefaultRouteSettings"] == {"ThrottlingRateLimit": 1.0, "ThrottlingBurstLimit": 2}
    assert found["RouteSettings"] == settings
    gateway.delete_route_settings(**stage, RouteKey="GET /items")
    arn = {"ResourceArn": f"arn:aws:apigateway:us-east-1::/apis/{api['ApiId']}/stages/$default"}
    gateway.tag_resource(**arn, Tags={"b": "2"})
    [after] = gateway.get_stages(**api)["Items"]
    assert (after["RouteSettings"], after["Tags"]) == ({}, {"a": "1", "b": "2"})
    assert gateway.get_tags(**arn)["Tags"] == after["Tags"]
    assert found["DeploymentId"] != after["DeploymentId"]


def test_cors_is_merged_and_in_lower_case(api: dict[str, Any]) -> None:
    gateway = boto3.client("apigatewayv2")
    gateway.update_api(**api, CorsConfiguration={"AllowOrigins": ["*"], "AllowHeaders": ["Content-Type"]})
    updated = gateway.update_api(**api, CorsConfiguration={})
    assert updated["CorsConfiguration"] == {"AllowOrigins": ["*"], "AllowHeaders": ["content-type"]}


def test_api_gateway_rejects_what_is_duplicate_in_use_or_missing(api: dict[str, Any]) -> None:
    gateway = boto3.client("apigatewayv2")
    jwt: Any = {"Issuer": "https://issuer.example", "Audience": ["a"]}
    source = ["$request.header.Authorization"]
    authorizer = gateway.create_authorizer(
        **api, Name="gate", AuthorizerType="JWT", IdentitySource=source, JwtConfiguration=jwt
    )["AuthorizerId"]
    assert [found["AuthorizerId"] for found in gateway.get_authorizers(**api)["Items"]] == [authorizer]
    integration = gateway.create_integration(**api, IntegrationType="AWS_PROXY", IntegrationUri=FUNCTION_ARN)
    target = f"integrations/{integration['IntegrationId']}"
    route = gateway.create_route(
        **api, RouteKey="GET /items/{id}", Target=target, AuthorizationType="JWT", AuthorizerId=authorizer
    )["RouteId"]
    gateway.create_stage(**api, StageName="$default")
    rejected: list[tuple[str, str, dict[str, Any]]] = [
        ("ConflictException", "create_route", {"RouteKey": "GET /items/{id}"}),
        ("ConflictException", "create_stage", {"StageName": "$default"}),
        ("ConflictException", "delete_integration", {"IntegrationId": integration["IntegrationId"]}),
        ("ConflictException", "delete_authorizer", {"AuthorizerId": authorizer}),
        ("BadRequestException", "create_route", {"RouteKey": "GET /x", "Target": "integrations/none"}),
        ("NotFoundException", "delete_stage", {"StageName": "none"}),
        ("NotFoundException", "update_route", {"RouteId": "none"}),
        ("NotFoundException", "update_stage", {"StageName": "none"}),
        ("NotFoundException", "delete_route_settings", {"StageName": "$default", "RouteKey": "GET /x"}),
        ("NotFoundException", "delete_api", {"ApiId": "none"}),
    ]
    for code, operation, parameters in rejected:
        assert error_of(getattr(gateway, operation), **{**api, **parameters})[0] == code, (operation, parameters)
    assert "AuthorizerId" not in gateway.update_route(**api, RouteId=route, AuthorizationType="NONE")
    gateway.delete_authorizer(**api, AuthorizerId=authorizer)
