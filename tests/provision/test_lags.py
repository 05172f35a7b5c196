"""AWS contradicts itself for seconds after a create, a delete or a change of tags: no command is misled by it."""

from collections.abc import Callable
from functools import partial

import boto3
import pytest

from items_api.settings import Settings
from tests.aws import SWALLOWED, Account, Fault, ProcessKilled, ProcessSession
from tests.provision.drive import changes, down, errors, states, up

# Before ListTagsOfResource finds a new table, while it lists nothing, and after that: see tests/aws/delays.py.
AFTER_CREATE = [0.6, 3.0, 5.4, 5.6, 6.0, 6.4, 8.0]
# While the tags of a table that is being deleted are still listed, and when they are gone.
AFTER_DELETE = [0.1, 1.5, 1.7, 4.0, 5.9, 6.1]


def killed(account: Account, operation: str, command: Callable[[Account, ProcessSession], object]) -> None:
    """The command is killed by the first call of this operation, which takes effect."""
    session = account.session()
    session.faults.at(operation, 1, Fault.KILLED_AFTER)
    with pytest.raises(ProcessKilled):
        command(account, session)


@pytest.fixture(params=AFTER_CREATE)
def creating(request: pytest.FixtureRequest, account: Account) -> Account:
    """An account some seconds after an `up` was killed by its CreateTable."""
    killed(account, "dynamodb.CreateTable", up)
    account.clock.advance(request.param)
    return account


@pytest.fixture(params=AFTER_DELETE)
def deleting(request: pytest.FixtureRequest, account: Account) -> Account:
    """An account some seconds after a `down` was killed by its DeleteTable."""
    assert errors(up(account)) == []
    killed(account, "dynamodb.DeleteTable", down)
    account.clock.advance(request.param)
    return account


def test_down_deletes_a_table_that_is_being_created(creating: Account) -> None:
    outcomes, left = down(creating)
    assert (errors(outcomes), left, creating.leftovers()) == ([], [], [])
    assert outcomes["DynamoDB table"].change == "deleted"


def test_up_completes_a_table_that_is_being_created(creating: Account) -> None:
    assert errors(up(creating)) == []
    assert set(states(creating).values()) == {"ok"}


def test_status_recognizes_a_table_that_is_being_created(creating: Account) -> None:
    assert states(creating)["DynamoDB table"] in ("drifted", "ok")


def test_up_waits_for_the_old_table_to_be_deleted(deleting: Account) -> None:
    outcomes = up(deleting)
    assert (errors(outcomes), outcomes["DynamoDB table"].change) == ([], "created")
    deleting.rest()
    assert set(states(deleting).values()) == {"ok"}


def test_down_waits_for_a_table_that_is_being_deleted(deleting: Account) -> None:
    outcomes, left = down(deleting)
    assert (errors(outcomes), left) == ([], [])
    with pytest.raises(boto3.client("dynamodb").exceptions.ResourceNotFoundException):
        boto3.client("dynamodb").describe_table(TableName="Items")


def test_status_does_not_report_a_table_that_is_being_deleted_as_foreign(deleting: Account) -> None:
    assert states(deleting)["DynamoDB table"] in ("drifted", "missing")


def test_up_changes_tags_twice_in_a_row(account: Account) -> None:
    assert errors(up(account)) == []
    for team in ("web", "api"):
        outcomes = up(account, settings=Settings(tags={"team": team}))
        assert (errors(outcomes), changes(outcomes)) == ([], {"updated", "unchanged"})


def test_down_right_after_a_change_of_tags_deletes_the_table(account: Account) -> None:
    up(account)
    killed(account, "dynamodb.TagResource", partial(up, settings=Settings(tags={"team": "web"})))
    outcomes, left = down(account)
    assert (errors(outcomes), left, account.leftovers()) == ([], [], [])


@pytest.mark.parametrize(
    "operation",
    [
        *("dynamodb.DeleteTable", "iam.DeleteRole", "iam.DeleteRolePolicy", "logs.DeleteLogGroup"),
        *("lambda.DeleteFunction", "lambda.RemovePermission", "apigatewayv2.DeleteApi"),
    ],
)
def test_down_repeats_a_delete_that_never_reached_aws(account: Account, operation: str) -> None:
    up(account)
    session = account.session()
    session.faults.at(operation, 1, SWALLOWED)
    before = account.clock.now()
    outcomes, left = down(account, session)
    assert (errors(outcomes), left, account.leftovers()) == ([], [], [])
    assert len(account.journal.of(operation)) > 1
    assert account.clock.now() - before < 60 + 60  # `leftovers` rests for 60
