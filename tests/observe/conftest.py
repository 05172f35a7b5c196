"""Fake clients, and a clock that advances only during a sleep."""

from bisect import insort
from dataclasses import dataclass, field
from operator import itemgetter
from types import SimpleNamespace
from typing import Any, cast

import pytest

from items_api.aws.client import Aws
from tests.aws.clock import CountingClock

GROUP = "/aws/lambda/items-api"


@dataclass
class LogGroup:
    """A log group behind FilterLogEvents, in pages of `page_size`, sorted by time and then by arrival.

    https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
    """

    page_size: int = 3
    has_ids: bool = True
    has_tokens: bool = True
    errors: list[Exception] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    _events: list[dict[str, Any]] = field(default_factory=list)

    def put(self, timestamp: int, message: str, stream: str = "a") -> None:
        event = {"timestamp": timestamp, "message": message, "logStreamName": stream, "ingestionTime": timestamp}
        if self.has_ids:
            event["eventId"] = str(len(self._events))
        insort(self._events, event, key=itemgetter("timestamp"))

    def filter_log_events(self, **request: Any) -> dict[str, Any]:
        start = request["startTime"]
        assert request["logGroupName"] == GROUP
        if self.errors:
            raise self.errors.pop(0)
        self.starts.append(start)
        found = [event for event in self._events if event["timestamp"] >= start]
        # CloudWatch may find nothing on a page and still return a token: here, on the first page of every listing.
        first = int(request.get("nextToken", -self.page_size if self.has_tokens else 0))
        after = first + self.page_size
        page: dict[str, Any] = {"events": found[first:after], "searchedLogStreams": []}
        # AWS returns a token even if the next page turns out to be empty.
        if self.has_tokens and first < len(found):
            page["nextToken"] = str(after)
        return page


@dataclass
class CloudWatch:
    """Responds to GetMetricData with these results, or with this error."""

    results: list[dict[str, Any]] = field(default_factory=list)
    error: Exception | None = None
    requests: list[dict[str, Any]] = field(default_factory=list)

    def get_metric_data(self, **request: Any) -> dict[str, Any]:
        self.requests.append(request)
        if self.error:
            raise self.error
        return {"MetricDataResults": self.results}


def aws_with(clock: CountingClock | None = None, **clients: Any) -> Aws:
    session = SimpleNamespace(client=lambda service, **_: clients[service])
    return Aws(cast("Any", session), clock=clock or CountingClock())


@pytest.fixture
def group() -> LogGroup:
    return LogGroup()
