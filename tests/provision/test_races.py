"""Two commands at once, a lost CreateApi, Ctrl-C: always one stack or none, and never a second API."""

from __future__ import annotations

import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from items_api.errors import Problem
from items_api.provision.step import Progress
from tests.aws_model import AwsWorld, Delays, Fault
from tests.provision.drive import changes, down, errors, new_process, states, up

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.aws_model import ModelSession


def apis(world: AwsWorld) -> list[str]:
    return [api["ApiId"] for api in world.boto("apigatewayv2").get_apis()["Items"]]


def side_by_side(*commands: Callable[[], object]) -> None:
    threads = [threading.Thread(target=command) for command in commands]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


@pytest.mark.parametrize("fault", [Fault.CUT_AFTER, Fault.NO_ANSWER, Fault.FAILED_AFTER])
@pytest.mark.parametrize("lag", [0.0, 1.0])
def test_an_api_whose_answer_was_lost_is_found_and_not_made_again(fault: Fault, lag: float) -> None:
    world = AwsWorld(delays=Delays(apis_listed=lag))
    session = world.session()
    session.faults.at("apigatewayv2.CreateApi", 1, fault)
    assert errors(up(world, session)) == []
    assert len(world.journal.of("apigatewayv2.CreateApi")) == 1
    assert len(apis(world)) == 1


@pytest.mark.parametrize("fault", [Fault.CUT_BEFORE, Fault.FAILED_BEFORE])
def test_an_api_that_was_not_made_is_made_after_a_look(aws_world: AwsWorld, fault: Fault) -> None:
    session = aws_world.session()
    session.faults.at("apigatewayv2.CreateApi", 1, fault)
    assert errors(up(aws_world, session)) == []
    calls = aws_world.journal.operations()
    first, second = (i for i, operation in enumerate(calls) if operation == "apigatewayv2.CreateApi")
    assert "apigatewayv2.GetApis" in calls[first:second]
    assert len(apis(aws_world)) == 1


def test_duplicates_that_carry_our_tags_are_removed_and_the_oldest_stays(aws_world: AwsWorld) -> None:
    up(aws_world)
    oldest = apis(aws_world)
    tags = aws_world.boto("apigatewayv2").get_apis()["Items"][0]["Tags"]
    for _ in range(3):
        aws_world.boto("apigatewayv2").create_api(Name="items-http-api", ProtocolType="HTTP", Tags=tags)
    assert states(aws_world)["HTTP API"] == "drifted"
    assert errors(up(aws_world)) == []
    assert apis(aws_world) == oldest


def test_down_removes_duplicates_too(aws_world: AwsWorld) -> None:
    up(aws_world)
    tags = aws_world.boto("apigatewayv2").get_apis()["Items"][0]["Tags"]
    aws_world.boto("apigatewayv2").create_api(Name="renamed", ProtocolType="HTTP", Tags=tags)
    down(aws_world)
    assert aws_world.leftovers() == []


def test_two_ups_at_once_converge_on_one_stack(aws_world: AwsWorld) -> None:
    results: list[list[str]] = []
    side_by_side(*[lambda: results.append(errors(up(aws_world)))] * 2)
    assert results == [[], []]
    aws_world.rest()
    assert len(apis(aws_world)) == 1
    assert set(states(aws_world).values()) == {"ok"}
    assert changes(up(aws_world)) == {"unchanged"}


@pytest.mark.parametrize(
    "operation",
    [
        "apigatewayv2.CreateApi",
        "apigatewayv2.CreateIntegration",
        "apigatewayv2.CreateRoute",
        "apigatewayv2.CreateStage",
        "dynamodb.CreateTable",
        "iam.CreateRole",
        "iam.PutRolePolicy",
        "logs.CreateLogGroup",
        "lambda.CreateFunction",
        "lambda.AddPermission",
    ],
)
def test_an_up_that_comes_between_any_two_calls_of_another_ends_in_one_stack(
    aws_world: AwsWorld, operation: str
) -> None:
    """The first stands still before a create while the second runs from beginning to end."""
    first = aws_world.session("first")
    aws_world.schedule.before(operation, lambda _: errors(up(aws_world, aws_world.session("second"))), process="first")
    assert errors(up(aws_world, first)) == []
    aws_world.rest()
    assert len(apis(aws_world)) == 1
    assert set(states(aws_world).values()) == {"ok"}


@pytest.mark.parametrize(
    "operation",
    [
        "apigatewayv2.CreateRoute",
        "apigatewayv2.CreateStage",
        "dynamodb.CreateTable",
        "iam.PutRolePolicy",
        "logs.PutRetentionPolicy",
        "lambda.CreateFunction",
        "lambda.AddPermission",
    ],
)
def test_an_up_meets_a_down_and_the_next_command_of_either_kind_finishes(aws_world: AwsWorld, operation: str) -> None:
    first = aws_world.session("first")
    aws_world.schedule.before(operation, lambda _: down(aws_world, aws_world.session("second")), process="first")
    said: list[str] = []
    try:
        said = errors(up(aws_world, first))
    except Problem as problem:
        said = [str(problem)]
    aws_world.rest()
    assert said or set(states(aws_world).values()) == {"ok"} or errors(up(aws_world)) == []
    down(aws_world)
    assert aws_world.leftovers() == []


def interrupt(world: AwsWorld, session: ModelSession, after: int) -> set[str | None]:
    """Ctrl-C at the `after`-th event of an up; what the outcomes then say."""
    stack = new_process(world, session)
    stack.look()
    with closing(stack.up()) as events:
        for count, _ in enumerate(events, 1):
            if count == after:
                break
    return {outcome.change for outcome in stack.outcomes.values()}


@pytest.mark.parametrize("after", range(1, 16))
def test_ctrl_c_anywhere_leaves_what_the_next_up_or_down_finishes(after: int) -> None:
    for command in (up, down):
        world = AwsWorld()
        interrupt(world, world.session(), after)
        world.rest(1.0)  # as long as a hand needs
        command(world)
        world.rest()
        assert set(states(world).values()) == ({"ok"} if command is up else {"missing"})


def test_ctrl_c_ends_waits_at_once_and_says_what_is_half_way(aws_world: AwsWorld) -> None:
    stack = new_process(aws_world)
    stack.look()
    with closing(stack.up()) as events:
        for event in events:
            if isinstance(event, Progress) and event.waiting == "until Lambda can assume the role":
                break
    by_title = {outcome.title: outcome for outcome in stack.outcomes.values()}
    assert by_title["IAM role"].change == "created"
    assert "Interrupted before the Lambda function" in str(by_title["Lambda function"].error)
    assert "invoke permission" not in by_title


def test_an_api_that_is_long_in_being_listed_is_known_by_its_id() -> None:
    world = AwsWorld(delays=Delays(apis_listed=9.0))
    outcomes = up(world)
    assert (errors(outcomes), len(world.journal.of("apigatewayv2.CreateApi"))) == ([], 1)
    world.rest()
    assert set(states(world).values()) == {"ok"}


def test_a_table_whose_answer_was_lost_is_ours_though_its_tags_lag() -> None:
    world = AwsWorld(delays=Delays(table_tags=2.0))
    session = world.session()
    session.faults.at("dynamodb.CreateTable", 1, Fault.CUT_AFTER)
    assert errors(up(world, session)) == []


def test_a_function_deleted_while_it_is_waited_for_is_said_to_be_gone(aws_world: AwsWorld) -> None:
    session = aws_world.session("first")
    aws_world.schedule.after(
        "lambda.CreateFunction",
        lambda call: aws_world.boto("lambda").delete_function(FunctionName="items-api") if call.outcome == "ok" else 0,
        process="first",
        nth=None,
    )
    before = aws_world.clock.now()
    said = errors(up(aws_world, session))
    assert any("vanished before it was Active" in text for text in said)
    assert aws_world.clock.now() - before < 120
