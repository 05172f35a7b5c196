"""Reports as text for people and as JSON for programs. Returns text; `screen` and `cli` print it.

A mark and a word stand for every change and state, so colour is never the only sign. Lines are not wrapped: a wrapped
ARN or URL can not be copied.
"""

from __future__ import annotations

import difflib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from items_api.provision.step import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

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
_SHORT = 60


@dataclass(frozen=True)
class Report:
    """What `up`, `status` and `down` tell. `error` is what ended the command before its resources could tell it."""

    command: str
    name: str
    account: str | None = None
    region: str | None = None
    endpoint: str | None = None
    ok: bool = False
    resources: Sequence[Outcome] = ()
    details: Mapping[str, Any] | None = None
    error: Problem | None = None


def report_json(report: Report) -> str:
    """One JSON document; its keys are a contract."""
    return _json(
        {
            "command": report.command,
            "name": report.name,
            "account": report.account,
            "region": report.region,
            "endpoint": report.endpoint,
            "ok": report.ok,
            "resources": [_resource(outcome) for outcome in report.resources],
            **({"details": report.details} if report.details is not None else {}),
            "error": report.error.as_json() if report.error else None,
        }
    )


def smoke_json(endpoint: str | None, checks: Sequence[Check], error: Problem | None = None) -> str:
    return _json(
        {
            "command": "smoke",
            "endpoint": endpoint,
            "ok": error is None and all(check.ok for check in checks),
            "checks": [{**asdict(check), "ms": round(check.ms, 1)} for check in checks],
            "error": error.as_json() if error else None,
        }
    )


def export_json(command: str, name: str, files: Sequence[str], error: Problem | None = None) -> str:
    return _json(
        {
            "command": command,
            "name": name,
            "ok": error is None,
            "files": list(files),
            "error": error.as_json() if error else None,
        }
    )


def _json(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False)


def _resource(outcome: Outcome) -> dict[str, Any]:
    return {
        "type": outcome.type,
        "name": outcome.name,
        "arn": outcome.arn,
        **({"change": outcome.change} if outcome.change else {}),
        **({"state": outcome.state} if outcome.state else {}),
        "drift": [asdict(drift) for drift in outcome.drift],
        "seconds": outcome.seconds,
        "notes": list(outcome.notes),
        "error": outcome.error.as_json() if outcome.error else None,
    }


def outcome_lines(outcome: Outcome) -> Iterator[tuple[str, str]]:
    """(line, style) pairs: the resource, then what differs, what is to be known and what failed."""
    word = str(outcome.change or outcome.state)
    mark, style = MARKS[word]
    seconds = f"{outcome.seconds:6.1f} s" if outcome.seconds >= 0.05 else " " * 8  # noqa: PLR2004 - rounds to 0.0
    # The name comes last: however long it is, nothing after it is pushed out of line.
    yield f"  {mark} {word:<10}{outcome.title:<18}{seconds}  {outcome.name}", style
    for drift in outcome.drift:
        yield from ((f"      {line}", "") for line in drift_lines(drift))
    for note in outcome.notes:
        yield f"      {note}", "dim"
    if outcome.error:
        yield from ((f"      {line}", "red") for line in problem_lines(outcome.error))


def event_lines(event: Progress | Outcome) -> Iterator[tuple[str, str]]:
    """(line, style) pairs for what a step at work reports, where every line is final."""
    if isinstance(event, Outcome):
        yield from outcome_lines(event)
    elif event.waiting:
        yield f"  . {'waiting':<10}{event.title:<18}{'':10}{event.waiting}", "dim"


def drift_lines(drift: Drift) -> Iterator[str]:
    """`field: have → want`, or a line diff of sorted JSON where that would be long."""
    have, want = _inline(drift.have), _inline(drift.want)
    if max(len(have), len(want)) <= _SHORT or not isinstance(drift.want, (dict, list)):
        yield f"{drift.field}: {have} → {want}"
        return
    yield f"{drift.field}:"
    diff = difflib.unified_diff(_pretty(drift.have), _pretty(drift.want), lineterm="", n=1)
    yield from (f"  {line}" for line in diff if not line.startswith(("---", "+++", "@@")))


def _inline(value: Any) -> str:
    if value is None:
        return "none"
    return (
        value
        if value and isinstance(value, str)
        else json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    )


def _pretty(value: Any) -> list[str]:
    return [] if value is None else json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False).splitlines()


def printable(text: str) -> str:
    r"""The text with all that could steer a terminal (escape sequences, bidirectional marks) written as `\x1b`."""
    spaced = text.replace("\t", "  ")
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in spaced)


def problem_lines(problem: Problem) -> Iterator[str]:
    yield problem.what
    if problem.why:
        yield f"Why:  {problem.why}"
    if problem.todo:
        yield f"Next: {problem.todo}"


def check_lines(check: Check) -> Iterator[tuple[str, str]]:
    """(line, style) pairs: the check, the curl line that repeats it, and what was wrong."""
    mark, word, style = ("=", "ok", "green") if check.ok else ("!", "failed", "red")
    yield f"  {mark} {word:<8}{check.ms:7.0f} ms  {check.name}", style
    if check.detail and not check.ok:
        yield f"      {check.detail}", "red"
    yield f"      {check.curl}", "dim"


def try_it_lines(endpoint: str) -> tuple[str, str]:
    """The tutorial's two curl lines, for this endpoint."""
    return (
        f"""curl -X POST {endpoint}/items -d '{{"itemId":"1","name":"Widget"}}'""",
        f"curl {endpoint}/items/1",
    )
