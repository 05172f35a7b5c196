"""Indexes are ready before the release that needs them is live, and are deleted only when none needs them any more."""

from contextlib import closing

import boto3
import pytest

from items_api.provision.outcome import Progress
from items_api.provision.stack import Stack
from items_api.settings import Settings
from tests.aws import Account, Fault
from tests.provision.drive import changes, errors, new_process, up, weakenings
from tests.provision.indexing import (
    BOTH,
    NONE,
    OWNER,
    STATUS,
    index_request,
    indexes,
    interrupted_while_backfilling,
    queryable,
)
from tests.provision.releases import alias, answering, roll_back


def seen_when_the_release_moves(account: Account, settings: Settings) -> tuple[dict[str, str], list[str]]:
    """The indexes, and those that the role may query, when `up` moves the alias."""
    seen = []
    session = account.session()
    session.faults.at("lambda.UpdateAlias", 1, lambda: seen.append((indexes(), queryable())))
    assert errors(up(account, session, settings)) == []
    return seen[0]


def test_a_new_table_has_its_indexes_from_the_start(account: Account) -> None:
    assert errors(up(account, settings=BOTH)) == []
    assert indexes() == {"owner-index": "ACTIVE", "status-index": "ACTIVE"}
    assert queryable() == ["owner-index", "status-index"]
    assert account.journal.of("dynamodb.UpdateTable") == []
    account.rest()
    assert changes(up(account, settings=BOTH)) == {"unchanged"}


def test_an_index_is_active_before_the_release_that_needs_it_is_live(deployed: Account) -> None:
    before = deployed.clock.now()
    assert seen_when_the_release_moves(deployed, OWNER) == ({"owner-index": "ACTIVE"}, ["owner-index"])
    assert deployed.clock.now() - before > 600
    assert changes(up(deployed, settings=OWNER)) == {"unchanged"}


def test_progress_tells_what_dynamodb_does_and_for_how_long(deployed: Account) -> None:
    stack = new_process(deployed, settings=OWNER)
    stack.look()
    stack.plan()
    with closing(stack.up()) as events:
        waiting = [event.waiting for event in events if isinstance(event, Progress) and "index" in event.waiting]
    assert waiting[:2] == [
        "for the index owner-index to be created",
        "for the index owner-index to be created (owner-index is CREATING)",
    ]
    assert waiting[-1] == "for the index owner-index to be created (owner-index is backfilling, 10 min)"


def test_an_index_is_deleted_when_the_release_without_it_is_live(indexed: Account) -> None:
    seen, allowed = seen_when_the_release_moves(indexed, NONE)
    assert (seen, allowed) == ({"owner-index": "ACTIVE"}, ["owner-index"])
    assert (indexes(), queryable()) == ({}, [])
    assert changes(up(indexed, settings=NONE)) == {"unchanged"}


def test_a_replaced_index_is_there_until_the_new_one_is_used(indexed: Account) -> None:
    both = {"owner-index": "ACTIVE", "status-index": "ACTIVE"}
    assert seen_when_the_release_moves(indexed, STATUS) == (both, [*both])
    assert (indexes(), queryable()) == ({"status-index": "ACTIVE"}, ["status-index"])


def test_up_asks_before_it_deletes_an_index(indexed: Account) -> None:
    stack = new_process(indexed, settings=NONE)
    stack.look()
    assert weakenings(stack) == [
        "delete the index owner-index of the table Items, which callers and older versions may use"
    ]


def test_a_version_that_fails_its_check_leaves_the_index_and_its_permission(indexed: Account) -> None:
    session = indexed.session()
    with answering(session, {"statusCode": 500}):
        assert "failed its check" in errors(up(indexed, session, NONE))[0]
    assert (indexes(), queryable(), alias()) == (
        {"owner-index": "ACTIVE"},
        ["owner-index"],
        ("1", "previous version: none"),
    )
    assert errors(up(indexed, settings=NONE)) == []
    assert (indexes(), queryable()) == ({}, [])


def test_an_index_is_kept_if_a_rollback_needs_it_again(indexed: Account) -> None:
    """Someone rolls back right after the new release went live, and before the index is deleted."""
    session = indexed.session()
    session.faults.at("lambda.ListAliases", 2, lambda: roll_back(indexed))
    (error,) = errors(up(indexed, session, NONE))
    assert "was changed by someone else" in error
    assert (alias()[0], indexes(), queryable()) == ("1", {"owner-index": "ACTIVE"}, ["owner-index"])


def test_an_index_that_cannot_be_deleted_is_a_failure_of_the_table_alone(indexed: Account) -> None:
    session = indexed.session()
    session.faults.at("dynamodb.UpdateTable", 1, Fault.DENIED)
    outcomes = up(indexed, session, NONE)
    failed = {
        title: outcome.change for title, outcome in outcomes.items() if outcome.change not in ("unchanged", "updated")
    }
    assert failed == {"DynamoDB table": "failed", "IAM role": "skipped"}
    assert alias()[0] == "2"
    assert errors(up(indexed, settings=NONE)) == []
    assert (indexes(), queryable()) == ({}, [])


def rehearsed(stack: Stack) -> list[str]:
    """The writes to the table that a dry run shows."""
    calls: list[str] = []
    stack.look()
    stack.plan()
    stack.rehearse(
        lambda _service, operation, parameters: calls.append(
            f"{operation} {parameters.get('GlobalSecondaryIndexUpdates', '')}"
        )
    )
    return [call for call in calls if call.startswith("update_table")]


@pytest.mark.parametrize(
    ("settings", "kinds"), [(NONE, ["Delete"]), (STATUS, ["Create", "Delete"]), (BOTH, ["Create"]), (OWNER, [])]
)
def test_a_dry_run_shows_the_changes_of_indexes_that_up_sends(
    indexed: Account, settings: Settings, kinds: list[str]
) -> None:
    shown = rehearsed(new_process(indexed, settings=settings))
    assert [kind for call in shown for kind in ("Create", "Delete") if kind in call] == kinds
    indexed.journal.clear()
    up(indexed, settings=settings)
    sent = [call.parameters["GlobalSecondaryIndexUpdates"] for call in indexed.journal.of("dynamodb.UpdateTable")]
    assert [f"update_table {updates}" for updates in sent] == shown


def test_a_dry_run_shows_nothing_for_an_index_that_is_already_being_created(deployed: Account) -> None:
    interrupted_while_backfilling(deployed)
    assert rehearsed(new_process(deployed, settings=OWNER)) == []


def test_a_rollback_knows_which_indexes_the_previous_version_needs(indexed: Account) -> None:
    assert errors(up(indexed, settings=NONE)) == []
    stack = new_process(indexed, settings=NONE)
    stack.look()
    live, previous = stack.release.versions_to_swap()
    assert (stack.missing_indexes(live), stack.missing_indexes(previous)) == ([], ["owner"])
    boto3.client("dynamodb").update_table(**index_request("owner"))
    for seconds in (60, 1800):  # while it is being filled, and after that, because the role may not query it
        indexed.rest(seconds)
        stack.look()
        assert stack.missing_indexes(previous) == ["owner"]
    assert errors(up(indexed, settings=OWNER)) == []
    stack.look()
    assert stack.missing_indexes(previous) == []


def test_a_version_names_its_indexes_even_if_their_names_are_long(account: Account) -> None:
    attributes = tuple(f"{number}{'x' * 248}" for number in range(5))
    settings = Settings(indexes=attributes)
    assert errors(up(account, settings=settings)) == []
    stack = new_process(account, settings=settings)
    stack.look()
    assert stack.release.found
    assert stack.release.found.live
    assert len(stack.release.found.live.indexes) == 5
    assert stack.missing_indexes(stack.release.found.live) == []


@pytest.mark.parametrize("order", [("owner", "status"), ("status", "owner")])
def test_the_order_of_the_options_does_not_matter(account: Account, order: tuple[str, str]) -> None:
    assert errors(up(account, settings=BOTH)) == []
    account.rest()
    assert changes(up(account, settings=Settings(indexes=order))) == {"unchanged"}
