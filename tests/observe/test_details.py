"""What status tells besides the state: only of the stack's own resources, and nothing that is not known."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from items_api.observe.details import Details, details, details_json, details_lines
from items_api.observe.metrics import Metrics
from items_api.provision.stack import Stack
from items_api.provision.step import Found
from items_api.settings import Settings
from tests.observe.conftest import CloudWatch, aws_with
from tests.observe.test_metrics import NOW, START, result

if TYPE_CHECKING:
    from collections.abc import Iterator

OURS = Settings().owner_tags


def stack(cloudwatch: CloudWatch | None = None) -> Stack:
    """As after `look`: table, function and API are there, the role and the log group are not."""
    made = Stack(Settings(), aws_with(cloudwatch=cloudwatch or CloudWatch()), "123456789012")
    made.table.found = Found("arn", {}, OURS, ids={"items": 12, "bytes": 3400})
    made.function.found = Found("arn", {"memory": 256}, OURS, ids={"updated": "2026-11-23T10:24:52.296+0000"})
    made.api.found = Found("arn", {}, OURS, ids={"api": "a1b2c3", "endpoint": "https://x"})
    return made


def test_size_memory_and_last_update_come_from_what_look_saw() -> None:
    told = details(stack(), now=NOW)
    assert (told.items, told.size, told.memory) == (12, 3400, 256)
    assert told.updated == datetime(2026, 11, 23, 10, 24, 52, 296_000, tzinfo=UTC)


def test_links_are_those_of_what_is_there() -> None:
    assert list(details(stack(), now=NOW).links) == [
        "AWS::DynamoDB::Table",
        "AWS::Lambda::Function",
        "AWS::ApiGatewayV2::Api",
    ]


def test_without_a_console_there_are_no_links() -> None:
    assert details(stack(), console=False, now=NOW).links == {}


def test_what_is_not_the_stacks_own_is_not_told_of_and_not_asked_about() -> None:
    cloudwatch = CloudWatch([result("requests", {0: 1.0})])
    strange = stack(cloudwatch)
    for step in (strange.table, strange.function, strange.api):
        assert step.found
        step.found = replace(step.found, tags={})
    assert details(strange, now=NOW) == Details()
    assert cloudwatch.requests == []


def test_metrics_are_those_of_the_stacks_api() -> None:
    cloudwatch = CloudWatch([result("requests", {0: 1.0})])
    assert details(stack(cloudwatch), now=NOW).metrics == Metrics(START, requests=(1.0, *[0.0] * 23))


@pytest.mark.parametrize("updated", [None, "", "yesterday"])
def test_an_update_time_that_can_not_be_read_is_left_out(updated: str | None) -> None:
    odd = stack()
    odd.function.found = Found("arn", {"memory": 256}, OURS, ids={"updated": updated})
    told = details(odd, now=NOW)
    assert told.updated is None
    assert ("  Function  256 MB", "") in list(details_lines(told))


@pytest.mark.usefixtures("_utc")
def test_a_full_screen() -> None:
    busy = Metrics(
        START,
        requests=(*[100.0] * 12, *[1000.0] * 12),
        client_errors=(*[0.0] * 23, 3.0),
        server_errors=tuple([0.0] * 24),
        latency_p50=11.6,
        latency_p95=48.2,
        latency_p95_hourly=(*[None] * 22, 24.0, 48.0),
        throttles=tuple([0.0] * 24),
        function_errors=tuple([0.0] * 24),
        function_p50=4.1,
        function_p95=9.9,
    )
    told = replace(details(stack(), now=NOW), metrics=busy, notes=("A note.",))
    assert [line for line, _ in details_lines(told)] == [
        "  Table     12 items, 3.4 KB (DynamoDB's count, up to 6 h old)",
        "  Function  256 MB, last updated 2026-11-23 10:24:52",
        "  Last 24 hours, by the hour",
        "    requests       13,200                    ▂▂▂▂▂▂▂▂▂▂▂▂████████████",
        "    4xx            3                         ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁█",
        "    5xx            0",
        "    throttles      0",
        "    Lambda errors  0",
        "    latency        p50 12 ms, p95 48 ms                            ▅█",
        "    in Lambda      p50 4 ms, p95 10 ms",
        "  A note.",
        "  Console",
        "    DynamoDB table  https://us-east-1.console.aws.amazon.com/dynamodbv2/home?region=us-east-1#table?name=Items",
        "    Lambda function https://us-east-1.console.aws.amazon.com/lambda/home?region=us-east-1#/functions/items-api",
        f"    HTTP API        {told.links['AWS::ApiGatewayV2::Api']}",
    ]


@pytest.fixture
def _utc() -> Iterator[None]:
    """Times are shown in this computer's zone; here that is UTC."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize(
    ("items", "size", "shown"),
    [
        (0, 0, "0 items, 0 bytes"),
        (1, 999, "1 item, 999 bytes"),
        (1000, 1_000_000, "1,000 items, 1.0 MB"),
        (7, 5 * 10**15, "7 items, 5000.0 TB"),
        (7, None, "7 items"),
    ],
)
def test_sizes_are_readable(items: int, size: int | None, shown: str) -> None:
    assert list(details_lines(Details(items=items, size=size))) == [
        (f"  Table     {shown} (DynamoDB's count, up to 6 h old)", "")
    ]


def test_nothing_known_takes_no_line() -> None:
    assert list(details_lines(Details())) == []


def test_no_line_for_metrics_that_are_not_there() -> None:
    metrics = Metrics(START, throttles=(*[0.0] * 23, 2.0))
    assert [line for line, _ in details_lines(Details(metrics=metrics), encoding="ascii")] == [
        "  Last 24 hours, by the hour",
        "    throttles      2                         _______________________#",
    ]


def test_json_has_its_keys_whatever_is_known() -> None:
    full = details(stack(CloudWatch([result("requests", {0: 1.0})])), now=NOW)
    assert json.loads(json.dumps(details_json(full))) == {
        "table": {"items": 12, "bytes": 3400, "counted_every_hours": 6},
        "function": {"memory": 256, "updated": "2026-11-23T10:24:52.296000+00:00"},
        "metrics": {
            "start": "2026-11-22T11:00:00+00:00",
            "requests": [1.0, *[0.0] * 23],
            "client_errors": None,
            "server_errors": None,
            "latency_p50": None,
            "latency_p95": None,
            "latency_p95_hourly": None,
            "throttles": None,
            "function_errors": None,
            "function_p50": None,
            "function_p95": None,
        },
        "links": dict(full.links),
        "notes": [],
    }
    assert details_json(Details()) == {
        "table": {"items": None, "bytes": None, "counted_every_hours": 6},
        "function": {"memory": None, "updated": None},
        "metrics": None,
        "links": {},
        "notes": [],
    }
