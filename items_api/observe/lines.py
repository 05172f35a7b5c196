"""Log events as text for people and as JSON for programs: which to show, and how. Pure.

What stands in a log may have come from anywhere: nothing of it reaches a terminal that could steer it.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from items_api.render import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import tzinfo

    from items_api.errors import Problem
    from items_api.observe.logs import Event

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# What the handler writes for each request: see `handler.index.Api`.
_REQUEST_KEYS = {"method", "route", "status", "ms", "requestId", "cold"}
_SERVER_ERROR, _CLIENT_ERROR = 500, 400
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


def request_of(message: str) -> dict[str, Any] | None:
    """The handler's line as data, or None for any other line."""
    if not message.startswith("{"):
        return None
    try:
        line = json.loads(message)
    except (ValueError, RecursionError):
        return None
    is_request = line.keys() >= _REQUEST_KEYS and type(line["status"]) is int and type(line["ms"]) in (int, float)
    return line if is_request else None


def is_error(message: str) -> bool:
    """A request answered with 5xx or whose line tells of a cause, or what Lambda says of a failed invocation."""
    request = request_of(message)
    if request is None:
        return _FAILURE.search(message) is not None
    return bool(request["status"] >= _SERVER_ERROR or request.get("error"))


def is_platform(message: str) -> bool:
    """Lambda's own account of an invocation, not the function's."""
    return _PLATFORM.match(message) is not None


def matches(message: str, *, text: str | None = None, errors: bool = False) -> bool:
    """Whether the line, as it stands in the log, contains the text and, if only errors are wanted, is one."""
    return (not text or text in message) and (not errors or is_error(message))


def event_lines(event: Event, *, zone: tzinfo | None = None, verbose: bool = False) -> Iterator[tuple[str, str]]:
    """(line, style) pairs: one line a request; other events as they are, their further lines indented.

    Args:
        event: what to show.
        zone: of the times; None is this computer's.
        verbose: adds the request's id.
    """
    moment = local_time(event.timestamp, zone)
    request = request_of(event.message)
    if request is not None:
        yield f"{moment}  {_request_text(request, verbose=verbose)}", _request_style(request)
        return
    style = "red" if is_error(event.message) else "dim" if is_platform(event.message) else ""
    # A further line is indented, so that no text can pass itself off as an event of its own.
    margin = moment
    for line in event.message.splitlines() or [""]:
        yield f"{margin}  {printable(line)}".rstrip(), style
        margin = " " * len(moment)


def _request_text(request: dict[str, Any], *, verbose: bool) -> str:
    method, _, path = str(request["route"] or "? (no route)").partition(" ")
    text = f"{method:<6} {path:<13} {request['status']}  {request['ms']:7.1f} ms"
    if request["cold"]:
        text += "  cold"
    if request.get("error"):
        text += f"  {request['error']}"
    if verbose:
        text += f"  {request['requestId']}"
    return printable(text)


def _request_style(request: dict[str, Any]) -> str:
    if request["status"] >= _SERVER_ERROR or request.get("error"):
        return "red"
    return "yellow" if request["status"] >= _CLIENT_ERROR else ""


def local_time(milliseconds: int, zone: tzinfo | None = None) -> str:
    """`2026-11-23 10:24:53.627`, in a time zone or, if None, in this computer's."""
    moment = (_EPOCH + timedelta(milliseconds=milliseconds)).astimezone(zone)
    return moment.replace(tzinfo=None).isoformat(sep=" ", timespec="milliseconds")


def event_json(event: Event) -> str:
    """One line of JSON: `message` as it stands in the log, and `request` if it is the handler's line, else null."""
    return _json(_document(event))


def report_json(
    events: Iterable[Event],
    *,
    name: str,
    account: str | None = None,
    region: str | None = None,
    error: Problem | None = None,
) -> str:
    """The one document of `logs --json`; its keys are a contract."""
    return _json(
        {
            "command": "logs",
            "name": name,
            "account": account,
            "region": region,
            "ok": error is None,
            "events": [_document(event) for event in events],
            "error": error.as_json() if error else None,
        }
    )


def _document(event: Event) -> dict[str, Any]:
    return {
        "time": local_time(event.timestamp, UTC).replace(" ", "T") + "Z",
        "stream": event.stream,
        "id": event.id,
        "message": event.message,
        "request": request_of(event.message),
    }


def _json(document: dict[str, Any]) -> str:
    # ASCII alone: what JSON does not escape by itself (U+009B starts an escape sequence) would reach the terminal.
    return json.dumps(document)
