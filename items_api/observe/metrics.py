"""The last 24 hours of a stack in CloudWatch: requests, errors, throttles and latency.

Metrics of an HTTP API: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html
Metrics of a function: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from items_api.aws.errors import AwsError
from items_api.errors import AccessDenied
from items_api.observe.cost import DAYS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from items_api.aws.client import Aws
    from items_api.settings import Settings

HOURS = 24
_HOUR, _DAY = 3600, 86_400


@dataclass(frozen=True)
class Metrics:
    """The 24 hours up to the end of the current one. Times are in milliseconds; None where CloudWatch has no data.

    Tuples hold one value per hour, oldest first; an hour without requests has a count of 0 and no latency. `throttles`
    and everything that starts with `function_` come from Lambda, the rest from the HTTP API.
    """

    start: datetime
    requests: tuple[float, ...] | None = None
    client_errors: tuple[float, ...] | None = None
    server_errors: tuple[float, ...] | None = None
    latency_p50: float | None = None
    latency_p95: float | None = None
    latency_p95_hourly: tuple[float | None, ...] | None = None
    throttles: tuple[float, ...] | None = None
    function_errors: tuple[float, ...] | None = None
    function_p50: float | None = None
    function_p95: float | None = None


class _Query(NamedTuple):
    namespace: str
    metric: str
    statistic: str
    period: int


# The percentile of a day cannot be computed from hourly percentiles, so it is a query of its own.
_QUERIES = {
    "requests": _Query("AWS/ApiGateway", "Count", "Sum", _HOUR),
    "client_errors": _Query("AWS/ApiGateway", "4xx", "Sum", _HOUR),
    "server_errors": _Query("AWS/ApiGateway", "5xx", "Sum", _HOUR),
    "latency_p50": _Query("AWS/ApiGateway", "Latency", "p50", _DAY),
    "latency_p95": _Query("AWS/ApiGateway", "Latency", "p95", _DAY),
    "latency_p95_hourly": _Query("AWS/ApiGateway", "Latency", "p95", _HOUR),
    "throttles": _Query("AWS/Lambda", "Throttles", "Sum", _HOUR),
    "function_errors": _Query("AWS/Lambda", "Errors", "Sum", _HOUR),
    "function_p50": _Query("AWS/Lambda", "Duration", "p50", _DAY),
    "function_p95": _Query("AWS/Lambda", "Duration", "p95", _DAY),
}


def read_metrics(aws: Aws, settings: Settings, api_id: str, now: datetime) -> tuple[Metrics | None, str]:
    """The metrics, or None if there are none, and a note that says why if they could not be read."""
    start = window_start(now)
    try:
        # Sent only once, because metrics are optional and must not delay `status`.
        answer = aws.send_once(aws.cloudwatch.get_metric_data, **metric_request(settings, api_id, start))
    except AwsError as error:
        problem = error.problem("Could not read the metrics")
        if isinstance(problem, AccessDenied):
            return None, "No metrics: your user or role needs cloudwatch:GetMetricData."
        return None, str(problem)
    return metrics_from(answer["MetricDataResults"], start), ""


def requests_of_month(aws: Aws, api_id: str, now: datetime) -> float | None:
    """The number of requests in the last 30 days; None if CloudWatch has none or may not be asked."""
    end = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    query = {
        "Id": "requests",
        "MetricStat": {
            "Metric": {
                "Namespace": "AWS/ApiGateway",
                "MetricName": "Count",
                "Dimensions": [{"Name": "ApiId", "Value": api_id}],
            },
            "Period": _DAY,
            "Stat": "Sum",
        },
    }
    request: Any = {"StartTime": end - timedelta(days=DAYS), "EndTime": end, "MetricDataQueries": [query]}
    try:
        answer = aws.send_once(aws.cloudwatch.get_metric_data, **request)
    except AwsError:
        return None  # the metrics of the last day say why
    values = [value for result in answer["MetricDataResults"] for value in result["Values"]]
    return sum(values) if values else None


def window_start(now: datetime) -> datetime:
    """24 hours before the end of the current hour, so that each value covers a full hour of the clock."""
    hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return hour - timedelta(hours=HOURS - 1)


def metric_request(settings: Settings, api_id: str, start: datetime) -> dict[str, Any]:
    """All metrics in one GetMetricData request. AWS charges $0.01 per thousand metrics, so ten cost 0.01 cents.

    https://aws.amazon.com/cloudwatch/pricing/
    """
    dimensions = {
        "AWS/ApiGateway": {"Name": "ApiId", "Value": api_id},
        "AWS/Lambda": {"Name": "FunctionName", "Value": settings.function_name},
    }
    return {
        "StartTime": start,
        "EndTime": start + timedelta(hours=HOURS),
        "ScanBy": "TimestampAscending",
        "MetricDataQueries": [
            {
                "Id": name,
                "MetricStat": {
                    "Metric": {
                        "Namespace": query.namespace,
                        "MetricName": query.metric,
                        "Dimensions": [dimensions[query.namespace]],
                    },
                    "Period": query.period,
                    "Stat": query.statistic,
                },
            }
            for name, query in _QUERIES.items()
        ],
    }


def metrics_from(results: Iterable[Mapping[str, Any]], start: datetime) -> Metrics | None:
    """GetMetricData's results (each an id, timestamps and values) as `Metrics`; None if they contain no values."""
    found: dict[str, Any] = {}
    for result in results:
        points = dict(zip(result["Timestamps"], result["Values"], strict=True))
        query = _QUERIES.get(result["Id"])
        if query is None or not points:
            continue
        if query.period == _DAY:
            # One point, unless CloudWatch split the window at midnight: then the slower part is used.
            found[result["Id"]] = max(points.values())
        else:
            found[result["Id"]] = _by_hour(points, start, 0.0 if query.statistic == "Sum" else None)
    return Metrics(start, **found) if found else None


def _by_hour(points: Mapping[datetime, float], start: datetime, missing: float | None) -> tuple[float | None, ...]:
    return tuple(points.get(start + timedelta(hours=hour), missing) for hour in range(HOURS))
