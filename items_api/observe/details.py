"""What `status` tells of a stack besides its state: size, last update, metrics and where to look further."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from items_api.observe.links import console_links
from items_api.observe.metrics import read_metrics, sparkline

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from items_api.observe.metrics import Metrics
    from items_api.provision.stack import Stack

# "DynamoDB updates this value approximately every six hours":
# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TableDescription.html
COUNTED_EVERY_HOURS = 6
_TITLES = {
    "AWS::DynamoDB::Table": "DynamoDB table",
    "AWS::IAM::Role": "IAM role",
    "AWS::Logs::LogGroup": "log group",
    "AWS::Lambda::Function": "Lambda function",
    "AWS::ApiGatewayV2::Api": "HTTP API",
}


@dataclass(frozen=True)
class Details:
    """Of the stack's own resources only; None for what is not there or not told.

    `items` and `size` (bytes) are DynamoDB's own count, up to `COUNTED_EVERY_HOURS` old. `memory` is in MB. `links` are
    by CloudFormation type name. `notes` say what could not be read.
    """

    items: int | None = None
    size: int | None = None
    updated: datetime | None = None
    memory: int | None = None
    metrics: Metrics | None = None
    links: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def details(
    stack: Stack, *, console: bool = True, now: datetime | None = None, known: Details | None = None
) -> Details:
    """What is known of a stack after its `look`, and its metrics, for which one request is sent.

    Args:
        stack: has been looked at.
        console: whether there is an AWS console that shows it: not for a local AWS or another's endpoint.
        now: the moment that the 24 hours end in.
        known: an earlier answer, whose metrics are taken over: they cost money to ask for and change by the minute.
    """
    table = stack.table.found if stack.owns(stack.table) else None
    function = stack.function.found if stack.owns(stack.function) else None
    api_id = stack.api.api_id if stack.owns(stack.api) else None
    if known:
        metrics, notes = known.metrics, known.notes
    elif api_id:
        metrics, note = read_metrics(stack.aws, stack.settings, api_id, now or datetime.now(UTC))
        notes = (note,) if note else ()
    else:
        metrics, notes = None, ()
    owned = {step.type for step in stack.steps if stack.owns(step)}
    links = console_links(stack.settings, api_id) if console else {}
    return Details(
        items=table.ids.get("items") if table else None,
        size=table.ids.get("bytes") if table else None,
        updated=_moment(function.ids.get("updated")) if function else None,
        memory=function.fields.get("memory") if function else None,
        metrics=metrics,
        links={type_: url for type_, url in links.items() if type_ in owned},
        notes=notes,
    )


def details_lines(details: Details, *, encoding: str = "utf-8") -> Iterator[tuple[str, str]]:
    """(line, style) pairs; `encoding` is that of where they go."""
    if details.items is not None:
        size = "" if details.size is None else f", {_size(details.size)}"
        yield (
            f"  Table     {_count(details.items, 'item')}{size} (DynamoDB's count, up to {COUNTED_EVERY_HOURS} h old)",
            "",
        )
    if details.memory is not None:
        when = f", last updated {_shown(details.updated)}" if details.updated else ""
        yield f"  Function  {details.memory} MB{when}", ""
    if details.metrics:
        yield from _metric_lines(details.metrics, encoding)
    for note in details.notes:
        yield f"  {note}", "dim"
    if details.links:
        yield "  Console", ""
        # The URL comes last and is never wrapped, so that it can be copied.
        yield from ((f"    {_TITLES[type_]:<16}{url}", "dim") for type_, url in details.links.items())


def details_json(details: Details) -> dict[str, Any]:
    """For the document of `status`: the keys are a contract. Times are ISO 8601."""
    metrics = asdict(details.metrics) | {"start": details.metrics.start.isoformat()} if details.metrics else None
    return {
        "table": {"items": details.items, "bytes": details.size, "counted_every_hours": COUNTED_EVERY_HOURS},
        "function": {"memory": details.memory, "updated": details.updated.isoformat() if details.updated else None},
        "metrics": metrics,
        "links": dict(details.links),
        "notes": list(details.notes),
    }


def _metric_lines(metrics: Metrics, encoding: str) -> Iterator[tuple[str, str]]:
    def row(title: str, value: str, hours: tuple[float | None, ...] | None = None) -> tuple[str, str]:
        drawn = f"  {sparkline(hours, encoding)}" if hours else ""
        return f"    {title:<15}{value:<24}{drawn}".rstrip(), ""

    yield "  Last 24 hours, by the hour", ""
    if metrics.requests is not None:
        yield row("requests", f"{sum(metrics.requests):,.0f}", metrics.requests)
    for title, counts in (
        ("4xx", metrics.client_errors),
        ("5xx", metrics.server_errors),
        ("throttles", metrics.throttles),
        ("Lambda errors", metrics.function_errors),
    ):
        if counts is not None:
            yield row(title, f"{sum(counts):,.0f}", counts if any(counts) else None)
    if metrics.latency_p50 is not None and metrics.latency_p95 is not None:
        yield row("latency", _percentiles(metrics.latency_p50, metrics.latency_p95), metrics.latency_p95_hourly)
    if metrics.function_p50 is not None and metrics.function_p95 is not None:
        yield row("in Lambda", _percentiles(metrics.function_p50, metrics.function_p95))


def _percentiles(p50: float, p95: float) -> str:
    return f"p50 {p50:,.0f} ms, p95 {p95:,.0f} ms"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _size(number: int) -> str:
    """Bytes as people read them: `512 bytes`, `3.4 KB`."""
    size = float(number)
    for unit in ("bytes", "KB", "MB", "GB"):
        if size < 1000:  # noqa: PLR2004 - decimal units
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def _moment(text: str | None) -> datetime | None:
    """Lambda's `2026-11-23T10:24:52.296+0000`; None for anything else."""
    try:
        return datetime.fromisoformat(text or "")
    except ValueError:
        return None


def _shown(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")
