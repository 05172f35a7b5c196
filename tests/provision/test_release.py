"""Only a version that works goes live, in one call, and the version before it can come back."""

import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
from botocore.response import StreamingBody

from items_api import __version__
from items_api.errors import CannotRollBack, ChangedMeanwhile
from items_api.provision.bundle import code_sha256
from items_api.settings import Settings
from tests.aws import Account, Delays, ErrorResponse, Fault, ProcessKilled, ProcessSession
from tests.provision.drive import changes, errors, finish, new_process, states, up, weakenings
from tests.provision.manual_changes import EMPTY_ZIP, FUNCTION, api_id, recreate_role

BIG, BIGGER = Settings(memory=512), Settings(memory=1024)
STORAGE = ErrorResponse("CodeStorageExceededException", "Code storage limit exceeded.")


def alias() -> tuple[str, str]:
    """The version that is live, and the description of the alias."""
    found = boto3.client("lambda").get_alias(FunctionName=FUNCTION, Name="live")
    return found["FunctionVersion"], found["Description"]


def versions() -> list[str]:
    listed = boto3.client("lambda").list_versions_by_function(FunctionName=FUNCTION)["Versions"]
    return [version["Version"] for version in listed if version["Version"] != "$LATEST"]


def released(account: Account, *memory: int) -> None:
    """One release after the other."""
    for size in memory:
        assert errors(up(account, settings=Settings(memory=size))) == []
        account.rest()


def roll_back(account: Account, session: ProcessSession | None = None) -> None:
    stack = new_process(account, session)
    stack.look()
    stack.roll_back()


@contextmanager
def answering(session: ProcessSession, payload: object, **response: str) -> Iterator[None]:
    """Every invocation returns this."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()

    def change(parsed: dict[str, Any], model: Any, **_: Any) -> None:
        if model.name == "Invoke" and "Payload" in parsed:
            parsed.update(response, Payload=StreamingBody(io.BytesIO(body), len(body)))

    events = session.client("lambda").meta.events
    events.register_last("after-call", change)  # after moto and its layers
    yield
    events.unregister("after-call", change)


def test_the_api_calls_the_alias_and_may_invoke_nothing_else(deployed: Account) -> None:
    lambda_, gateway = boto3.client("lambda"), boto3.client("apigatewayv2")
    arn = f"arn:aws:lambda:us-east-1:123456789012:function:{FUNCTION}"
    assert gateway.get_integrations(ApiId=api_id())["Items"][0]["IntegrationUri"] == f"{arn}:live"
    policy = json.loads(lambda_.get_policy(FunctionName=FUNCTION, Qualifier="live")["Policy"])
    assert [(s["Sid"], s["Resource"]) for s in policy["Statement"]] == [("apigw", f"{arn}:live")]
    with pytest.raises(lambda_.exceptions.ResourceNotFoundException):
        lambda_.get_policy(FunctionName=FUNCTION)


def test_a_version_says_what_it_was_made_from_and_the_alias_what_was_live_before(deployed: Account) -> None:
    assert alias() == ("1", "previous version: none")
    released(deployed, 512, 1024)
    assert alias() == ("3", "previous version: 2")
    for number in versions():
        found = boto3.client("lambda").get_function(FunctionName=FUNCTION, Qualifier=number)["Configuration"]
        assert found["Description"] == f"code {code_sha256('Items')}, items-api {__version__}"


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


@pytest.mark.parametrize(
    ("payload", "response", "said"),
    [
        (
            {"errorType": "Runtime.ImportModuleError", "errorMessage": "No module named 'x'"},
            {"FunctionError": "Unhandled"},
            "failed: Runtime.ImportModuleError: No module named 'x'.",
        ),
        (
            {"errorType": "Sandbox.Timedout", "errorMessage": "RequestId: 1 Error: Task timed out after 3.00 seconds"},
            {"FunctionError": "Unhandled"},
            "failed: Sandbox.Timedout: RequestId: 1 Error: Task timed out after 3.00 seconds.",
        ),
        ("crashed", {"FunctionError": "Unhandled"}, "failed: unknown error."),
        ({"statusCode": 502}, {}, "returned 502 instead of 200."),
        (["secret"], {}, "returned no HTTP status."),
        ({"items": ["secret"]}, {}, "returned no HTTP status."),
        (None, {}, "returned no HTTP status."),
        (b"<html>secret", {}, "returned something other than JSON."),
    ],
)
def test_a_version_that_does_not_work_never_goes_live(
    deployed: Account, payload: object, response: dict[str, str], said: str
) -> None:
    """One wrong answer is enough, and is not repeated. It may contain an item, so it is not shown."""
    before, session = alias(), deployed.session()
    with answering(session, payload, **response):
        outcomes = up(deployed, session, BIG)
    assert alias() == before
    error = outcomes["release"].error
    assert error
    assert (error.what, error.why) == (
        "Version 2 of the Lambda function items-api failed its check. It is not live.",
        f"GET /items?limit=1 {said}",
    )
    assert "secret" not in str(error)
    assert session.process.counts["lambda.Invoke"] == 1


def test_after_a_failed_check_of_the_first_version_the_next_up_finishes_the_job(account: Account) -> None:
    session = account.session()
    with answering(session, {"statusCode": 500}):
        outcomes = up(account, session)
    assert (outcomes["release"].change, outcomes["invoke permission"].change) == ("failed", "skipped")
    account.rest()
    assert errors(up(account)) == []
    account.rest()
    assert set(states(account).values()) == {"ok"}
    assert versions() == ["1"]


@pytest.mark.parametrize("effective", [30.0, 59.0])
def test_the_check_waits_for_the_roles_policy_to_take_effect(account: Account, effective: float) -> None:
    account.delays = Delays(role_policy_effective=effective)
    assert errors(up(account)) == []


def test_a_policy_that_does_not_take_effect_within_a_minute_is_an_error(account: Account) -> None:
    account.delays = Delays(role_policy_effective=1000.0)
    before = account.clock.now()
    (error,) = errors(up(account))
    assert "GET /items?limit=1 returned 500 instead of 200 (AccessDeniedException)." in error
    assert "Find out what denies access" in error
    assert 60 < account.clock.now() - before < 90


def test_without_the_check_nothing_is_invoked(account: Account) -> None:
    stack = new_process(account)
    stack.look()
    stack.release.checks = False
    finish(stack.up())
    assert account.journal.of("lambda.Invoke") == []
    assert alias()[0] == "1"


@pytest.mark.parametrize("checks", [True, False])
def test_a_version_goes_live_only_when_it_is_active(deployed: Account, *, checks: bool) -> None:
    deployed.delays = Delays(version_pending=3.0)
    seen: list[str] = []

    def note_state() -> None:
        found = boto3.client("lambda").get_function(FunctionName=FUNCTION, Qualifier="2")
        seen.append(found["Configuration"]["State"])

    session = deployed.session()
    session.faults.at("lambda.UpdateAlias", 1, note_state)
    stack = new_process(deployed, session, BIG)
    stack.look()
    stack.release.checks = checks
    finish(stack.up())
    assert (seen, alias()[0]) == (["Active"], "2")


def test_a_repair_of_the_alias_alone_keeps_the_previous_version(deployed: Account) -> None:
    released(deployed, 512)
    boto3.client("lambda").update_alias(
        FunctionName=FUNCTION, Name="live", RoutingConfig={"AdditionalVersionWeights": {"1": 0.5}}
    )
    assert up(deployed, settings=BIG)["release"].change == "updated"
    assert alias() == ("2", "previous version: 1")


def test_a_version_with_the_credentials_of_a_deleted_role_is_replaced(deployed: Account) -> None:
    """Also if the `up` that repaired the function did not come to release it."""
    recreate_role(deployed)
    deployed.rest()
    session = deployed.session()
    session.faults.at("lambda.PublishVersion", 1, Fault.KILLED_BEFORE)
    with pytest.raises(ProcessKilled):
        up(deployed, session)
    deployed.rest()
    found = states(deployed)
    assert (found["Lambda function"], found["release"]) == ("ok", "drifted")
    assert errors(up(deployed)) == []
    assert alias() == ("2", "previous version: 1")
    assert set(states(deployed).values()) == {"ok"}


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


def test_the_five_newest_versions_are_kept_and_those_that_the_alias_names(deployed: Account) -> None:
    released(deployed, 300, 301, 302, 303, 304)
    assert versions() == ["2", "3", "4", "5", "6"]
    boto3.client("lambda").update_alias(
        FunctionName=FUNCTION, Name="live", FunctionVersion="2", Description="previous version: 3"
    )
    released(deployed, 305)
    assert alias() == ("7", "previous version: 2")
    assert versions() == ["2", "3", "4", "5", "6", "7"]
    released(deployed, 306)
    assert versions() == ["4", "5", "6", "7", "8"]


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


@pytest.mark.parametrize("operation", ["lambda.CreateFunction", "lambda.PublishVersion", "lambda.UpdateFunctionCode"])
def test_a_full_code_storage_is_a_quota(account: Account, operation: str) -> None:
    if operation == "lambda.UpdateFunctionCode":
        assert errors(up(account)) == []
        account.rest()
        boto3.client("lambda").update_function_code(FunctionName=FUNCTION, ZipFile=EMPTY_ZIP)
        account.rest()
    session = account.session()
    session.faults.at(operation, 1, STORAGE)
    [error] = errors(up(account, session))
    assert "CodeStorageExceededException" in error
    assert "The account has reached a quota" in error
