"""What Lambda says of a function besides its configuration: its state, its tags, and when it was last updated."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import repeat
from typing import Any

import boto3
import pytest

from items_api.errors import AccessDenied
from tests.aws import Account, ProcessSession
from tests.provision.drive import changes, errors, states, up
from tests.provision.manual_changes import recreate_role

THROTTLED = {"TagsError": {"ErrorCode": "ThrottlingException", "Message": "Rate exceeded"}}
DENIED = {"TagsError": {"ErrorCode": "AccessDeniedException", "Message": "not authorized to perform: lambda:ListTags"}}


@contextmanager
def answering(session: ProcessSession, answers: Iterator[dict[str, Any]]) -> Iterator[None]:
    """GetFunction responds with the next of the answers instead of the tags, or in its configuration."""

    def change(parsed: dict[str, Any], model: Any, **_: Any) -> None:
        if model.name == "GetFunction" and (answer := next(answers, None)):
            if "TagsError" in answer:
                del parsed["Tags"]
                parsed.update(answer)
            else:
                parsed["Configuration"].update(answer)

    events = session.client("lambda").meta.events
    events.register_last("after-call", change)  # after moto and its layers
    yield
    events.unregister("after-call", change)


def test_tags_that_lambda_cannot_read_for_a_moment_are_read_again(deployed: Account) -> None:
    session = deployed.session()
    with answering(session, repeat(THROTTLED, 3)):
        assert changes(up(deployed, session)) == {"unchanged"}


def test_tags_that_the_user_may_not_read_are_reported(deployed: Account) -> None:
    session = deployed.session()
    with answering(session, repeat(DENIED)), pytest.raises(AccessDenied, match=r"needs lambda:ListTags\."):
        up(deployed, session)


def test_a_function_that_is_being_deleted_is_created_again(deployed: Account) -> None:
    boto3.client("lambda").delete_function(FunctionName="items-api")
    assert states(deployed)["Lambda function"] == "drifted"
    outcomes = up(deployed)
    assert (errors(outcomes), outcomes["Lambda function"].change) == ([], "created")


@pytest.mark.parametrize("state", ["Deactivated", "ActiveNonInvocable"])
def test_a_state_that_an_update_cannot_change_is_reported(deployed: Account, state: str) -> None:
    session = deployed.session()
    with answering(session, repeat({"State": state})):
        [error] = errors(up(deployed, session))
    assert error.startswith(f"The Lambda function items-api did not become Active. It is {state}.")


def test_up_waits_while_a_function_is_being_deactivated(deployed: Account) -> None:
    session = deployed.session()
    with answering(session, repeat({"State": "Deactivating"}, 4)):
        assert errors(up(deployed, session)) == []


def test_the_function_has_no_environment_variables_and_no_tags_but_the_stacks(deployed: Account) -> None:
    """Variables would need a KMS grant, which breaks when the role is recreated."""
    answer = boto3.client("lambda").get_function(FunctionName="items-api")
    assert "Environment" not in answer["Configuration"]
    assert answer["Tags"].keys() == {"managed-by", "items-api:stack", "items-api:region"}


def test_a_recreated_role_is_drift_until_the_function_is_updated(deployed: Account) -> None:
    """Running environments keep the credentials of the deleted role."""
    recreate_role(deployed)
    deployed.rest()
    assert states(deployed)["Lambda function"] == "drifted"
    outcomes = up(deployed)
    assert [(d.field, d.have) for d in outcomes["Lambda function"].drift] == [
        ("role", "a deleted role of the same name")
    ]
    assert set(states(deployed).values()) == {"ok"}
