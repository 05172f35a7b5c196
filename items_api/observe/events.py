"""Log events, and the kind of line that each event is. Pure."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import tzinfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# What the handler writes for each request: see `handler.index.Api`.
_REQUEST_KEYS = {"method", "route", "status", "ms", "requestId", "cold"}
_SERVER_ERROR = 500
# https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html
_PLATFORM = re.compile(r"(START|END|REPORT) RequestId: |(INIT|RESTORE)_(START|REPORT) |EXTENSION\s")
# https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-invocation.html
_FAILURE = re.compile(
    r"^\[(ERROR|CRITICAL)\]"
    r"|\bTask timed out after "
    r"|\bRuntime exited |\bRuntime\.[A-Z]\w+"
    r"|\bProcess exited before completing request"
    r"|\tStatus: (timeout|error|failure)\b"
)


@dataclass(frozen=True)
class Event:
    """One event of the log group: one line of the function's output, or several.

    `timestamp` is milliseconds since 1970. `id` is None on an emulator that assigns none.
    """

    timestamp: int
    message: str
    stream: str
    id: str | None = None

    @property
    def request(self) -> dict[str, Any] | None:
        """The handler's line about a request as data, or None for any other line."""
        if not self.message.startswith("{"):
            return None
        try:
            line = json.loads(self.message)
        except (ValueError, RecursionError):
            return None
        is_request = line.keys() >= _REQUEST_KEYS and type(line["status"]) is int and type(line["ms"]) in (int, float)
        return line if is_request else None

    @property
    def is_error(self) -> bool:
        """A 5xx response, a request with a logged cause, or Lambda's own message about a failed invocation."""
        request = self.request
        if request is None:
            return _FAILURE.search(self.message) is not None
        return bool(request["status"] >= _SERVER_ERROR or request.get("error"))

    @property
    def is_platform(self) -> bool:
        """Whether Lambda itself wrote the line, not the function."""
        return _PLATFORM.match(self.message) is not None

    def matches(self, *, text: str | None = None, errors: bool = False) -> bool:
        """Whether the message contains the text exactly and, with `errors`, is an error."""
        return (not text or text in self.message) and (not errors or self.is_error)

    def as_json(self) -> dict[str, Any]:
        """`message` is as CloudWatch Logs stores it; `request` is null unless the handler wrote the line."""
        return {
            "time": local_time(self.timestamp, UTC).replace(" ", "T") + "Z",
            "stream": self.stream,
            "id": self.id,
            "message": self.message,
            "request": self.request,
        }


def local_time(milliseconds: int, zone: tzinfo | None = None) -> str:
    """`2026-11-23 10:24:53.627`, in a time zone or, if None, in this computer's."""
    moment = (_EPOCH + timedelta(milliseconds=milliseconds)).astimezone(zone)
    return moment.replace(tzinfo=None).isoformat(sep=" ", timespec="milliseconds")
