"""Reads the log group: every event once, both the existing ones and those that arrive later."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from items_api.aws.errors import AwsError, tolerate
from items_api.observe.events import Event

if TYPE_CHECKING:
    from collections.abc import Generator, Hashable, Iterator

    from mypy_boto3_logs.type_defs import FilterLogEventsResponseTypeDef

    from items_api.aws.client import Aws
    from items_api.errors import Problem

POLL_SECONDS = 2.0
# How much older than the newest event a late event may be. An event has the time at which it was written, and arrives
# when its request is done, up to 30 s later (`settings.TIMEOUT_SECONDS`), plus a few seconds for delivery.
LATE_MS = 60_000
# The most events that FilterLogEvents returns at once.
FULL_PAGE = 10_000


class Tail:
    """Reads a log group from `since` (milliseconds since 1970), and then the new events.

    Every read starts `LATE_MS` before the newest event, and yields only events that no earlier read has yielded.

    Args:
        aws: the account and region.
        group: the log group's name.
        since: the start; older events are ignored.
        absent: what to raise if the log group does not exist.
    """

    def __init__(self, aws: Aws, group: str, since: int, *, absent: Problem) -> None:
        self._aws = aws
        self._group = group
        self._since = since
        self._absent = absent
        self._newest = since
        self._seen: dict[Hashable, int] = {}

    def follow(self) -> Iterator[Event]:
        """The existing events, then new ones as they arrive, forever. Raises `Problem`."""
        while True:
            yield from self.read()
            self._aws.pause(POLL_SECONDS)

    def read(self) -> Iterator[Event]:
        """The events that arrived since the last read, oldest first. Raises `Problem`."""
        start: int | None = max(self._since, self._newest - LATE_MS)
        while start is not None:
            start = yield from self._listing(start)

    def _listing(self, start: int) -> Generator[Event, None, int | None]:
        """The new events of a listing. Returns where to start the next one if this one was cut off."""
        same: Counter[Hashable] = Counter()
        more: dict[str, Any] = {}
        while True:
            page = self._page(startTime=start, **more)
            events = [_event(event) for event in page["events"]]
            for event in events:
                content = (event.stream, event.timestamp, event.message)
                same[content] += 1
                # An emulator assigns no IDs; there, the order distinguishes two equal lines.
                if self._is_new(event, event.id or (*content, same[content])):
                    yield event
            self._forget()
            # A page may be empty without being the last: only a missing token ends the listing.
            if "nextToken" in page:
                more = {"nextToken": page["nextToken"]}
            else:
                # AWS returns a token when there is more; an emulator fills one page and stops.
                cut_off = len(events) >= FULL_PAGE and events[-1].timestamp > start
                return events[-1].timestamp if cut_off else None

    def _is_new(self, event: Event, key: Hashable) -> bool:
        if key in self._seen:
            return False
        self._seen[key] = event.timestamp
        self._newest = max(self._newest, event.timestamp)
        return True

    def _forget(self) -> None:
        """Keep only what a later read can return again, so that memory does not grow while following."""
        horizon = self._newest - LATE_MS
        self._seen = {key: timestamp for key, timestamp in self._seen.items() if timestamp >= horizon}

    def _page(self, **parameters: Any) -> FilterLogEventsResponseTypeDef:
        try:
            with tolerate("ResourceNotFoundException"):
                return self._aws.send(self._aws.logs.filter_log_events, logGroupName=self._group, **parameters)
        except AwsError as error:
            raise error.problem(f"Could not read the log group {self._group}") from error
        raise self._absent


def _event(event: Any) -> Event:
    return Event(event["timestamp"], event["message"], event["logStreamName"], event.get("eventId"))
