"""A new version goes live in one call, and the version before it can come back."""

import json
from collections.abc import Callable

import boto3
import pytest

from items_api.errors import CannotRollBack, ChangedMeanwhile
from tests.aws import Account, Fault
from tests.provision.drive import changes, errors, finish, new_process, states, up, weakenings
from tests.provision.manual_changes import EMPTY_ZIP, FUNCTION, api_id
from tests.provision.releases import BIG, BIGGER, alias, released, roll_back


def test_the_api_calls_the_alias_and_may_invoke_nothing_else(deployed: Account) -> None:
    lambda_, gateway = boto3.client("lambda"), boto3.client("apigatewayv2")
    arn = f"arn:aws:lambda:us-east-1:123456789012:function:{FUNCTION}"
    assert gateway.get_integrations(ApiId=api_id())["Items"][0]["IntegrationUri"] == f"{arn}:live"
    policy = json.loads(lambda_.get_policy(FunctionName=FUNCTION, Qualifier="live")["Policy"])
    assert [(s["Sid"], s["Resource"]) for s in policy["Statement"]] == [("apigw", f"{arn}:live")]
    with pytest.raises(lambda_.exceptions.ResourceNotFoundException):
        lambda_.get_policy(FunctionName=FUNCTION)


def test_the_alias_moves_in_one_call_after_three_requests_that_only_read(deployed: Account) -> None:
    deployed.journal.clear()
    up(deployed, settings=BIG)
    calls = [call for call in deployed.journal if call.service == "lambda"]
    publish = next(i for i, call in enumerate(calls) if call.operation == "lambda.PublishVersion")
    assert [call.operation for call in calls[publish:]][:5] == [
        "lambda.PublishVersion",
        *["lambda.Invoke"] * 3,
        "lambda.UpdateAlias",
    ]
    invoked = calls[publish + 1 : publish + 4]
    assert {call.parameters["Qualifier"] for call in invoked} == {"2"}
    events = [json.loads(call.parameters["Payload"]) for call in invoked]
    assert [(event["routeKey"], event.get("body")) for event in events] == [
        ("GET /items", None),
        ("GET /items/{id+}", None),
        ("POST /items", '{"itemId":'),
    ]


def test_a_repair_of_the_alias_alone_keeps_the_previous_version(deployed: Account) -> None:
    released(deployed, 512)
    boto3.client("lambda").update_alias(
        FunctionName=FUNCTION, Name="live", RoutingConfig={"AdditionalVersionWeights": {"1": 0.5}}
    )
    assert up(deployed, settings=BIG)["release"].change == "updated"
    assert alias() == ("2", "previous version: 1")


def test_a_rollback_swaps_both_versions_and_another_one_swaps_them_back(deployed: Account) -> None:
    released(deployed, 512)
    roll_back(deployed)
    assert alias() == ("1", "previous version: 2")
    roll_back(deployed)
    assert alias() == ("2", "previous version: 1")


def test_a_rollback_is_drift_until_an_up_that_asks_first(deployed: Account) -> None:
    released(deployed, 512)
    roll_back(deployed)
    stack = new_process(deployed, settings=BIG)
    [release] = [outcome for outcome in stack.look() if outcome.title == "release"]
    assert {d.field: (d.have, d.want) for d in release.drift} == {
        "memory": (256, 512),
        "rolled back from": ("version 2", None),
    }
    assert weakenings(stack) == ["release the code of version 2 again, which was rolled back"]
    finish(stack.up())
    assert alias() == ("2", "previous version: 1")
    assert changes(up(deployed, settings=BIG)) == {"unchanged"}


def test_other_code_than_what_was_rolled_back_is_released_without_a_question(deployed: Account) -> None:
    lambda_ = boto3.client("lambda")
    lambda_.update_function_code(FunctionName=FUNCTION, ZipFile=EMPTY_ZIP)
    deployed.rest()
    lambda_.publish_version(FunctionName=FUNCTION)
    lambda_.update_alias(FunctionName=FUNCTION, Name="live", FunctionVersion="2", Description="previous version: 1")
    roll_back(deployed)
    stack = new_process(deployed)
    stack.look()
    assert weakenings(stack) == []
    finish(stack.up())
    assert alias() == ("3", "previous version: 1")


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (lambda: None, "The release does not name a previous version."),
        (
            lambda: boto3.client("lambda").update_alias(FunctionName=FUNCTION, Name="live", Description="hotfix"),
            "The description of the alias live does not name a version: 'hotfix'.",
        ),
        (
            lambda: boto3.client("lambda").update_alias(
                FunctionName=FUNCTION, Name="live", Description="previous version: 9"
            ),
            "The release names version 9, which no longer exists.",
        ),
    ],
)
def test_a_rollback_never_guesses_and_lists_the_versions(
    deployed: Account, break_it: Callable[[], object], said: str
) -> None:
    break_it()
    stack = new_process(deployed)
    stack.look()
    before = alias()
    with pytest.raises(CannotRollBack) as raised:
        stack.roll_back()
    assert raised.value.why.startswith(f"{said} Versions: 1 (published 2025-01-01 00:00 UTC, code ")
    assert [version["version"] for version in raised.value.known["versions"]] == [1]
    assert alias() == before


def test_two_ups_with_other_settings_at_once_lose_no_swap(deployed: Account) -> None:
    """The second one releases while the first is about to. The first then starts from what the second has left."""
    session = deployed.session()
    session.faults.at("lambda.UpdateAlias", 1, lambda: released(deployed, 1024))
    assert errors(up(deployed, session, BIG)) == []
    number, description = alias()
    live, previous = (
        boto3.client("lambda").get_function(FunctionName=FUNCTION, Qualifier=version)["Configuration"]["MemorySize"]
        for version in (number, description.removeprefix("previous version: "))
    )
    assert (live, previous) == (512, 1024)
    deployed.rest()
    assert set(states(deployed, BIG).values()) == {"ok"}


def test_an_up_does_not_undo_a_rollback_that_it_did_not_ask_about(deployed: Account) -> None:
    released(deployed, 512)
    session = deployed.session()
    session.faults.at("lambda.UpdateAlias", 1, lambda: roll_back(deployed))
    (error,) = errors(up(deployed, session, BIGGER))
    assert error.startswith("The release live was changed by someone else at the same time.")
    assert alias() == ("1", "previous version: 2")


def test_a_rollback_does_not_undo_what_someone_else_has_just_released(deployed: Account) -> None:
    released(deployed, 512)
    session = deployed.session()
    session.faults.at("lambda.UpdateAlias", 1, lambda: released(deployed, 1024))
    with pytest.raises(ChangedMeanwhile):
        roll_back(deployed, session)
    assert alias() == ("3", "previous version: 2")


@pytest.mark.parametrize("fault", [Fault.CUT_AFTER, Fault.FAILED_AFTER, Fault.TIMED_OUT])
@pytest.mark.parametrize("operation", ["lambda.UpdateAlias", "lambda.PublishVersion"])
def test_a_lost_response_does_not_look_like_a_change_by_someone_else(
    deployed: Account, operation: str, fault: Fault
) -> None:
    session = deployed.session()
    session.faults.at(operation, 1, fault)
    outcomes = up(deployed, session, BIG)
    assert (errors(outcomes), outcomes["release"].change) == ([], "updated")
    assert alias() == ("2", "previous version: 1")
