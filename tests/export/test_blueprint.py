"""The blueprint of the exports is what `up` really sends."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from items_api.export.blueprint import Call, Ids, calls
from tests.aws_model import NO_DELAYS, AwsWorld
from tests.export.recording import ACCOUNT, SETTINGS, stack_on_model


def test_the_calls_are_those_that_up_makes_in_an_empty_account() -> None:
    world = AwsWorld(delays=NO_DELAYS)
    sent: list[Call] = []
    stack = stack_on_model(world, watch=lambda *call: sent.append(Call(*call)))
    stack.look()
    with closing(stack.up()) as events:
        list(events)
    expected = calls(SETTINGS, _ids(world))
    assert sorted(map(repr, sent)) == sorted(map(repr, expected.values()))


def _ids(world: AwsWorld) -> Ids:
    gateway: Any = world.boto("apigatewayv2")
    api = gateway.get_apis()["Items"][0]["ApiId"]
    return Ids(
        account=ACCOUNT,
        role=world.boto("iam").get_role(RoleName=SETTINGS.role_name)["Role"]["RoleId"],
        api=api,
        integration=gateway.get_integrations(ApiId=api)["Items"][0]["IntegrationId"],
    )
