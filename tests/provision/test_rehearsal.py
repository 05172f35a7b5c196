"""`up --dry-run --explain`: the writes that it shows are those that `up` then sends."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import boto3
import pytest

from items_api.aws.client import Aws
from items_api.provision.stack import Stack
from items_api.settings import Settings
from tests.aws import Account
from tests.export.recording import SETTINGS, change_by_hand
from tests.provision.drive import ACCOUNT, down, errors, finish, up

Calls = list[tuple[str, str, Mapping[str, Any]]]


def nothing(_account: Account) -> None:
    """The stack does not exist."""


def matching(account: Account) -> None:
    up(account, settings=SETTINGS)


def changed(account: Account) -> None:
    up(account, settings=SETTINGS)
    change_by_hand(Aws(account.session(), clock=account.clock), SETTINGS)


def only_the_table(account: Account) -> None:
    up(account, settings=SETTINGS)
    account.rest()
    down(account, settings=SETTINGS, keep=lambda: "kept")


def sent(account: Account, watched: Calls, settings: Settings) -> Stack:
    stack = Stack(
        settings, Aws(account.session(), clock=account.clock, watch=lambda *call: watched.append(call)), ACCOUNT
    )
    stack.look()
    stack.plan()
    return stack


def comparable(calls: Calls, ids: Mapping[str, str]) -> list[str]:
    """The calls as text, sorted and without repetitions, with the IDs that AWS chose."""
    lines = {json.dumps(call, sort_keys=True, default=repr) for call in calls}
    # Other writes of the same `up` change them.
    lines = {re.sub(r'"RevisionId": "[^"]+", |, "RevisionId": "[^"]+"', "", line) for line in lines}
    for variable, value in ids.items():
        lines = {line.replace(variable, value) for line in lines}
    return sorted(lines)


def rehearsed_and_sent(account: Account, settings: Settings) -> tuple[Calls, list[str], list[str]]:
    """The writes of an `up`, and the same as text: as the rehearsal shows them and as `up` sends them."""
    account.rest()
    rehearsed: Calls = []
    real: Calls = []
    stack = sent(account, real, settings)
    account.journal.clear()
    stack.rehearse(lambda *call: rehearsed.append(call))
    assert account.journal.writes() == []  # a read of the stack's look may still be on its way
    finish(stack.up())
    assert errors({outcome.title: outcome for outcome in stack.results}) == []
    api = stack.api.found
    assert api
    integration = api.parts.integration
    assert integration
    version = boto3.client("lambda").get_alias(FunctionName="team-todo-api", Name="live")["FunctionVersion"]
    ids = {"$API_ID": api.api_id, "$INTEGRATION_ID": integration["IntegrationId"], "$VERSION": version}
    if api.parts.authorizer:
        ids["$AUTHORIZER_ID"] = api.parts.authorizer["AuthorizerId"]
    return real, comparable(rehearsed, ids), comparable(real, {})


@pytest.mark.parametrize("prepare", [nothing, matching, changed, only_the_table])
def test_the_writes_are_those_of_up(quick_account: Account, prepare: Callable[[Account], None]) -> None:
    prepare(quick_account)
    real, as_rehearsed, as_sent = rehearsed_and_sent(quick_account, SETTINGS)
    assert as_rehearsed == as_sent
    assert bool(real) == (prepare is not matching)


@pytest.mark.parametrize("auth", ["none", "iam", "jwt"])
def test_the_writes_of_an_authorization_are_those_of_up(quick_account: Account, auth: str) -> None:
    """A new stack, then one that had another authorization."""
    jwt = replace(SETTINGS, auth="jwt", jwt_issuer="https://id.example.com", jwt_audiences=("items",))
    settings = jwt if auth == "jwt" else replace(SETTINGS, auth=auth)
    for first in (None, SETTINGS if auth == "jwt" else jwt):
        if first:
            up(quick_account, settings=first)
        _, as_rehearsed, as_sent = rehearsed_and_sent(quick_account, settings)
        assert as_rehearsed == as_sent
        assert as_sent
