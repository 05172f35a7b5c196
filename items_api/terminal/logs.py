"""Log events as lines. A log can contain anything, so whatever could control the terminal is escaped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from items_api.observe.events import local_time
from items_api.terminal.text import Line, printable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo

    from items_api.observe.events import Event

_SERVER_ERROR, _CLIENT_ERROR = 500, 400


def event_lines(event: Event, *, zone: tzinfo | None = None, verbose: bool = False) -> Iterator[Line]:
    """One line per request; other events as they are, with their further lines indented.

    Args:
        event: what to show.
        zone: the time zone; None means this computer's.
        verbose: add the request's id.
    """
    time = local_time(event.timestamp, zone)
    request = event.request
    if request is not None:
        yield Line(f"{time}  {_request_text(request, verbose=verbose)}", _request_style(request), essential=True)
        return
    style = "red" if event.is_error else "dim" if event.is_platform else ""
    # Further lines are indented, so that no text can imitate an event.
    margin = time
    for text in event.message.splitlines() or [""]:
        yield Line(f"{margin}  {printable(text)}".rstrip(), style, essential=True)
        margin = " " * len(time)


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
