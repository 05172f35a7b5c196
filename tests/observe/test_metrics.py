"""The last 24 hours: one request to CloudWatch, and correct numbers from its response."""

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from moto import mock_aws

from items_api.aws.client import Aws
from items_api.observe.metrics import (
    Metrics,
    metric_request,
    metrics_from,
    read_metrics,
    requests_of_month,
    window_start,
)
from items_api.settings import Settings
from tests.aws.test_client import client_error
from tests.observe.conftest import CloudWatch, aws_with

DENIED = "User: arn:aws:iam::1:user/me is not authorized to perform: cloudwatch:GetMetricData"
NOW = datetime(2026, 11, 23, 10, 24, tzinfo=UTC)
START = datetime(2026, 11, 22, 11, tzinfo=UTC)


def result(name: str, points: dict[int, float]) -> dict[str, Any]:
    """A result with points by hours after the start."""
    times = [START + timedelta(hours=hour) for hour in points]
    return {"Id": name, "Label": name, "Timestamps": times, "Values": list(points.values()), "StatusCode": "Complete"}


def test_the_window_is_24_full_hours_ending_with_the_current_one() -> None:
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


def test_the_month_ends_today_and_is_summed_up() -> None:
    days = {"Id": "requests", "Timestamps": [START, START], "Values": [5.0, 7.0]}
    cloudwatch = CloudWatch([days])
    assert requests_of_month(aws_with(cloudwatch=cloudwatch), "a1b2c3", NOW) == 12
    [request] = cloudwatch.requests
    assert (request["StartTime"], request["EndTime"]) == (
        datetime(2026, 10, 25, tzinfo=UTC),
        datetime(2026, 11, 24, tzinfo=UTC),
    )
    assert requests_of_month(aws_with(cloudwatch=CloudWatch()), "a1b2c3", NOW) is None
    denied = CloudWatch(error=client_error("AccessDenied", DENIED))
    assert requests_of_month(aws_with(cloudwatch=denied), "a1b2c3", NOW) is None


@mock_aws
def test_an_api_without_requests_has_no_metrics() -> None:
    assert read_metrics(Aws(boto3.Session()), Settings(), "a1b2c3", NOW) == (None, "")


def test_an_hour_without_requests_counts_zero_and_has_no_latency() -> None:
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


def test_if_the_day_is_split_in_two_the_slower_part_is_used() -> None:
    """The percentile of the whole day is unknown then, and the faster part would be misleading."""
    metrics = metrics_from([result("latency_p95", {0: 900.0, 13: 40.0})], START)
    assert metrics == Metrics(START, latency_p95=900.0)


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (client_error("AccessDenied", DENIED), r"No metrics: your user or role needs cloudwatch:GetMetricData\."),
        (client_error("InternalServiceFault", "sorry"), r"Could not read the metrics: InternalServiceFault\..*"),
        (EndpointConnectionError(endpoint_url="https://x"), r"Could not read the metrics: no response\..*"),
    ],
)
def test_a_failure_becomes_a_note_and_is_not_retried(failure: Exception, said: str) -> None:
    """A network that blocks CloudWatch must not delay `status`."""
    cloudwatch = CloudWatch(error=failure)
    metrics, note = read_metrics(aws_with(cloudwatch=cloudwatch), Settings(), "a1b2c3", NOW)
    assert metrics is None
    assert re.fullmatch(said, note)
    assert len(cloudwatch.requests) == 1
