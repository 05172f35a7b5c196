"""The details that `status` reads, only about the stack's own resources."""

from dataclasses import replace
from datetime import UTC, datetime

from items_api.commands.status import read_details
from items_api.observe.cost import estimate, worst_case
from items_api.observe.details import Details
from items_api.observe.metrics import Metrics
from items_api.provision.api import FoundApi
from items_api.provision.api_parts import Parts
from items_api.provision.function import FoundFunction
from items_api.provision.stack import Stack
from items_api.provision.table import FoundTable
from items_api.settings import Settings
from tests.observe.conftest import CloudWatch, aws_with
from tests.observe.test_metrics import NOW, START, result

OURS = Settings().owner_tags
UPDATED = datetime(2026, 11, 23, 10, 24, 52, 296_000, tzinfo=UTC)


def looked_at(cloudwatch: CloudWatch | None = None) -> Stack:
    """A stack after `look`: the table, function and API exist, the role and the log group do not."""
    stack = Stack(Settings(), aws_with(cloudwatch=cloudwatch or CloudWatch()), "123456789012")
    parts = Parts.of("arn")
    stack.table.found = FoundTable(arn="arn", fields={}, tags=OURS, items=12, size=3400)
    stack.function.found = FoundFunction(arn="arn", fields={"memory": 256}, tags=OURS, updated=UPDATED)
    stack.api.found = FoundApi(arn="arn", fields={}, tags=OURS, api_id="a1b2c3", endpoint="https://x", parts=parts)
    return stack


def test_size_memory_and_last_update_come_from_what_look_found() -> None:
    details = read_details(looked_at(), now=NOW)
    assert (details.items, details.size, details.memory, details.updated) == (12, 3400, 256, UPDATED)


def test_existing_resources_have_links_if_there_is_a_console() -> None:
    assert list(read_details(looked_at(), now=NOW).links) == [
        "AWS::DynamoDB::Table",
        "AWS::Lambda::Function",
        "AWS::ApiGatewayV2::Api",
    ]
    assert read_details(looked_at(), console=False, now=NOW).links == {}


def test_nothing_is_read_or_shown_about_foreign_resources() -> None:
    cloudwatch = CloudWatch([result("requests", {0: 1.0})])
    stack = looked_at(cloudwatch)
    for step in (stack.table, stack.function, stack.api):
        assert step.found
        step.found = replace(step.found, tags={})
    assert read_details(stack, now=NOW) == Details()
    assert cloudwatch.requests == []


def test_metrics_are_those_of_the_stacks_api() -> None:
    cloudwatch = CloudWatch([result("requests", {0: 1.0})])
    assert read_details(looked_at(cloudwatch), now=NOW).metrics == Metrics(START, requests=(1.0, *[0.0] * 23))


def test_known_metrics_are_reused_without_a_request() -> None:
    cloudwatch = CloudWatch()
    known = Details(metrics=Metrics(START, requests=(1.0,) * 24), notes=("A note.",))
    details = read_details(looked_at(cloudwatch), now=NOW, known=known)
    assert (details.metrics, details.notes, cloudwatch.requests) == (known.metrics, known.notes, [])


def test_json_always_has_the_same_keys() -> None:
    full = read_details(looked_at(CloudWatch([result("requests", {0: 1.0})])), now=NOW)
    assert full.as_json() == {
        "table": {"items": 12, "bytes": 3400, "counted_every_hours": 6},
        "function": {"memory": 256, "updated": "2026-11-23T10:24:52.296000+00:00"},
        "release": {"live": None, "previous": None},
        "metrics": {
            "start": "2026-11-22T11:00:00+00:00",
            "requests": (1.0, *[0.0] * 23),
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
        "cost": {"last_30_days": full.month, "worst_case_per_month": worst_case(Settings())},
        "links": full.links,
        "notes": [],
    }
    assert Details().as_json() == {
        "table": {"items": None, "bytes": None, "counted_every_hours": 6},
        "function": {"memory": None, "updated": None},
        "release": {"live": None, "previous": None},
        "metrics": None,
        "cost": {"last_30_days": None, "worst_case_per_month": None},
        "links": {},
        "notes": [],
    }


def test_the_cost_of_the_month_and_the_worst_case_are_for_aws_only() -> None:
    cloudwatch = CloudWatch([result("requests", {0: 1000.0})])
    details = read_details(looked_at(cloudwatch), now=NOW)
    assert details.month == estimate(1000, Settings())
    assert details.worst_case == worst_case(Settings())
    local = read_details(looked_at(cloudwatch), console=False, now=NOW)
    assert (local.month, local.worst_case) == (None, None)
