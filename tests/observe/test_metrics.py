"""The last 24 hours: one request to CloudWatch, and honest numbers out of whatever it answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from moto import mock_aws

from items_api.observe.metrics import (
    Metrics,
    metric_request,
    metrics_from,
    read_metrics,
    sparkline,
    window_start,
)
from items_api.provision.aws import Aws
from items_api.settings import Settings
from tests.observe.conftest import CloudWatch, aws_with, refusal

NOW = datetime(2026, 11, 23, 10, 24, tzinfo=UTC)
START = datetime(2026, 11, 22, 11, tzinfo=UTC)


def result(name: str, points: dict[int, float]) -> dict[str, Any]:
    """Points by hours after the start."""
    times = [START + timedelta(hours=hour) for hour in points]
    return {"Id": name, "Label": name, "Timestamps": times, "Values": list(points.values()), "StatusCode": "Complete"}


def test_the_window_is_24_whole_hours_with_the_current_one_last() -> None:
    assert window_start(NOW) == START
    assert window_start(NOW.astimezone(timezone(timedelta(hours=5, minutes=45)))) == START


def test_one_request_asks_for_all_metrics_of_api_and_function() -> None:
    request = metric_request(Settings(), "a1b2c3", START)
    assert (request["StartTime"], request["EndTime"]) == (START, START + timedelta(hours=24))
    asked = [
        (stat["Metric"]["Namespace"], stat["Metric"]["MetricName"], stat["Stat"], stat["Period"])
        for stat in (query["MetricStat"] for query in request["MetricDataQueries"])
    ]
    assert asked == [
        ("AWS/ApiGateway", "Count", "Sum", 3600),
        ("AWS/ApiGateway", "4xx", "Sum", 3600),
        ("AWS/ApiGateway", "5xx", "Sum", 3600),
        ("AWS/ApiGateway", "Latency", "p50", 86400),
        ("AWS/ApiGateway", "Latency", "p95", 86400),
        ("AWS/ApiGateway", "Latency", "p95", 3600),
        ("AWS/Lambda", "Throttles", "Sum", 3600),
        ("AWS/Lambda", "Errors", "Sum", 3600),
        ("AWS/Lambda", "Duration", "p50", 86400),
        ("AWS/Lambda", "Duration", "p95", 86400),
    ]
    dimensions = {str(query["MetricStat"]["Metric"]["Dimensions"]) for query in request["MetricDataQueries"]}
    assert dimensions == {"[{'Name': 'ApiId', 'Value': 'a1b2c3'}]", "[{'Name': 'FunctionName', 'Value': 'items-api'}]"}


@mock_aws
def test_the_request_is_one_that_aws_takes_and_without_requests_there_are_no_metrics() -> None:
    assert read_metrics(Aws(boto3.Session()), Settings(), "a1b2c3", NOW) == (None, "")


def test_counts_fill_quiet_hours_with_zero_and_latencies_leave_them_empty() -> None:
    metrics = metrics_from(
        [
            result("requests", {0: 5.0, 23: 7.0}),
            result("latency_p95_hourly", {23: 40.0}),
            result("latency_p50", {0: 12.0}),
            result("server_errors", {}),
        ],
        START,
    )
    assert metrics == Metrics(
        START,
        requests=(5.0, *[0.0] * 22, 7.0),
        latency_p95_hourly=(*[None] * 23, 40.0),
        latency_p50=12.0,
    )


def test_a_day_cut_in_two_tells_the_slower_part() -> None:
    """The percentile of the whole is not to be had then, and the better half would be a lie."""
    metrics = metrics_from([result("latency_p95", {0: 900.0, 13: 40.0})], START)
    assert metrics == Metrics(START, latency_p95=900.0)


def test_no_points_at_all_are_no_metrics() -> None:
    assert metrics_from([result("requests", {}), result("throttles", {})], START) is None


def test_a_missing_permission_becomes_a_note_that_names_it() -> None:
    text = "User: arn:aws:iam::1:user/me is not authorized to perform: cloudwatch:GetMetricData"
    cloudwatch = CloudWatch(refusal=refusal("AccessDenied", text, "GetMetricData"))
    assert read_metrics(aws_with(cloudwatch=cloudwatch), Settings(), "a1b2c3", NOW) == (
        None,
        "The metrics are left out: your user or role needs cloudwatch:GetMetricData.",
    )


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (refusal("InternalServiceFault", "sorry", "GetMetricData"), "InternalServiceFault"),
        (EndpointConnectionError(endpoint_url="https://monitoring.example"), "no answer"),
    ],
)
def test_any_other_failure_becomes_a_note_and_is_not_waited_for(failure: Any, said: str) -> None:
    """A network without a way to CloudWatch must not hold up `status`."""
    cloudwatch = CloudWatch(refusal=failure)
    metrics, note = read_metrics(aws_with(cloudwatch=cloudwatch), Settings(), "a1b2c3", NOW)
    assert metrics is None
    assert note.startswith("Could not read the metrics")
    assert said in note
    assert len(cloudwatch.requests) == 1


@pytest.mark.parametrize(
    ("values", "drawn"),
    [
        ([], ""),
        ([0, 0], "▁▁"),
        ([0, 1, 2, 3, 4, 5, 6, 7], "▁▂▃▄▅▆▇█"),
        ([7.0], "█"),
        ([None, 10, None, 5], " █ ▅"),
        ([None], " "),
    ],
)
def test_a_sparkline_goes_from_zero_to_the_greatest(values: list[float | None], drawn: str) -> None:
    assert sparkline(values) == drawn


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_a_terminal_that_knows_no_blocks_gets_ascii(encoding: str) -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7], encoding) == "_.-:=+*#"
