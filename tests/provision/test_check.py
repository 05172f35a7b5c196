"""A version that does not work never goes live."""

import pytest

from tests.aws import Account, Delays
from tests.provision.drive import errors, finish, new_process, states, up
from tests.provision.releases import BIG, alias, answering, versions


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
        "Version 2 of the Lambda function items-api failed its check. It is not live. Version 1 still is.",
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
