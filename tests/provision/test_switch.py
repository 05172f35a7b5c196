"""An API that calls something else is changed last: first the release works, and only then it is called."""

from collections.abc import Callable

import boto3
import pytest
from botocore import xform_name

from tests.aws import Account
from tests.provision.drive import errors, finish, new_process, states, up
from tests.provision.manual_changes import FUNCTION, add_permission, api_id
from tests.provision.releases import BIG, answering

ARN = f"arn:aws:lambda:us-east-1:123456789012:function:{FUNCTION}"


def target() -> str:
    return str(boto3.client("apigatewayv2").get_integrations(ApiId=api_id())["Items"][0]["IntegrationUri"])


def call(arn: str) -> None:
    gateway, api = boto3.client("apigatewayv2"), api_id()
    integration = gateway.get_integrations(ApiId=api)["Items"][0]["IntegrationId"]
    gateway.update_integration(ApiId=api, IntegrationId=integration, IntegrationUri=arn)


def call_the_bare_function() -> None:
    """As the tutorial does."""
    lambda_ = boto3.client("lambda")
    lambda_.remove_permission(FunctionName=FUNCTION, StatementId="apigw", Qualifier="live")
    lambda_.delete_alias(FunctionName=FUNCTION, Name="live")
    add_permission(api_id())
    call(ARN)


def call_through_another_route() -> None:
    call_the_bare_function()
    gateway, api = boto3.client("apigatewayv2"), api_id()
    for route in gateway.get_routes(ApiId=api)["Items"]:
        gateway.delete_route(ApiId=api, RouteId=route["RouteId"])
    integration = gateway.get_integrations(ApiId=api)["Items"][0]["IntegrationId"]
    gateway.create_route(ApiId=api, RouteKey="ANY /items", Target=f"integrations/{integration}")


def call_another_alias() -> None:
    lambda_ = boto3.client("lambda")
    lambda_.remove_permission(FunctionName=FUNCTION, StatementId="apigw", Qualifier="live")
    lambda_.create_alias(FunctionName=FUNCTION, Name="blue", FunctionVersion="1")
    add_permission(api_id(), Qualifier="blue")
    call(f"{ARN}:blue")


CASES = pytest.mark.parametrize(
    ("change", "calls", "removal"),
    [
        (call_the_bare_function, ARN, "lambda.RemovePermission"),
        (call_through_another_route, ARN, "lambda.RemovePermission"),
        (call_another_alias, f"{ARN}:blue", "lambda.DeleteAlias"),
    ],
)


@CASES
def test_what_the_api_calls_now_is_removed_when_it_calls_the_release(
    deployed: Account, change: Callable[[], None], calls: str, removal: str
) -> None:
    change()
    assert target() == calls
    deployed.rest()
    stack = new_process(deployed, settings=BIG)
    stack.look()
    stack.plan()
    rehearsed: list[str] = []
    stack.rehearse(lambda _service, operation, _parameters: rehearsed.append(operation))
    deployed.journal.clear()
    finish(stack.up())
    assert errors({outcome.title: outcome for outcome in stack.results}) == []
    written = [call.operation for call in deployed.journal.writes()]
    release = "lambda.CreateAlias" if "lambda.CreateAlias" in written else "lambda.UpdateAlias"
    order = [release, "lambda.AddPermission", "apigatewayv2.UpdateIntegration", removal]
    assert [operation for operation in written if operation in order] == order
    names = [xform_name(operation.partition(".")[2]) for operation in order]
    assert [operation for operation in rehearsed if operation in names] == names
    assert target() == f"{ARN}:live"
    deployed.rest()
    assert set(states(deployed, BIG).values()) == {"ok"}


@CASES
def test_if_the_new_version_does_not_work_the_api_calls_what_it_called_before(
    deployed: Account, change: Callable[[], None], calls: str, removal: str
) -> None:
    change()
    deployed.rest()
    deployed.journal.clear()
    session = deployed.session()
    with answering(session, {"statusCode": 500}):
        outcomes = up(deployed, session, BIG)
    assert (outcomes["release"].change, outcomes["HTTP API"].change) == ("failed", "skipped")
    assert target() == calls
    assert deployed.journal.of(removal) == []


def test_the_permission_on_the_whole_function_is_removed_without_an_interruption(deployed: Account) -> None:
    add_permission(api_id())
    deployed.rest()
    deployed.journal.clear()
    assert errors(up(deployed)) == []
    assert [(c.operation, "Qualifier" in c.parameters) for c in deployed.journal.writes()] == [
        ("lambda.RemovePermission", False)
    ]
