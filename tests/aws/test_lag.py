"""The account of the tests is as slow and as far behind itself as AWS."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.aws import NO_DELAYS, Account
from tests.aws.requests import (
    API,
    EMPTY_ZIP,
    FUNCTION,
    FUNCTION_ARN,
    INTEGRATION,
    LOGGING,
    PERMISSION,
    POLICY,
    ROLE,
    TABLE_ARN,
)
from tests.aws.requests import TABLE as NEW_TABLE

if TYPE_CHECKING:
    from collections.abc import Callable

GROUP = "/aws/lambda/f"
TABLE: dict[str, Any] = {"TableName": "Items"}
NAME: dict[str, Any] = {"FunctionName": "f"}


def refusal(call: Callable[..., Any], **parameters: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def at_once(account: Account, *calls: Callable[[], Any]) -> list[str]:
    """Outcomes of calls that are made at the same moment: "ok" or an error code."""

    def outcome(call: Callable[[], Any]) -> str:
        try:
            call()
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return "ok"

    account.clock.gather(len(calls))
    with ThreadPoolExecutor(len(calls)) as pool:
        return sorted(pool.map(outcome, calls))


def create_function(account: Account) -> None:
    boto3.client("iam").create_role(**ROLE)
    account.rest()
    boto3.client("lambda").create_function(**FUNCTION)
    account.rest()


def test_lambda_can_assume_a_role_eight_seconds_after_its_creation(account: Account) -> None:
    boto3.client("iam").create_role(**ROLE)
    lambda_ = boto3.client("lambda")
    account.clock.advance(7.9)
    why = "The role defined for the function cannot be assumed by Lambda."
    assert refusal(lambda_.create_function, **FUNCTION) == ("InvalidParameterValueException", why)
    account.clock.advance(0.1)
    assert lambda_.create_function(**FUNCTION)["State"] == "Pending"


def test_lambda_never_assumes_a_role_that_does_not_trust_it(account: Account) -> None:
    document = ROLE["AssumeRolePolicyDocument"].replace("lambda", "ec2")
    boto3.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=document)
    account.rest()
    assert refusal(boto3.client("lambda").create_function, **FUNCTION)[0] == "InvalidParameterValueException"


def test_a_new_role_is_not_visible_for_a_while_although_its_name_is_taken(account: Account) -> None:
    iam = boto3.client("iam")
    iam.create_role(**ROLE)
    absent = ("NoSuchEntity", "The role with name r cannot be found.")
    assert refusal(iam.get_role, RoleName="r") == refusal(iam.put_role_policy, **POLICY) == absent
    assert refusal(iam.create_role, **ROLE) == ("EntityAlreadyExists", "Role with name r already exists.")
    account.rest(1)
    assert iam.get_role(RoleName="r")["Role"]["RoleName"] == "r"


def test_a_role_can_be_deleted_a_moment_after_its_last_policy(account: Account) -> None:
    iam, managed = boto3.client("iam"), "arn:aws:iam::aws:policy/AmazonDynamoDBFullAccess"
    iam.create_role(**ROLE)
    account.rest()
    iam.put_role_policy(**POLICY)
    iam.attach_role_policy(RoleName="r", PolicyArn=managed)
    iam.delete_role_policy(RoleName="r", PolicyName="p")
    iam.detach_role_policy(RoleName="r", PolicyArn=managed)
    assert refusal(iam.delete_role, RoleName="r") == (
        "DeleteConflict",
        "Cannot delete entity, must delete policies first.",
    )
    account.rest(0.5)
    iam.delete_role(RoleName="r")
    assert account.leftovers() == []


def test_a_table_is_invisible_then_creating_then_active_then_deleting_then_gone(account: Account) -> None:
    dynamodb = boto3.client("dynamodb")
    dynamodb.create_table(**NEW_TABLE)
    absent = ("ResourceNotFoundException", "Requested resource not found: Table: Items not found")
    assert refusal(dynamodb.describe_table, **TABLE) == absent
    account.clock.advance(0.5)
    assert dynamodb.describe_table(**TABLE)["Table"]["TableStatus"] == "CREATING"
    assert refusal(dynamodb.create_table, **NEW_TABLE) == ("ResourceInUseException", "Table already exists: Items")
    code, message = refusal(dynamodb.delete_table, **TABLE)
    assert (code, message.endswith("Table is being created: Items")) == ("ResourceInUseException", True)
    account.clock.advance(5.5)
    assert dynamodb.describe_table(**TABLE)["Table"]["TableStatus"] == "ACTIVE"
    dynamodb.delete_table(**TABLE)
    assert dynamodb.delete_table(**TABLE)["TableDescription"]["TableStatus"] == "DELETING"
    assert refusal(dynamodb.create_table, **NEW_TABLE) == ("ResourceInUseException", "Table is being deleted: Items")
    account.clock.advance(6)
    assert refusal(dynamodb.describe_table, **TABLE) == absent


def test_tags_of_a_table_show_seconds_after_they_are_set(account: Account) -> None:
    dynamodb = boto3.client("dynamodb")
    dynamodb.create_table(**NEW_TABLE)
    account.rest()
    for value in "12":
        dynamodb.tag_resource(ResourceArn=TABLE_ARN, Tags=[{"Key": "a", "Value": value}])
        before = [] if value == "1" else [{"Key": "a", "Value": "1"}]
        assert dynamodb.list_tags_of_resource(ResourceArn=TABLE_ARN)["Tags"] == before
        account.clock.advance(2)
        assert dynamodb.list_tags_of_resource(ResourceArn=TABLE_ARN)["Tags"] == [{"Key": "a", "Value": value}]


def test_a_function_cannot_be_changed_while_it_is_pending_or_being_updated(account: Account) -> None:
    boto3.client("iam").create_role(**ROLE)
    account.rest()
    lambda_ = boto3.client("lambda")
    lambda_.create_function(**FUNCTION)
    cannot = "The operation cannot be performed at this time."
    assert refusal(lambda_.update_function_configuration, **NAME, Timeout=9) == (
        "ResourceConflictException",
        f"{cannot} The function is currently in the following state: Pending",
    )
    lambda_.add_permission(**PERMISSION)  # which a Pending function accepts
    assert refusal(lambda_.add_permission, **PERMISSION)[0] == "ResourceConflictException"
    account.clock.advance(3)
    assert lambda_.update_function_configuration(**NAME, Timeout=9)["LastUpdateStatus"] == "InProgress"
    assert refusal(lambda_.update_function_code, **NAME, ZipFile=EMPTY_ZIP) == (
        "ResourceConflictException",
        f"{cannot} An update is in progress for resource: {FUNCTION_ARN}",
    )
    account.clock.advance(2)
    assert lambda_.get_function(**NAME)["Configuration"]["LastUpdateStatus"] == "Successful"


def test_a_deleted_function_can_still_be_read_for_a_moment(account: Account) -> None:
    create_function(account)
    lambda_ = boto3.client("lambda")
    lambda_.delete_function(**NAME)
    assert lambda_.get_function(**NAME)["Configuration"]["FunctionArn"] == FUNCTION_ARN
    absent = ("ResourceNotFoundException", f"Function not found: {FUNCTION_ARN}")
    assert refusal(lambda_.delete_function, **NAME) == absent
    account.clock.advance(1)
    assert refusal(lambda_.get_function, **NAME) == absent
    boto3.client("lambda").create_function(**FUNCTION)


def test_a_function_keeps_its_role_although_a_new_role_has_the_same_name(account: Account) -> None:
    create_function(account)
    iam = boto3.client("iam")
    iam.delete_role(RoleName="r")
    iam.create_role(**ROLE)
    account.rest()
    stale = account.snapshot()["AWS::Lambda::Function"]["us-east-1 f"]["role id"]
    boto3.client("lambda").update_function_configuration(**NAME, Role=FUNCTION["Role"])
    repaired = account.snapshot()["AWS::Lambda::Function"]["us-east-1 f"]["role id"]
    assert (stale[:4], repaired) == ("AROA", "<role r>")


@pytest.mark.parametrize("may_create_groups", [True, False])
def test_a_late_log_line_recreates_the_group_if_the_role_allows_it(may_create_groups: bool, account: Account) -> None:
    create_function(account)
    document = LOGGING if may_create_groups else LOGGING.replace("logs:*", "logs:PutLogEvents")
    iam = boto3.client("iam")
    iam.put_role_policy(**{**POLICY, "PolicyDocument": document})
    boto3.client("lambda").delete_function(**NAME)
    iam.delete_role_policy(RoleName="r", PolicyName="p")
    account.rest(1)
    iam.delete_role(RoleName="r")
    assert account.leftovers() == ([f"AWS::Logs::LogGroup us-east-1 {GROUP}"] if may_create_groups else [])


def test_two_parallel_writes_on_one_api_do_not_both_succeed(account: Account) -> None:
    gateway = account.session().client("apigatewayv2")
    api, other = ({"ApiId": gateway.create_api(**API)["ApiId"]} for _ in range(2))

    def write(api: dict[str, Any]) -> Callable[[], Any]:
        return lambda: gateway.create_integration(**api, **INTEGRATION)

    assert at_once(account, write(api), write(other)) == ["ok", "ok"]
    assert at_once(account, write(api), write(api)) == ["ConflictException", "ok"]
    assert at_once(account, write(api), lambda: gateway.get_routes(**api)) == ["ok", "ok"]


def test_two_parallel_permissions_on_one_function_lose_one(account: Account) -> None:
    create_function(account)
    lambda_ = account.session().client("lambda")

    def add(sid: str) -> Callable[[], Any]:
        return lambda: lambda_.add_permission(**{**PERMISSION, "StatementId": sid})

    assert at_once(account, add("one"), add("two")) == ["ok", "ok"]
    assert len(account.snapshot()["AWS::Lambda::Function"]["us-east-1 f"]["statements"]) == 1


def test_every_api_is_new_and_the_list_does_not_tell_which_one_is_older(account: Account) -> None:
    account.delays = NO_DELAYS
    gateway = boto3.client("apigatewayv2")
    created = [gateway.create_api(**API) for _ in range(5)]
    assert sorted(created, key=lambda api: api["CreatedDate"]) == created
    assert [api["ApiId"] for api in gateway.get_apis()["Items"]] == sorted(api["ApiId"] for api in created)
