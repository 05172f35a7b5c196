"""The log group as CloudWatch Logs tells it: every event once, those that are there and those that come in."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from items_api.errors import Problem
from items_api.provision.answers import code
from items_api.provision.refusals import problem_from

if TYPE_CHECKING:
    from collections.abc import Generator, Hashable, Iterator

    from mypy_boto3_logs.type_defs import FilterLogEventsResponseTypeDef

    from items_api.provision.aws import Aws

POLL_SECONDS = 2.0
# How much older than the newest event one may be that comes in after it. A line bears the time when it was written and
# comes in when its request is over, at most 30 s later (`settings.TIMEOUT_SECONDS`), and some seconds on its way.
LATE_MS = 60_000
# As many as FilterLogEvents returns at once.
FULL_PAGE = 10_000


@dataclass(frozen=True)
class Event:
    """One event of the log group: a line of the function's, or several. `timestamp` is milliseconds since 1970."""

    timestamp: int
    message: str
    stream: str
    id: str | None = None


class Tail:
    """Reads a log group from `since` on (milliseconds since 1970), and then what has come in.

    Every read looks back `LATE_MS` behind the newest event, and tells only what none told before.

    Args:
        aws: the account and region.
        group: the log group's name.
        since: no event before it is told.
        todo: what the user can do if there is no such group.
    """

    def __init__(self, aws: Aws, group: str, since: int, *, todo: str = "") -> None:
        self._aws = aws
        self._group = group
        self._since = since
        self._todo = todo
        self._newest = since
        self._told: dict[Hashable, int] = {}

    def follow(self) -> Iterator[Event]:
        """What is there, and then without end what comes in. Raises `Problem`."""
        while True:
            yield from self.read()
            self._aws.pause(POLL_SECONDS)

    def read(self) -> Iterator[Event]:
        """What has come in since the last read, the oldest first. Raises `Problem`."""
        start: int | None = max(self._since, self._newest - LATE_MS)
        while start is not None:
            start = yield from self._listing(start)

    def _listing(self, start: int) -> Generator[Event, None, int | None]:
        """What is new in a listing. Returns where to start the next one if this one was cut off."""
        same: Counter[Hashable] = Counter()
        more: dict[str, Any] = {}
        while True:
            page = self._page(startTime=start, **more)
            events = [_event(event) for event in page["events"]]
            for event in events:
                look = (event.stream, event.timestamp, event.message)
                same[look] += 1
                # An emulator gives no ids; there the second of two equal lines is told from the first by its place.
                if self._is_new(event, event.id or (*look, same[look])):
                    yield event
            self._forget()
            # A page may be empty and not the last: only a missing token ends the listing.
            if "nextToken" in page:
                more = {"nextToken": page["nextToken"]}
            else:
                # AWS gives a token when there is more; an emulator fills one page and stops.
                cut_off = len(events) >= FULL_PAGE and events[-1].timestamp > start
                return events[-1].timestamp if cut_off else None

    def _is_new(self, event: Event, key: Hashable) -> bool:
        if key in self._told:
            return False
        self._told[key] = event.timestamp
        self._newest = max(self._newest, event.timestamp)
        return True

    def _forget(self) -> None:
        """Keep only what a later read can meet again, so that a day of following takes no more memory than a minute."""
        horizon = self._newest - LATE_MS
        self._told = {key: timestamp for key, timestamp in self._told.items() if timestamp >= horizon}

    def _page(self, **parameters: Any) -> FilterLogEventsResponseTypeDef:
        try:
            return self._aws.send(self._aws.logs.filter_log_events, logGroupName=self._group, **parameters)
        except ClientError as error:
            if code(error) == "ResourceNotFoundException":
                raise Problem(
                    f"There is no log group {self._group}.", "The stack is not there, or not complete.", self._todo
                ) from error
            raise problem_from(error, f"Could not read the log group {self._group}") from error
        except (BotoCoreError, ResponseParserError) as error:
            raise problem_from(error, f"Could not read the log group {self._group}") from error


def _event(event: Any) -> Event:
    return Event(event["timestamp"], event["message"], event["logStreamName"], event.get("eventId"))
