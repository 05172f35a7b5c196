"""Time, order and record: what makes a race happen on purpose, and shows afterwards that it did."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.config import Config

from tests.aws_model import NO_DELAYS, AwsWorld, Delays, Fault, VirtualClock
from tests.aws_model.requests import API, FUNCTION, ROLE

NEVER = threading.Event()


def test_an_hour_passes_while_everybody_sleeps() -> None:
    clock = VirtualClock()
    clock.gather(3)
    with ThreadPoolExecutor(3) as pool:
        for seconds in (3600, 60, 1):
            pool.submit(clock.sleep, seconds, NEVER)
    assert clock.now() == 3600


def test_nobody_wakes_before_the_deadline() -> None:
    clock = VirtualClock()

    def woken_at(seconds: float) -> float:
        clock.sleep(seconds, NEVER)
        return clock.now()

    clock.gather(3)
    with ThreadPoolExecutor(3) as pool:
        assert all(at >= seconds for at, seconds in zip(pool.map(woken_at, (3, 1, 2)), (3, 1, 2), strict=True))
    assert clock.now() == 3


def test_a_sleeper_who_is_told_to_stop_wakes_and_lets_no_time_pass() -> None:
    clock, stop = VirtualClock(), threading.Event()
    clock.gather(3)
    with ThreadPoolExecutor(2) as pool:
        stopped, sleeping = pool.submit(clock.sleep, 1000, stop), pool.submit(clock.sleep, 1, NEVER)
        stop.set()
        stopped.result()
        assert clock.now() == 0
        clock.gather(1)
        sleeping.result()
    assert clock.now() == 1


def test_calls_at_the_same_moment_take_the_time_of_one() -> None:
    world = AwsWorld(delays=Delays(latency=1))
    iam = world.session().client("iam")
    world.clock.gather(4)
    with ThreadPoolExecutor(4) as pool:
        for _ in range(4):
            pool.submit(iam.list_roles)
    assert (world.clock.now(), world.journal.depth(), world.journal.seconds()) == (1, 1, 1)
    iam.list_roles()
    assert (world.clock.now(), world.journal.depth(), world.journal.seconds()) == (2, 2, 2)


def test_a_call_waits_at_a_gate_until_it_is_opened(aws_world: AwsWorld) -> None:
    first, second = aws_world.session("first"), aws_world.session("second")
    gate = aws_world.schedule.pause_before("apigatewayv2.CreateApi", process="first")
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(first.client("apigatewayv2").create_api, **API)
        gate.wait_until_reached()
        older = second.client("apigatewayv2").create_api(**API)
        gate.open()
        assert held.result()["CreatedDate"] > older["CreatedDate"]


def test_one_process_can_be_held_until_another_has_done_something(aws_world: AwsWorld) -> None:
    aws_world.schedule.hold_until(("first", "iam.CreateRole"), ("second", "iam.CreateRole"))
    first, second = (aws_world.session(name).client("iam") for name in ("first", "second"))
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(first.create_role, **ROLE)
        second.create_role(**ROLE)
        with pytest.raises(first.exceptions.EntityAlreadyExistsException):
            held.result()


def test_something_foreign_can_appear_between_the_look_and_the_write(aws_world: AwsWorld) -> None:
    by_hand = aws_world.boto("iam")
    aws_world.schedule.before("iam.CreateRole", lambda call: by_hand.create_role(**ROLE))
    iam = aws_world.session().client("iam")
    with pytest.raises(iam.exceptions.EntityAlreadyExistsException):
        iam.create_role(**ROLE)


def test_the_journal_has_every_call_and_what_became_of_it() -> None:
    world = AwsWorld(delays=NO_DELAYS)
    session = world.session("one")
    session.faults.at("iam.CreateRole", 1, Fault.THROTTLED)
    iam = session.client("iam")
    with pytest.raises(iam.exceptions.ClientError):
        iam.create_role(**ROLE)
    iam.create_role(**ROLE)
    iam.get_role(RoleName="r")
    world.boto("iam").delete_role(RoleName="r")
    assert [(call.operation, call.nth, call.outcome) for call in world.journal] == [
        ("iam.CreateRole", 1, "Throttling"),
        ("iam.CreateRole", 2, "ok"),
        ("iam.GetRole", 1, "ok"),
    ]
    assert [call.operation for call in world.journal.writes("one")] == ["iam.CreateRole"] * 2


def test_the_journal_tells_the_rights_that_were_needed() -> None:
    world = AwsWorld(delays=NO_DELAYS)
    session = world.session()
    session.client("iam").create_role(**ROLE, Tags=[{"Key": "a", "Value": "b"}])
    session.client("lambda").create_function(**FUNCTION)
    api_id = session.client("apigatewayv2").create_api(**API)["ApiId"]
    session.client("apigatewayv2").get_routes(ApiId=api_id)
    assert [action for call in world.journal for action in call.actions] == [
        ("iam:CreateRole", "arn:aws:iam::123456789012:role/r"),
        ("iam:TagRole", "arn:aws:iam::123456789012:role/r"),
        ("lambda:CreateFunction", "arn:aws:lambda:us-east-1:123456789012:function:f"),
        ("iam:PassRole", "arn:aws:iam::123456789012:role/r"),
        ("apigateway:POST", "arn:aws:apigateway:us-east-1::/apis"),
        ("apigateway:GET", f"arn:aws:apigateway:us-east-1::/apis/{api_id}/routes"),
    ]


def test_a_snapshot_is_the_same_for_the_same_things_and_counts_every_api() -> None:
    first, second = AwsWorld(delays=NO_DELAYS), AwsWorld(delays=NO_DELAYS)
    second.boto("apigatewayv2").delete_api(ApiId=second.boto("apigatewayv2").create_api(**API)["ApiId"])
    for world in (first, second):
        world.rest(len(world.journal) + 1)
        world.boto("apigatewayv2").create_api(**API)
    assert first.snapshot() == second.snapshot()
    first.boto("apigatewayv2").create_api(**API)
    assert first.leftovers() == ["AWS::ApiGatewayV2::Api us-east-1 <api 1>", "AWS::ApiGatewayV2::Api us-east-1 <api 2>"]


def test_roles_are_one_for_all_regions_and_the_rest_is_not(aws_world: AwsWorld) -> None:
    aws_world.boto("iam", "eu-west-1").create_role(**ROLE)
    aws_world.boto("logs", "eu-west-1").create_log_group(logGroupName="/x")
    assert len(aws_world.boto("iam").list_roles()["Roles"]) == 1
    assert aws_world.boto("logs").describe_log_groups()["logGroups"] == []


def test_clients_with_botocores_own_retries_are_refused(aws_world: AwsWorld) -> None:
    with pytest.raises(AssertionError, match="without botocore's own retries"):
        aws_world.session().client("iam", config=Config(retries={"mode": "standard"}))


def test_an_operation_that_is_not_modelled_says_so(aws_world: AwsWorld) -> None:
    with pytest.raises(NotImplementedError, match=r"does not know iam.CreateUser"):
        aws_world.boto("iam").create_user(UserName="u")
