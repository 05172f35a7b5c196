"""Problems, resources, drift and checks as lines of text.

A symbol and a word mark every change and state, so color is never the only sign.
"""

from __future__ import annotations

import difflib
import json
from typing import TYPE_CHECKING, Any, NamedTuple

from items_api.provision.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from items_api.errors import Problem
    from items_api.provision.outcome import Drift, Progress
    from items_api.smoke.run import Check

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
_FUTURE = {"created": "will be created", "updated": "will be updated"}
_MAX_INLINE = 60


class Line(NamedTuple):
    """A line of text, its rich style, whether --quiet prints it, and whether it is never wrapped, to be copied."""

    text: str = ""
    style: str = ""
    essential: bool = False
    verbatim: bool = False


def printable(text: str) -> str:
    r"""The text with everything that could control a terminal (escape sequences, bidirectional marks) as `\x1b`."""
    spaced = text.replace("\t", "  ")
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in spaced)


def problem_lines(problem: Problem) -> Iterator[Line]:
    todo, _, command = problem.todo.partition("\n")
    yield Line(problem.what)
    if problem.why:
        yield Line(f"Why:  {problem.why}")
    if todo:
        yield Line(f"Next: {todo}")
    if command:
        yield Line(f"      {command}", verbatim=True)


def resource_row(mark: str, word: str, title: str, name: str, seconds: float = 0.0) -> str:
    """A resource while its step runs and when it is done. A row without its name fits into 40 columns."""
    shown = f"{seconds:6.1f} s" if seconds >= 0.05 else " " * 8  # noqa: PLR2004 - rounds to 0.0
    # The name comes last, so that a long one does not shift other columns.
    return f"  {mark} {word:<10}{title:<18}{shown}  {name}"


def outcomes_lines(outcomes: Iterable[Outcome], *, planned: bool = False) -> list[Line]:
    return [line for outcome in outcomes for line in outcome_lines(outcome, planned=planned)]


def outcome_lines(outcome: Outcome, *, planned: bool = False) -> Iterator[Line]:
    """The resource, then its drift, notes and error. If it is only `planned`, its change is in the future."""
    word = str(outcome.change or outcome.state)
    mark, style = MARKS[word]
    if planned:
        text = f"  {mark} {_FUTURE.get(word, word):<16}{outcome.title:<18}{outcome.name}"
    else:
        text = resource_row(mark, word, outcome.title, outcome.name, outcome.seconds)
    yield Line(text, style, essential=True)
    for drift in outcome.drift:
        yield from (Line(f"      {text}", essential=True) for text in drift_lines(drift))
    for note in outcome.notes:
        yield Line(f"      {note}", "dim", essential=True)
    if outcome.error:
        for line in problem_lines(outcome.error):
            yield Line(f"      {line.text}", "red", essential=True, verbatim=line.verbatim)


def event_lines(event: Progress | Outcome) -> Iterator[Line]:
    """An event of a running step, for output that cannot be redrawn."""
    if isinstance(event, Outcome):
        essential = event.error is not None
        yield from (line._replace(essential=essential) for line in outcome_lines(event))
    elif event.waiting:
        yield Line(resource_row(".", "waiting", event.title, event.waiting), "dim")


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
    if isinstance(value, float):  # a throttle rate
        return f"{value:g}"
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)


def _pretty(value: Any) -> list[str]:
    return [] if value is None else json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False).splitlines()


def check_lines(check: Check, *, verbose: bool) -> Iterator[Line]:
    """The check; if it failed, why; if it failed or with --verbose, the curl command that repeats it."""
    failed = not check.ok
    mark, word, style = ("!", "failed", "red") if failed else ("=", "ok", "green")
    yield Line(f"  {mark} {word:<8}{check.ms:7.0f} ms  {check.name}", style, essential=failed)
    if failed:
        yield Line(f"      {check.detail}", "red", essential=True)
    if check.curl and (failed or verbose):
        yield Line(f"      {check.curl}", "dim", essential=failed, verbatim=True)


def endpoint_lines(endpoint: str, who: str, exports: str = "", authorization: Sequence[str] = ()) -> list[Line]:
    """The endpoint on a line of its own, easy to copy, and two requests to try.

    Args:
        endpoint: the base URL.
        who: a sentence about who may call it.
        exports: a shell line that sets the variables in `authorization`.
        authorization: shell words for curl.
    """
    curl = " ".join(["curl", *authorization])
    return [
        Line(),
        Line("Endpoint:"),
        Line(endpoint, "bold", essential=True),
        Line(),
        Line(who),
        Line(),
        *([Line(f"  {exports}", verbatim=True)] if exports else []),
        Line(f"""  {curl} -X POST {endpoint}/items -d '{{"itemId":"1","name":"Widget"}}'""", verbatim=True),
        Line(f"  {curl} {endpoint}/items/1", verbatim=True),
    ]
