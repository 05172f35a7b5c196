"""What is published, when it can go live, and which versions are kept."""

import boto3
import pytest

from items_api import __version__
from items_api.provision.bundle import code_sha256
from items_api.settings import Settings
from tests.aws import Account, Delays, ErrorResponse, Fault, ProcessKilled
from tests.provision.drive import errors, finish, new_process, states, up
from tests.provision.manual_changes import EMPTY_ZIP, FUNCTION, recreate_role
from tests.provision.releases import BIG, alias, released, versions

STORAGE = ErrorResponse("CodeStorageExceededException", "Code storage limit exceeded.")


def test_a_version_says_what_it_was_made_from_and_the_alias_what_was_live_before(deployed: Account) -> None:
    assert alias() == ("1", "previous version: none")
    released(deployed, 512, 1024)
    assert alias() == ("3", "previous version: 2")
    for number in versions():
        found = boto3.client("lambda").get_function(FunctionName=FUNCTION, Qualifier=number)["Configuration"]
        assert found["Description"] == f"code {code_sha256(Settings())}, items-api {__version__}"


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


@pytest.mark.parametrize(
    ("message", "is_error"),
    [
        ("Unable to delete version because the following aliases reference it: [live]", False),
        ("The role is not assumable.", True),
    ],
)
def test_an_old_version_that_another_up_has_made_live_again_is_left_alone(
    deployed: Account, message: str, *, is_error: bool
) -> None:
    released(deployed, 300, 301, 302, 303)
    session = deployed.session()
    session.faults.at("lambda.DeleteFunction", 1, ErrorResponse("ResourceConflictException", message, 409))
    assert bool(errors(up(deployed, session, BIG))) == is_error
    assert versions() == ["1", "2", "3", "4", "5", "6"]


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
