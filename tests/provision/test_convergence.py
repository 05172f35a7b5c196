"""`up` makes the stack match the settings, whatever was there before; a second `up` changes nothing."""

from collections.abc import Callable
from typing import Any

import boto3
import pytest
from moto import mock_aws

from items_api.provision.stack import STEPS
from items_api.settings import Settings
from tests.aws import AWS_RATES, MOTO, Account, ErrorResponse, Fault, VirtualClock
from tests.provision.drive import ACCOUNT, changes, down, errors, new_process, states, up
from tests.provision.manual_changes import FUNCTION, MANUAL_CHANGES, ROLE, delete_table, update_api


def test_the_steps_of_a_stack_are_in_the_order_of_the_tutorial(account: Account) -> None:
    assert tuple(type(step) for step in new_process(account).steps) == STEPS


def test_the_first_up_creates_everything_and_the_second_writes_nothing(account: Account) -> None:
    assert changes(up(account)) == {"created"}
    account.journal.clear()
    assert changes(up(account)) == {"unchanged"}
    assert account.journal.writes() == []


def test_the_second_down_reports_absent_and_writes_nothing(deployed: Account) -> None:
    """Nothing remains: the role does not allow a late log line to recreate the log group."""
    outcomes, left = down(deployed)
    assert (changes(outcomes), left, deployed.leftovers()) == ({"deleted"}, [], [])
    deployed.journal.clear()
    outcomes, left = down(deployed)
    assert (changes(outcomes), left) == ({"absent"}, [])
    assert deployed.journal.writes() == []


def test_a_plan_lists_each_difference_with_both_values_and_writes_nothing(deployed: Account) -> None:
    deployed.journal.clear()
    stack = new_process(deployed, settings=Settings(memory=512, throttle_rate=10, tags={"team": "web"}))
    stack.look()
    plan = list(stack.plan())
    assert {outcome.title: outcome.change for outcome in plan}["Lambda function"] == "updated"
    assert deployed.journal.writes() == []
    drift = {(o.title, d.field): (d.have, d.want) for o in plan for d in o.drift}
    assert drift == {
        ("DynamoDB table", "tags.team"): (None, "web"),
        ("DynamoDB table", "remembered.tag"): (None, ["team=web"]),
        ("DynamoDB table", "remembered.memory"): (None, "512"),
        ("DynamoDB table", "remembered.throttle-rate"): (None, "10"),
        ("IAM role", "tags.team"): (None, "web"),
        ("log group", "tags.team"): (None, "web"),
        ("Lambda function", "memory"): (256, 512),
        ("release", "memory"): (256, 512),
        ("Lambda function", "tags.team"): (None, "web"),
        ("HTTP API", "stage.throttle rate"): (100.0, 10.0),
        ("HTTP API", "stage.tags.team"): (None, "web"),
        ("HTTP API", "tags.team"): (None, "web"),
    }


@pytest.mark.parametrize(
    "settings",
    [
        Settings(memory=1024),
        Settings(timeout=29),
        Settings(log_retention=365),
        Settings(cors_origins=("https://a.example", "https://b.example")),
        Settings(throttle_rate=1, throttle_burst=1),
        Settings(tags={"team": "web"}),
        Settings(permissions_boundary="arn:aws:iam::123456789012:policy/boundary"),
    ],
    ids=["memory", "timeout", "log retention", "CORS", "throttle", "tags", "permissions boundary"],
)
def test_a_changed_setting_is_updated_in_place(deployed: Account, settings: Settings) -> None:
    assert "updated" in changes(up(deployed, settings=settings))
    assert changes(up(deployed, settings=settings)) == {"unchanged"}
    assert set(states(deployed, settings).values()) == {"ok"}


@pytest.mark.parametrize("change", MANUAL_CHANGES, ids=lambda change: change.__name__)
def test_up_detects_and_repairs_manual_changes(deployed: Account, change: Callable[[Account], Any]) -> None:
    before = deployed.snapshot()
    change(deployed)
    deployed.rest()
    assert set(states(deployed).values()) > {"ok"}, "the change was not detected"
    assert errors(up(deployed)) == []
    deployed.rest()
    assert deployed.snapshot() == before
    assert changes(up(deployed)) == {"unchanged"}


@pytest.mark.parametrize("change", MANUAL_CHANGES, ids=lambda change: change.__name__)
def test_down_removes_a_manually_changed_stack(deployed: Account, change: Callable[[Account], Any]) -> None:
    change(deployed)
    deployed.rest()
    outcomes, left = down(deployed)
    assert (errors(outcomes), left, deployed.leftovers()) == ([], [], [])


def test_added_cors_credentials_and_max_age_are_reset(deployed: Account) -> None:
    """API Gateway leaves an omitted field unchanged, so `up` sends them explicitly."""
    update_api(CorsConfiguration={"AllowOrigins": ["https://evil.example"], "AllowCredentials": True, "MaxAge": 600})
    assert up(deployed)["HTTP API"].change == "updated"
    cors = boto3.client("apigatewayv2").get_apis()["Items"][0]["CorsConfiguration"]
    assert (cors["AllowOrigins"], cors["AllowCredentials"], cors["MaxAge"]) == (["*"], False, 0)


def test_foreign_permission_statements_are_reported_and_kept(deployed: Account) -> None:
    boto3.client("lambda").add_permission(
        FunctionName=FUNCTION, StatementId="events", Action="lambda:InvokeFunction", Principal="events.amazonaws.com"
    )
    outcomes = up(deployed)
    assert changes(outcomes) == {"unchanged"}
    assert outcomes["invoke permission"].notes == ("statement events was not added by this tool",)
    assert "events" in boto3.client("lambda").get_policy(FunctionName=FUNCTION)["Policy"]


def test_what_aws_normalizes_is_not_drift(deployed: Account) -> None:
    """Lower-case CORS headers, AuthorizationType NONE, a changing deployment id, foreign tags."""
    update_api(
        CorsConfiguration={
            "AllowOrigins": ["*"],
            "AllowMethods": ["DELETE", "PATCH", "GET", "PUT", "POST"],
            "AllowHeaders": ["If-None-Match", "Content-Type", "If-Match"],
            "ExposeHeaders": ["Location", "ETag", "Link"],
        },
    )
    boto3.client("iam").tag_role(RoleName=ROLE, Tags=[{"Key": "cost-center", "Value": "7"}])
    assert set(states(deployed).values()) == {"ok"}


def test_down_keeps_the_table_on_request_and_the_next_up_reuses_it(deployed: Account) -> None:
    outcomes, left = down(deployed, keep=lambda: "kept")
    assert outcomes["DynamoDB table"].change == "skipped"
    assert (left, deployed.leftovers()) == ([], ["AWS::DynamoDB::Table us-east-1 Items"])
    outcomes = up(deployed)
    assert outcomes["DynamoDB table"].change == "unchanged"
    assert set(states(deployed).values()) == {"ok"}


def test_up_waits_for_a_table_that_is_being_deleted(deployed: Account) -> None:
    delete_table(deployed)
    outcomes = up(deployed)
    assert (errors(outcomes), outcomes["DynamoDB table"].change) == ([], "created")
    assert set(states(deployed).values()) == {"ok"}


@pytest.mark.parametrize("command", [states, up])
def test_reading_the_stack_takes_at_most_four_round_trips(command: Callable[[Account], object]) -> None:
    # With more pauses the clock is exact also on a busy computer.
    with mock_aws(config=MOTO), Account(clock=VirtualClock(pauses=60)) as account:
        up(account)
        account.rest()
        account.journal.clear()
        command(account)
        assert 0 < account.journal.depth() <= 4


def test_steps_that_depend_on_a_failed_step_are_skipped(account: Account) -> None:
    session = account.session()
    session.faults.at("iam.CreateRole", 1, Fault.DENIED)
    outcomes = up(account, session)
    assert [outcomes[title].change for title in ("IAM role", "Lambda function", "invoke permission")] == [
        "failed",
        "skipped",
        "skipped",
    ]
    assert {outcomes[title].change for title in ("DynamoDB table", "log group", "HTTP API")} == {"created"}
    assert "lambda" not in {call.service for call in account.journal.writes()}


def test_up_and_down_read_every_page_of_a_list() -> None:
    with mock_aws(config=MOTO), Account(page_size=1) as account:
        assert changes(up(account)) == {"created"}
        boto3.client("logs").create_log_group(logGroupName="/aws/lambda/items-api-0")
        boto3.client("apigatewayv2").create_api(Name="another", ProtocolType="HTTP")
        assert changes(up(account)) == {"unchanged"}
        down(account)
        assert len(account.leftovers()) == 2


def test_up_and_down_stay_within_the_rate_limits_of_aws() -> None:
    with mock_aws(config=MOTO), Account(rates=AWS_RATES) as account:
        assert changes(up(account)) == {"created"}
        outcomes, left = down(account)
        assert (errors(outcomes), left) == ([], [])


@pytest.mark.parametrize("operation", ["iam.CreateRole", "iam.PutRolePermissionsBoundary"])
def test_a_boundary_that_does_not_exist_is_an_error_at_once(account: Account, operation: str) -> None:
    """A role that has not appeared yet has the same error code."""
    arn = f"arn:aws:iam::{ACCOUNT}:policy/missing"
    if operation == "iam.PutRolePermissionsBoundary":
        up(account)
        account.rest()
    session = account.session()
    missing = ErrorResponse("NoSuchEntity", f"Scope ARN: {arn} does not exist or is not attachable.", 404)
    session.faults.at(operation, 1, missing, times=99)
    (error,) = errors(up(account, session, Settings(permissions_boundary=arn)))
    assert error.startswith(f"The permissions boundary {arn} does not exist.")
    assert session.process.counts[operation] == 1
