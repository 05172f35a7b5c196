"""The AWS of the other tests is as slow, as far behind itself and as strict as the real one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.aws_model import AWS_RATES, NO_DELAYS, AwsWorld, Delays
from tests.aws_model.requests import (
    API,
    FUNCTION,
    FUNCTION_ARN,
    INTEGRATION,
    LOGGING,
    PERMISSION,
    ROLE,
    TABLE,
    TABLE_ARN,
)

if TYPE_CHECKING:
    from collections.abc import Callable

GROUP = "/aws/lambda/f"


def refusal(call: Callable[..., Any], **parameters: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def at_once(world: AwsWorld, *calls: Callable[[], Any]) -> list[str]:
    """Outcomes of calls made at the same moment: "ok" or an error code."""

    def outcome(call: Callable[[], Any]) -> str:
        try:
            call()
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return "ok"

    world.clock.gather(len(calls))
    with ThreadPoolExecutor(len(calls)) as pool:
        return sorted(pool.map(outcome, calls))


@pytest.fixture
def still() -> AwsWorld:
    """Where nothing takes time."""
    return AwsWorld(delays=NO_DELAYS)


def with_function(world: AwsWorld) -> Any:
    world.boto("iam").create_role(**ROLE)
    world.rest()
    world.boto("lambda").create_function(**FUNCTION)
    world.rest()
    return world.session().client("lambda")


def test_lambda_can_assume_a_role_eight_seconds_after_it_was_made(aws_world: AwsWorld) -> None:
    aws_world.boto("iam").create_role(**ROLE)
    aws_world.clock.advance(7.9)
    assert refusal(aws_world.boto("lambda").create_function, **FUNCTION) == (
        "InvalidParameterValueException",
        "The role defined for the function cannot be assumed by Lambda.",
    )
    aws_world.clock.advance(0.1)
    assert aws_world.boto("lambda").create_function(**FUNCTION)["State"] == "Pending"


def test_lambda_never_assumes_a_role_that_does_not_trust_it(still: AwsWorld) -> None:
    iam = still.boto("iam")
    iam.create_role(**{**ROLE, "AssumeRolePolicyDocument": ROLE["AssumeRolePolicyDocument"].replace("lambda", "ec2")})
    assert refusal(still.boto("lambda").create_function, **FUNCTION)[0] == "InvalidParameterValueException"


def test_a_new_role_is_not_seen_for_a_while_though_its_name_is_taken(aws_world: AwsWorld) -> None:
    iam = aws_world.boto("iam")
    iam.create_role(**ROLE)
    policy = {"RoleName": "r", "PolicyName": "p", "PolicyDocument": LOGGING}
    absent = ("NoSuchEntity", "The role with name r cannot be found.")
    assert refusal(iam.get_role, RoleName="r") == refusal(iam.put_role_policy, **policy) == absent
    assert refusal(iam.create_role, **ROLE) == ("EntityAlreadyExists", "Role with name r already exists.")
    aws_world.rest(1)
    assert iam.get_role(RoleName="r")["Role"]["AssumeRolePolicyDocument"]["Statement"][0]["Effect"] == "Allow"


def test_a_role_goes_only_without_policies_attachments_and_profiles(still: AwsWorld) -> None:
    iam, role = still.boto("iam"), {"RoleName": "r"}
    profile, managed = {"InstanceProfileName": "machines"}, {"PolicyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}
    iam.create_role(**ROLE)
    iam.put_role_policy(**role, PolicyName="p", PolicyDocument=LOGGING)
    iam.attach_role_policy(**role, **managed)
    iam.add_role_to_instance_profile(**role, **profile)
    assert refusal(iam.delete_role, **role) == ("DeleteConflict", "Cannot delete entity, must delete policies first.")
    iam.delete_role_policy(**role, PolicyName="p")
    assert "must detach all policies" in refusal(iam.delete_role, **role)[1]
    iam.detach_role_policy(**role, **managed)
    assert "must remove roles from instance profile" in refusal(iam.delete_role, **role)[1]
    iam.remove_role_from_instance_profile(**role, **profile)
    iam.delete_role(**role)
    assert still.leftovers() == []


def test_a_table_is_unseen_then_creating_then_active_then_deleting_then_gone(aws_world: AwsWorld) -> None:
    dynamodb = aws_world.boto("dynamodb")
    name = {"TableName": "Items"}
    dynamodb.create_table(**TABLE)
    absent = ("ResourceNotFoundException", "Requested resource not found: Table: Items not found")
    assert refusal(dynamodb.describe_table, **name) == absent
    aws_world.clock.advance(0.5)
    assert dynamodb.describe_table(**name)["Table"]["TableStatus"] == "CREATING"
    assert refusal(dynamodb.create_table, **TABLE) == ("ResourceInUseException", "Table already exists: Items")
    code, message = refusal(dynamodb.delete_table, **name)
    assert (code, message.endswith("Table is being created: Items")) == ("ResourceInUseException", True)
    aws_world.clock.advance(5.5)
    assert dynamodb.describe_table(**name)["Table"]["TableStatus"] == "ACTIVE"
    dynamodb.delete_table(**name)
    assert dynamodb.delete_table(**name)["TableDescription"]["TableStatus"] == "DELETING"
    assert refusal(dynamodb.create_table, **TABLE) == ("ResourceInUseException", "Table is being deleted: Items")
    aws_world.clock.advance(6)
    assert refusal(dynamodb.describe_table, **name) == absent


def test_tags_of_a_table_show_seconds_after_they_were_set(aws_world: AwsWorld) -> None:
    dynamodb = aws_world.boto("dynamodb")
    dynamodb.create_table(**TABLE)
    aws_world.rest()
    dynamodb.tag_resource(ResourceArn=TABLE_ARN, Tags=[{"Key": "a", "Value": "1"}])
    assert dynamodb.list_tags_of_resource(ResourceArn=TABLE_ARN)["Tags"] == []
    aws_world.clock.advance(2)
    assert dynamodb.list_tags_of_resource(ResourceArn=TABLE_ARN)["Tags"] == [{"Key": "a", "Value": "1"}]


def test_a_function_can_not_be_changed_while_it_is_pending_or_being_updated(aws_world: AwsWorld) -> None:
    aws_world.boto("iam").create_role(**ROLE)
    aws_world.rest()
    lambda_ = aws_world.boto("lambda")
    lambda_.create_function(**FUNCTION)
    cannot = "The operation cannot be performed at this time."
    assert refusal(lambda_.update_function_configuration, FunctionName="f", Timeout=9) == (
        "ResourceConflictException",
        f"{cannot} The function is currently in the following state: Pending",
    )
    lambda_.add_permission(**PERMISSION)  # which a Pending function takes
    aws_world.clock.advance(3)
    assert lambda_.update_function_configuration(FunctionName="f", Timeout=9)["LastUpdateStatus"] == "InProgress"
    assert refusal(lambda_.update_function_code, FunctionName="f", ZipFile=FUNCTION["Code"]["ZipFile"]) == (
        "ResourceConflictException",
        f"{cannot} An update is in progress for resource: {FUNCTION_ARN}",
    )
    aws_world.clock.advance(2)
    assert lambda_.get_function(FunctionName="f")["Configuration"]["LastUpdateStatus"] == "Successful"


def test_a_deleted_function_can_still_be_read_for_a_moment(aws_world: AwsWorld) -> None:
    lambda_ = with_function(aws_world)
    lambda_.delete_function(FunctionName="f")
    assert lambda_.get_function(FunctionName="f")["Configuration"]["FunctionArn"] == FUNCTION_ARN
    assert refusal(lambda_.delete_function, FunctionName="f") == (
        "ResourceNotFoundException",
        f"Function not found: {FUNCTION_ARN}",
    )
    aws_world.clock.advance(1)
    assert refusal(lambda_.get_function, FunctionName="f")[0] == "ResourceNotFoundException"


def test_a_function_keeps_the_role_it_was_given_though_another_takes_its_name(still: AwsWorld) -> None:
    with_function(still)
    iam, lambda_ = still.boto("iam"), still.boto("lambda")
    iam.delete_role(RoleName="r")
    iam.create_role(**ROLE)
    stale = still.snapshot()["AWS::Lambda::Function"]["us-east-1 f"]["role id"]
    lambda_.update_function_configuration(FunctionName="f", Role=FUNCTION["Role"])
    mended = still.snapshot()["AWS::Lambda::Function"]["us-east-1 f"]["role id"]
    assert (stale[:4], mended) == ("AROA", "<role r>")


@pytest.mark.parametrize(
    ("may_create_groups", "left"), [(True, [f"AWS::Logs::LogGroup us-east-1 {GROUP}"]), (False, [])]
)
def test_a_late_log_line_makes_the_group_again_if_the_role_allows_it(
    may_create_groups: bool, left: list[str], aws_world: AwsWorld
) -> None:
    with_function(aws_world)
    iam = aws_world.boto("iam")
    document = LOGGING if may_create_groups else LOGGING.replace("logs:*", "logs:PutLogEvents")
    iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=document)
    aws_world.boto("lambda").delete_function(FunctionName="f")
    iam.delete_role_policy(RoleName="r", PolicyName="p")
    aws_world.rest(1)
    iam.delete_role(RoleName="r")
    assert aws_world.leftovers() == left
    if may_create_groups:
        [group] = aws_world.boto("logs").describe_log_groups(logGroupNamePrefix=GROUP)["logGroups"]
        assert "retentionInDays" not in group


def test_two_writes_at_once_on_one_api_do_not_both_succeed(aws_world: AwsWorld) -> None:
    gateway = aws_world.session().client("apigatewayv2")
    api = {"ApiId": gateway.create_api(**API)["ApiId"]}
    other = {"ApiId": gateway.create_api(**API)["ApiId"]}

    def write(api: dict[str, str]) -> Callable[[], Any]:
        return lambda: gateway.create_integration(**api, **INTEGRATION)

    assert at_once(aws_world, write(api), write(other)) == ["ok", "ok"]
    assert at_once(aws_world, write(api), write(api)) == ["ConflictException", "ok"]
    assert at_once(aws_world, write(api), lambda: gateway.get_routes(**api)) == ["ok", "ok"]


def test_two_permissions_at_once_on_one_function_lose_one(aws_world: AwsWorld) -> None:
    lambda_ = with_function(aws_world)

    def add(sid: str) -> Callable[[], Any]:
        return lambda: lambda_.add_permission(**{**PERMISSION, "StatementId": sid})

    assert at_once(aws_world, add("one"), add("two")) == ["ok", "ok"]
    [function] = aws_world.snapshot()["AWS::Lambda::Function"].values()
    assert len(function["statements"]) == 1


def test_an_api_is_always_another_one_and_the_list_does_not_tell_which_is_older(still: AwsWorld) -> None:
    gateway = still.boto("apigatewayv2")
    made = [gateway.create_api(**API) for _ in range(5)]
    assert len({api["ApiId"] for api in made}) == 5
    assert sorted(made, key=lambda api: api["CreatedDate"]) == made
    assert [api["ApiId"] for api in gateway.get_apis()["Items"]] == sorted(api["ApiId"] for api in made)


def test_cors_is_neither_cleared_by_nothing_nor_kept_in_capitals(still: AwsWorld) -> None:
    gateway = still.boto("apigatewayv2")
    cors = {"AllowOrigins": ["*"], "AllowHeaders": ["Content-Type"]}
    api = {"ApiId": gateway.create_api(**API, CorsConfiguration=cors)["ApiId"]}
    answer = gateway.update_api(**api, CorsConfiguration={})
    assert answer["CorsConfiguration"] == {"AllowOrigins": ["*"], "AllowHeaders": ["content-type"]}
    gateway.delete_cors_configuration(**api)
    assert "CorsConfiguration" not in gateway.get_api(**api)


def test_two_names_for_one_path_variable_conflict(still: AwsWorld) -> None:
    gateway = still.boto("apigatewayv2")
    api = {"ApiId": gateway.create_api(**API)["ApiId"]}
    gateway.create_route(**api, RouteKey="GET /items/{id}")
    code, message = refusal(gateway.create_route, **api, RouteKey="GET /items/{name}")
    assert (code, "conflicting variable on the same hierarchical level" in message) == ("ConflictException", True)


def test_lists_come_in_pages() -> None:
    world = AwsWorld(delays=NO_DELAYS, page_size=2)
    gateway, iam, logs = world.boto("apigatewayv2"), world.boto("iam"), world.boto("logs")
    iam.create_role(**ROLE)
    for number in range(3):
        gateway.create_api(**API)
        logs.create_log_group(logGroupName=f"{GROUP}{number}")
        iam.put_role_policy(RoleName="r", PolicyName=str(number), PolicyDocument=LOGGING)
    assert [len(page["Items"]) for page in gateway.get_paginator("get_apis").paginate()] == [2, 1]
    assert [len(page["logGroups"]) for page in logs.get_paginator("describe_log_groups").paginate()] == [2, 1]
    policies = iam.get_paginator("list_role_policies").paginate(RoleName="r")
    assert [page["PolicyNames"] for page in policies] == [["0", "1"], ["2"]]


def test_more_calls_than_the_rate_are_throttled_until_time_has_passed() -> None:
    world = AwsWorld(rates=AWS_RATES, delays=Delays(latency=0))
    gateway = world.session().client("apigatewayv2")
    for _ in range(40):
        gateway.get_apis()
    assert refusal(gateway.get_apis) == ("TooManyRequestsException", "Too Many Requests")
    world.clock.advance(0.1)
    gateway.get_apis()
