"""The execution role: each of its four table actions is needed by a request, and no others are."""

import json
from collections.abc import Iterator
from contextlib import closing

import pytest

from items_api.local import ACCOUNT, LocalAws
from items_api.provision.policies import TABLE_ACTIONS, table_access_policy
from items_api.provision.stack import Stack
from items_api.settings import Arns, Settings
from items_api.smoke.curl import Connection, Request
from tests.export.conftest import existing_stack

SETTINGS = Settings(name="role-test")
# Action -> the request that needs it. The two log actions cannot be tested here, because the local AWS writes log lines
# without them; AWS's own AWSLambdaBasicExecutionRole has them too.
NEEDS = {
    "dynamodb:PutItem": ("POST", "/items", '{"itemId":"1"}'),
    "dynamodb:GetItem": ("GET", "/items/1", None),
    "dynamodb:Scan": ("GET", "/items", None),
    "dynamodb:DeleteItem": ("DELETE", "/items/1", None),
}


@pytest.fixture(scope="module")
def stack(local_aws: LocalAws) -> Iterator[Stack]:
    with existing_stack(local_aws, SETTINGS) as stack:
        yield stack


@pytest.mark.parametrize("removed", [*TABLE_ACTIONS, None])
def test_without_an_action_only_the_request_that_needs_it_fails(stack: Stack, removed: str | None) -> None:
    """And with all of them, every request succeeds."""
    document = table_access_policy(Arns(SETTINGS, ACCOUNT))
    for statement in document["Statement"]:
        statement["Action"] = [action for action in statement["Action"] if action != removed]
    stack.aws.iam.put_role_policy(
        RoleName=SETTINGS.role_name, PolicyName=SETTINGS.policy_name, PolicyDocument=json.dumps(document)
    )
    assert stack.endpoint
    with closing(Connection(stack.endpoint)) as send:
        statuses = {
            action: send(Request(method, f"{stack.endpoint}{path}", (), body)).status
            for action, (method, path, body) in NEEDS.items()
        }
    assert {action: status for action, status in statuses.items() if status >= 500} == (
        {removed: 500} if removed else {}
    )
    assert removed or [*statuses.values()] == [201, 200, 200, 204]
