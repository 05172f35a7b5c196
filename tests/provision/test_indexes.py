"""Indexes are ready before the release that needs them is live, and are deleted only when none needs them any more."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from typing import Any

import boto3
import pytest

from items_api.provision.outcome import Progress
from items_api.provision.stack import Stack
from items_api.settings import Settings
from tests.aws import Account, Fault
from tests.provision.drive import ACCOUNT, changes, down, errors, finish, new_process, states, up, weakenings
from tests.provision.releases import alias, answering, roll_back

OWNER = Settings(indexes=("owner",))
BOTH = Settings(indexes=("owner", "status"))
STATUS = Settings(indexes=("status",))
NONE = Settings(given=frozenset({"indexes"}))
TABLE_ARN = f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/Items"


def indexes() -> dict[str, str]:
    """The status of each index."""
    table = boto3.client("dynamodb").describe_table(TableName="Items")["Table"]
    return {index["IndexName"]: index["IndexStatus"] for index in table.get("GlobalSecondaryIndexes", [])}


def queryable() -> list[str]:
    """The indexes that the role may query."""
    policy: Any = boto3.client("iam").get_role_policy(RoleName="items-api-role", PolicyName="items-table-access")
    statements = policy["PolicyDocument"]["Statement"]
    arns = [arn for s in statements if s["Action"] == ["dynamodb:Query"] for arn in s["Resource"]]
    return [arn.removeprefix(f"{TABLE_ARN}/index/") for arn in arns]


def index_request(attribute: str, **change: Any) -> dict[str, Any]:
    return {
        "TableName": "Items",
        "AttributeDefinitions": [{"AttributeName": attribute, "AttributeType": "S"}],
        "GlobalSecondaryIndexUpdates": [
            {
                "Create": {
                    "IndexName": f"{attribute}-index",
                    "KeySchema": [{"AttributeName": attribute, "KeyType": "HASH"}],
                    "Projection": {"ProjectionType": "ALL"},
                    **change,
                }
            }
        ],
    }


def seen_when_the_release_moves(account: Account, settings: Settings) -> tuple[dict[str, str], list[str]]:
    """The indexes, and those that the role may query, when `up` moves the alias."""
    seen = []
    session = account.session()
    session.faults.at("lambda.UpdateAlias", 1, lambda: seen.append((indexes(), queryable())))
    assert errors(up(account, session, settings)) == []
    return seen[0]


@pytest.fixture
def deployed(account: Account) -> Account:
    """A stack without indexes, and half an hour without changes."""
    up(account)
    account.rest(1800)
    return account


@pytest.fixture
def indexed(account: Account) -> Account:
    """A stack with the index on `owner`."""
    up(account, settings=OWNER)
    account.rest(1800)
    return account


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


def test_indexes_are_created_one_after_the_other(deployed: Account) -> None:
    assert errors(up(deployed, settings=BOTH)) == []
    assert indexes() == {"owner-index": "ACTIVE", "status-index": "ACTIVE"}
    assert [call.outcome for call in deployed.journal.of("dynamodb.UpdateTable")] == ["ok", "ok"]


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


def interrupted_while_backfilling(account: Account) -> None:
    """`up` until the index is being filled."""
    stack = new_process(account, settings=OWNER)
    stack.look()
    stack.plan()
    with closing(stack.up()) as events:
        next(event for event in events if isinstance(event, Progress) and "backfilling" in event.waiting)


def test_an_interrupted_up_leaves_the_old_release_live_and_the_next_one_continues(deployed: Account) -> None:
    interrupted_while_backfilling(deployed)
    assert (alias(), indexes()) == (("1", "previous version: none"), {"owner-index": "CREATING"})
    assert states(deployed, OWNER)["DynamoDB table"] == "drifted"
    assert errors(up(deployed, settings=OWNER)) == []
    assert (alias()[0], indexes()) == ("2", {"owner-index": "ACTIVE"})
    assert len(deployed.journal.of("dynamodb.UpdateTable")) == 1


def test_down_does_not_wait_for_an_index_that_is_being_filled(deployed: Account) -> None:
    interrupted_while_backfilling(deployed)
    before = deployed.clock.now()
    outcomes, left = down(deployed, settings=OWNER)
    assert (errors(outcomes), left, deployed.leftovers()) == ([], [], [])
    assert deployed.clock.now() - before < 120 + 60  # `leftovers` rests for 60


def test_an_index_that_is_no_longer_wanted_is_deleted_while_it_is_being_filled(deployed: Account) -> None:
    interrupted_while_backfilling(deployed)
    before = deployed.clock.now()
    assert errors(up(deployed, settings=NONE)) == []
    assert indexes() == {}
    assert deployed.clock.now() - before < 120


def test_another_index_does_not_wait_for_one_that_is_no_longer_wanted(deployed: Account) -> None:
    interrupted_while_backfilling(deployed)
    before = deployed.clock.now()
    assert errors(up(deployed, settings=replace(STATUS, protect=True))) == []
    assert indexes() == {"status-index": "ACTIVE"}
    assert 600 < deployed.clock.now() - before < 800


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


def test_a_table_that_is_deleted_while_its_index_is_being_filled_is_created_again(deployed: Account) -> None:
    stack = new_process(deployed, settings=OWNER)
    stack.look()
    stack.plan()
    with closing(stack.up()) as events:
        next(event for event in events if isinstance(event, Progress) and "backfilling" in event.waiting)
        boto3.client("dynamodb").update_table(
            TableName="Items", GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "owner-index"}}]
        )
        deployed.rest(10)
        boto3.client("dynamodb").delete_table(TableName="Items")
        list(events)
    assert errors({outcome.title: outcome for outcome in stack.results}) == []
    assert indexes() == {"owner-index": "ACTIVE"}


def test_an_index_on_the_same_attribute_with_another_type_is_deleted_first(deployed: Account) -> None:
    """An attribute has one type in all keys of a table."""
    request = index_request("owner", IndexName="by-owner")
    request["AttributeDefinitions"][0]["AttributeType"] = "N"
    boto3.client("dynamodb").update_table(**request)
    deployed.rest(1800)
    assert errors(up(deployed, settings=OWNER)) == []
    assert indexes() == {"owner-index": "ACTIVE"}
    assert {
        d["AttributeType"]
        for d in boto3.client("dynamodb").describe_table(TableName="Items")["Table"]["AttributeDefinitions"]
    } == {"S"}


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


def test_an_index_that_someone_added_is_drift_and_is_deleted(deployed: Account) -> None:
    boto3.client("dynamodb").update_table(**index_request("color"))
    deployed.rest(1800)
    stack = new_process(deployed)
    stack.look()
    drift = stack.table.compare(stack.table.owned) if stack.table.owned else ()
    assert [(d.field, d.have, d.want) for d in drift] == [("indexes.color-index", "color (S), ALL", None)]
    assert weakenings(stack)
    assert errors(up(deployed)) == []
    assert indexes() == {}


def test_an_index_with_another_projection_is_replaced(deployed: Account) -> None:
    boto3.client("dynamodb").update_table(**index_request("owner", Projection={"ProjectionType": "KEYS_ONLY"}))
    deployed.rest(1800)
    stack = new_process(deployed, settings=OWNER)
    stack.look()
    assert weakenings(stack)
    assert errors(up(deployed, settings=OWNER)) == []
    table = boto3.client("dynamodb").describe_table(TableName="Items")["Table"]
    assert [i["Projection"]["ProjectionType"] for i in table["GlobalSecondaryIndexes"]] == ["ALL"]


@pytest.mark.parametrize("wanted", [("color", "owner"), ("owner",)])
def test_another_index_that_is_being_created_is_waited_for(deployed: Account, wanted: tuple[str, ...]) -> None:
    """DynamoDB accepts one at a time."""
    boto3.client("dynamodb").update_table(**index_request("color"))
    deployed.rest(60)
    assert errors(up(deployed, settings=Settings(indexes=wanted))) == []
    assert indexes() == dict.fromkeys((f"{name}-index" for name in wanted), "ACTIVE")
    assert {call.outcome for call in deployed.journal.of("dynamodb.UpdateTable")} == {"ok"}


def test_two_ups_at_the_same_time_create_one_index(deployed: Account) -> None:
    sessions = [deployed.session(), deployed.session()]
    stacks = [new_process(deployed, session, OWNER) for session in sessions]
    for stack in stacks:
        stack.look()
        stack.plan()
    _run_together(deployed, stacks)
    assert [errors({o.title: o for o in stack.results}) for stack in stacks] == [[], []]
    assert indexes() == {"owner-index": "ACTIVE"}


def _run_together(account: Account, stacks: list[Stack]) -> None:
    with ThreadPoolExecutor(len(stacks)) as pool:
        for done in [pool.submit(finish, stack.up()) for stack in stacks]:
            done.result()


FAULTS = [Fault.THROTTLED, Fault.FAILED_BEFORE, Fault.FAILED_AFTER, Fault.CUT_BEFORE, Fault.CUT_AFTER, Fault.TIMED_OUT]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("settings", [BOTH, NONE])
def test_a_change_of_an_index_survives_a_lost_or_failed_request(
    indexed: Account, settings: Settings, fault: Fault
) -> None:
    session = indexed.session()
    session.faults.at("dynamodb.UpdateTable", 1, fault)
    assert errors(up(indexed, session, settings)) == []
    assert [*indexes()] == [*settings.index_names.values()]
    assert changes(up(indexed, settings=settings)) == {"unchanged"}


def test_protection_and_an_index_can_be_added_together(deployed: Account) -> None:
    assert errors(up(deployed, settings=replace(OWNER, protect=True))) == []
    assert set(states(deployed, replace(OWNER, protect=True)).values()) == {"ok"}


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
