"""The blueprint of the exports is what `up` really sends."""

from __future__ import annotations

from contextlib import closing

import boto3
from moto import mock_aws

from items_api.export.blueprint import Call, Ids, calls
from tests.aws import MOTO, NO_DELAYS
from tests.aws import Account as AwsAccount
from tests.export.recording import ACCOUNT, SETTINGS, stack_on_moto


def test_the_calls_are_those_that_up_makes_in_an_empty_account() -> None:
    with mock_aws(config=MOTO), AwsAccount(delays=NO_DELAYS) as account:
        sent: list[Call] = []
        stack = stack_on_moto(account, watch=lambda *call: sent.append(Call(*call)))
        stack.look()
        with closing(stack.up()) as events:
            list(events)
        expected = calls(SETTINGS, _ids())
    assert sorted(map(repr, sent)) == sorted(map(repr, expected.values()))


def _ids() -> Ids:
    gateway = boto3.client("apigatewayv2")
    api = gateway.get_apis()["Items"][0]["ApiId"]
    return Ids(
        account=ACCOUNT,
        role=boto3.client("iam").get_role(RoleName=SETTINGS.role_name)["Role"]["RoleId"],
        api=api,
        integration=gateway.get_integrations(ApiId=api)["Items"][0]["IntegrationId"],
    )
