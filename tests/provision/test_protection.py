"""`--protect`: deletion protection and point-in-time recovery of the table."""

from typing import Any

import boto3
import pytest

from items_api.errors import Protected
from items_api.settings import Settings
from tests.aws import Account
from tests.provision.drive import changes, down, errors, new_process, states, up, weakenings

PROTECTED = Settings(protect=True)


def protection() -> tuple[bool, str]:
    dynamodb = boto3.client("dynamodb")
    table = dynamodb.describe_table(TableName="Items")["Table"]
    backups: Any = dynamodb.describe_continuous_backups(TableName="Items")["ContinuousBackupsDescription"]
    return table["DeletionProtectionEnabled"], backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"]


def test_a_protected_stack_has_both_from_the_beginning(account: Account) -> None:
    assert errors(up(account, settings=PROTECTED)) == []
    [create] = account.journal.of("dynamodb.CreateTable")
    assert create.parameters["DeletionProtectionEnabled"] is True
    assert account.journal.of("dynamodb.UpdateContinuousBackups")[-1].parameters[
        "PointInTimeRecoverySpecification"
    ] == {
        "PointInTimeRecoveryEnabled": True,
        "RecoveryPeriodInDays": 35,
    }
    assert protection() == (True, "ENABLED")
    assert changes(up(account, settings=PROTECTED)) == {"unchanged"}


def test_an_existing_stack_can_be_protected_and_unprotected(deployed: Account) -> None:
    assert protection() == (False, "DISABLED")
    assert errors(up(deployed, settings=PROTECTED)) == []
    assert protection() == (True, "ENABLED")
    deployed.rest()
    assert errors(up(deployed)) == []
    assert protection() == (False, "DISABLED")
    deployed.rest()
    assert set(states(deployed).values()) == {"ok"}


@pytest.mark.parametrize("what", ["deletion protection", "point-in-time recovery"])
def test_each_of_the_two_is_drift(deployed: Account, what: str) -> None:
    up(deployed, settings=PROTECTED)
    deployed.rest()
    dynamodb = boto3.client("dynamodb")
    if what == "deletion protection":
        dynamodb.update_table(TableName="Items", DeletionProtectionEnabled=False)
    else:
        off: Any = {"PointInTimeRecoveryEnabled": False}
        dynamodb.update_continuous_backups(TableName="Items", PointInTimeRecoverySpecification=off)
    deployed.rest()
    outcomes = up(deployed, settings=PROTECTED)
    assert [d.field for d in outcomes["DynamoDB table"].drift if d.field != "remembered.protect"] == [what]
    assert protection() == (True, "ENABLED")


def test_turning_it_off_is_a_weakening(deployed: Account) -> None:
    up(deployed, settings=PROTECTED)
    deployed.rest()
    stack = new_process(deployed)
    stack.look()
    assert weakenings(stack) == ["turn off the deletion protection and point-in-time recovery of the table Items"]
    assert [weakening.option for weakening in stack.weakenings()] == ["protect"]


@pytest.mark.parametrize("by_hand", [True, False])
def test_down_deletes_nothing_of_a_protected_stack(account: Account, *, by_hand: bool) -> None:
    up(account, settings=Settings() if by_hand else PROTECTED)
    account.rest()
    if by_hand:
        boto3.client("dynamodb").update_table(TableName="Items", DeletionProtectionEnabled=True)
        account.rest()
    account.journal.clear()
    with pytest.raises(Protected, match=r"^The table Items is protected against deletion\. Nothing was deleted\."):
        down(account)
    assert account.journal.writes() == []


def test_down_can_keep_a_protected_table(deployed: Account) -> None:
    up(deployed, settings=PROTECTED)
    deployed.rest()
    outcomes, left = down(deployed, keep=lambda: "kept")
    assert (errors(outcomes), left) == ([], [])
    assert deployed.leftovers() == ["AWS::DynamoDB::Table us-east-1 Items"]
