"""Problems, resources, drift and checks as lines of text.

A symbol and a word mark every change and state, so color is never the only sign. Lines are not wrapped: a wrapped ARN
or URL cannot be copied.
"""

from __future__ import annotations

import difflib
import json
from typing import TYPE_CHECKING, Any, NamedTuple

from items_api.provision.step import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from items_api.errors import Problem
    from items_api.provision.step import Drift, Progress
    from items_api.smoke import Check

MARKS = {
    "created": ("+", "green"),
    "updated": ("~", "yellow"),
    "unchanged": ("=", "dim"),
    "deleted": ("-", "green"),
    "absent": ("=", "dim"),
    "failed": ("!", "red"),
    "skipped": ("/", "yellow"),
    "ok": ("=", "green"),
    "drifted": ("~", "yellow"),
    "missing": ("?", "red"),
    "foreign": ("!", "red"),
}
_MAX_INLINE = 60


class Line(NamedTuple):
    """A line of text, its rich style, and whether --quiet prints it."""

    text: str = ""
    style: str = ""
    essential: bool = False


def printable(text: str) -> str:
    r"""The text with everything that could control a terminal (escape sequences, bidirectional marks) as `\x1b`."""
    spaced = text.replace("\t", "  ")
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in spaced)


def problem_lines(problem: Problem) -> Iterator[str]:
    yield problem.what
    if problem.why:
        yield f"Why:  {problem.why}"
    if problem.todo:
        yield f"Next: {problem.todo}"


def outcomes_lines(outcomes: Iterable[Outcome]) -> list[Line]:
    return [line for outcome in outcomes for line in outcome_lines(outcome)]


def outcome_lines(outcome: Outcome) -> Iterator[Line]:
    """The resource, then its drift, notes and error."""
    word = str(outcome.change or outcome.state)
    mark, style = MARKS[word]
    seconds = f"{outcome.seconds:6.1f} s" if outcome.seconds >= 0.05 else " " * 8  # noqa: PLR2004 - rounds to 0.0
    # The name comes last, so that a long one does not shift other columns.
    yield Line(f"  {mark} {word:<10}{outcome.title:<18}{seconds}  {outcome.name}", style, essential=True)
    for drift in outcome.drift:
        yield from (Line(f"      {text}", essential=True) for text in drift_lines(drift))
    for note in outcome.notes:
        yield Line(f"      {note}", "dim", essential=True)
    if outcome.error:
        yield from (Line(f"      {text}", "red", essential=True) for text in problem_lines(outcome.error))


def event_lines(event: Progress | Outcome) -> Iterator[Line]:
    """An event of a running step, for output that cannot be redrawn."""
    if isinstance(event, Outcome):
        essential = event.error is not None
        yield from (line._replace(essential=essential) for line in outcome_lines(event))
    elif event.waiting:
        yield Line(f"  . {'waiting':<10}{event.title:<18}{'':10}{event.waiting}", "dim")


def drift_lines(drift: Drift) -> Iterator[str]:
    """`field: have → want`, or a diff of sorted JSON if that line would be long."""
    have, want = _inline(drift.have), _inline(drift.want)
    if max(len(have), len(want)) <= _MAX_INLINE or not isinstance(drift.want, (dict, list)):
        yield f"{drift.field}: {have} → {want}"
        return
    yield f"{drift.field}:"
    diff = difflib.unified_diff(_pretty(drift.have), _pretty(drift.want), lineterm="", n=1)
    yield from (f"  {line}" for line in diff if not line.startswith(("---", "+++", "@@")))


def _inline(value: Any) -> str:
    if value is None:
        return "none"
    if value and isinstance(value, str):
        return value
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)


def _pretty(value: Any) -> list[str]:
    return [] if value is None else json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False).splitlines()


def check_lines(check: Check) -> Iterator[Line]:
    """The check, why it failed, and the curl command that repeats it."""
    mark, word, style = ("=", "ok", "green") if check.ok else ("!", "failed", "red")
    yield Line(f"  {mark} {word:<8}{check.ms:7.0f} ms  {check.name}", style)
    if check.detail and not check.ok:
        yield Line(f"      {check.detail}", "red")
    yield Line(f"      {check.curl}", "dim")


def endpoint_lines(endpoint: str) -> list[Line]:
    """The endpoint on a line of its own, easy to copy, and two requests to try."""
    return [
        Line(),
        Line("Endpoint:"),
        Line(endpoint, "bold", essential=True),
        Line(),
        Line(f"""  curl -X POST {endpoint}/items -d '{{"itemId":"1","name":"Widget"}}'"""),
        Line(f"  curl {endpoint}/items/1"),
    ]
