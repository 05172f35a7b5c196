"""Two commands at once, a lost CreateApi, Ctrl-C: always one stack or none, and never a second API."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress

import boto3
import pytest
from botocore.exceptions import ClientError

from items_api.aws.client import Aws
from items_api.errors import Problem
from items_api.provision.outcome import Progress
from items_api.provision.stack import Stack
from items_api.settings import Settings, from_texts
from tests.aws import Account, Delays, Fault, ProcessSession
from tests.provision.drive import changes, down, errors, finish, new_process, states, up


def apis() -> list[str]:
    return [api["ApiId"] for api in boto3.client("apigatewayv2").get_apis()["Items"]]


@pytest.mark.parametrize("fault", [Fault.CUT_AFTER, Fault.TIMED_OUT, Fault.FAILED_AFTER])
@pytest.mark.parametrize("lag", [0.0, 1.0])
def test_up_finds_the_api_after_a_lost_create_response(account: Account, fault: Fault, lag: float) -> None:
    account.delays = Delays(apis_listed=lag)
    session = account.session()
    session.faults.at("apigatewayv2.CreateApi", 1, fault)
    assert errors(up(account, session)) == []
    assert len(account.journal.of("apigatewayv2.CreateApi")) == len(apis()) == 1


@pytest.mark.parametrize("fault", [Fault.CUT_BEFORE, Fault.FAILED_BEFORE])
def test_up_looks_for_the_api_before_it_sends_a_failed_create_again(account: Account, fault: Fault) -> None:
    session = account.session()
    session.faults.at("apigatewayv2.CreateApi", 1, fault)
    assert errors(up(account, session)) == []
    calls = [call.operation for call in account.journal]
    first, second = (i for i, operation in enumerate(calls) if operation == "apigatewayv2.CreateApi")
    assert "apigatewayv2.GetApis" in calls[first:second]
    assert len(apis()) == 1


def test_up_removes_duplicate_apis_and_keeps_the_oldest(deployed: Account) -> None:
    oldest = apis()
    tags = boto3.client("apigatewayv2").get_apis()["Items"][0]["Tags"]
    for _ in range(3):
        boto3.client("apigatewayv2").create_api(Name="items-http-api", ProtocolType="HTTP", Tags=tags)
    assert states(deployed)["HTTP API"] == "drifted"
    assert errors(up(deployed)) == []
    assert apis() == oldest


def test_down_removes_duplicate_apis(deployed: Account) -> None:
    tags = boto3.client("apigatewayv2").get_apis()["Items"][0]["Tags"]
    boto3.client("apigatewayv2").create_api(Name="renamed", ProtocolType="HTTP", Tags=tags)
    down(deployed)
    assert deployed.leftovers() == []


def test_two_concurrent_ups_create_one_stack(account: Account) -> None:
    with ThreadPoolExecutor(2) as pool:
        ups = [pool.submit(up, account) for _ in range(2)]
        assert [errors(running.result(60)) for running in ups] == [[], []]
    account.rest()
    assert len(apis()) == 1
    assert set(states(account).values()) == {"ok"}
    assert changes(up(account)) == {"unchanged"}


def test_an_up_whose_api_another_one_has_deleted_uses_that_of_the_other(account: Account) -> None:
    """CreatedDate is in seconds, so of two APIs from the same second, each `up` may take its own for the oldest."""

    def other_up() -> None:
        boto3.client("apigatewayv2").delete_api(ApiId=apis()[0])
        assert errors(up(account)) == []

    session = account.session()
    session.faults.at("lambda.AddPermission", 1, other_up)
    stack = new_process(account, session)
    stack.look()
    stack.plan()
    finish(stack.up())
    assert [stack.api.found and stack.api.found.api_id] == apis()
    assert set(states(account).values()) == {"ok"}


@pytest.mark.parametrize(
    "operation",
    [
        *("apigatewayv2.CreateApi", "apigatewayv2.CreateIntegration", "apigatewayv2.CreateRoute"),
        *("apigatewayv2.CreateStage", "dynamodb.CreateTable", "iam.CreateRole", "iam.PutRolePolicy"),
        *("logs.CreateLogGroup", "lambda.CreateFunction", "lambda.AddPermission"),
        *("lambda.PublishVersion", "lambda.CreateAlias"),
    ],
)
def test_a_complete_up_between_two_calls_of_another_up_ends_in_one_stack(account: Account, operation: str) -> None:
    """The first up stops before a create call while the second one runs from beginning to end."""
    first = account.session("first")
    first.faults.at(operation, 1, lambda: errors(up(account, account.session("second"))))
    assert errors(up(account, first)) == []
    account.rest()
    assert len(apis()) == 1
    assert set(states(account).values()) == {"ok"}


@pytest.mark.parametrize(
    "operation",
    [
        *("apigatewayv2.CreateRoute", "apigatewayv2.CreateStage", "dynamodb.CreateTable", "iam.PutRolePolicy"),
        *("logs.PutRetentionPolicy", "lambda.CreateFunction", "lambda.AddPermission"),
        *("lambda.PublishVersion", "lambda.CreateAlias"),
    ],
)
def test_after_an_up_and_a_down_collide_the_next_command_finishes_the_job(account: Account, operation: str) -> None:
    first = account.session("first")
    first.faults.at(operation, 1, lambda: down(account, account.session("second")))
    said: list[str] = []
    try:
        said = errors(up(account, first))
    except Problem as problem:
        said = [str(problem)]
    account.rest()
    assert said or set(states(account).values()) == {"ok"} or errors(up(account)) == []
    down(account)
    assert account.leftovers() == []


def interrupt(account: Account, session: ProcessSession, after: int) -> set[str | None]:
    """Ctrl-C at the `after`-th event of an up: the changes that it then reports."""
    stack = new_process(account, session)
    stack.look()
    with closing(stack.up()) as events:
        for count, _ in enumerate(events, 1):
            if count == after:
                break
    return {outcome.change for outcome in stack.outcomes.values()}


@pytest.mark.parametrize("after", range(1, 18))
@pytest.mark.parametrize("command", [up, down])
def test_after_ctrl_c_at_any_point_the_next_up_or_down_finishes_the_job(
    account: Account, command: Callable[[Account], object], after: int
) -> None:
    interrupt(account, account.session(), after)
    account.rest(1.0)  # until the user types the next command
    command(account)
    account.rest()
    assert set(states(account).values()) == ({"ok"} if command is up else {"missing"})


def test_ctrl_c_stops_waiting_at_once_and_reports_unfinished_steps(account: Account) -> None:
    stack = new_process(account)
    stack.look()
    with closing(stack.up()) as events:
        for event in events:
            if isinstance(event, Progress) and event.waiting == "for Lambda to be able to assume the role":
                break
    by_title = {outcome.title: outcome for outcome in stack.outcomes.values()}
    assert by_title["IAM role"].change == "created"
    assert "Interrupted before this step could create or update the Lambda function" in str(
        by_title["Lambda function"].error
    )
    assert "invoke permission" not in by_title


def test_up_finds_its_new_api_by_id_while_the_list_lags(account: Account) -> None:
    account.delays = Delays(apis_listed=9.0)
    outcomes = up(account)
    assert (errors(outcomes), len(account.journal.of("apigatewayv2.CreateApi"))) == ([], 1)
    account.rest()
    assert set(states(account).values()) == {"ok"}


def test_up_recognizes_its_table_after_a_lost_create_response(account: Account) -> None:
    session = account.session()
    session.faults.at("dynamodb.CreateTable", 1, Fault.CUT_AFTER)
    assert errors(up(account, session)) == []


def test_up_reports_a_function_that_is_deleted_while_it_waits(account: Account) -> None:
    def delete() -> None:
        with suppress(ClientError):  # it does not exist
            boto3.client("lambda").delete_function(FunctionName="items-api")

    session = account.session()
    session.faults.at("lambda.GetFunction", 2, delete, times=99)  # the first one is before CreateFunction
    before = account.clock.now()
    said = errors(up(account, session))
    assert any("was deleted before it became Active" in text for text in said)
    assert account.clock.now() - before < 120


def test_a_running_up_keeps_the_settings_of_the_stack_while_its_table_is_deleted(account: Account) -> None:
    up(account, settings=Settings(memory=512))
    account.rest()

    def completed(remembered: Mapping[str, Sequence[str]]) -> Settings:
        return Settings(**from_texts(remembered))

    aws = Aws(account.session(), clock=account.clock)
    stack = Stack(Settings(), aws, aws.account_id(), completed)
    stack.look()
    boto3.client("dynamodb").delete_table(TableName="Items")
    account.rest()
    stack.look()
    assert stack.table.found is None
    assert stack.settings.memory == 512
