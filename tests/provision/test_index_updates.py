"""DynamoDB creates one index at a time and takes minutes for it. Whatever happens meanwhile, the stack ends as wanted."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import boto3
import pytest

from items_api.settings import Settings
from tests.aws import Account, Fault
from tests.provision.drive import changes, down, errors, finish, new_process, states, up, weakenings
from tests.provision.indexing import (
    BOTH,
    NONE,
    OWNER,
    STATUS,
    backfilling,
    index_request,
    indexes,
    interrupted_while_backfilling,
)
from tests.provision.releases import alias

FAULTS = [Fault.THROTTLED, Fault.FAILED_BEFORE, Fault.FAILED_AFTER, Fault.CUT_BEFORE, Fault.CUT_AFTER, Fault.TIMED_OUT]


def test_indexes_are_created_one_after_the_other(deployed: Account) -> None:
    assert errors(up(deployed, settings=BOTH)) == []
    assert indexes() == {"owner-index": "ACTIVE", "status-index": "ACTIVE"}
    assert [call.outcome for call in deployed.journal.of("dynamodb.UpdateTable")] == ["ok", "ok"]


def test_protection_and_an_index_can_be_added_together(deployed: Account) -> None:
    assert errors(up(deployed, settings=replace(OWNER, protect=True))) == []
    assert set(states(deployed, replace(OWNER, protect=True)).values()) == {"ok"}


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
    with ThreadPoolExecutor(len(stacks)) as pool:
        for done in [pool.submit(finish, stack.up()) for stack in stacks]:
            done.result()
    assert [errors({o.title: o for o in stack.results}) for stack in stacks] == [[], []]
    assert indexes() == {"owner-index": "ACTIVE"}


def test_a_table_that_is_deleted_while_its_index_is_being_filled_is_created_again(deployed: Account) -> None:
    with backfilling(deployed) as (stack, events):
        boto3.client("dynamodb").update_table(
            TableName="Items", GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "owner-index"}}]
        )
        deployed.rest(10)
        boto3.client("dynamodb").delete_table(TableName="Items")
        list(events)
    assert errors({outcome.title: outcome for outcome in stack.results}) == []
    assert indexes() == {"owner-index": "ACTIVE"}


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
