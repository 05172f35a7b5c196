"""The details of a stack as lines: size, memory, metrics with sparklines, console links."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from items_api.observe.cost import DATE
from items_api.provision.stack import STEPS
from items_api.provision.versions import shortened
from items_api.terminal.text import Line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from items_api.observe.cost import Estimate
    from items_api.observe.details import Details
    from items_api.observe.metrics import Metrics

_BLOCKS = "▁▂▃▄▅▆▇█"
_ASCII = "_.-:=+*#"
_TITLES = {step.type: step.title for step in STEPS}


def details_lines(details: Details, *, encoding: str = "utf-8") -> Iterator[Line]:
    """`encoding` is the encoding of the output."""
    if details.items is not None:
        size = "" if details.size is None else f", {size_text(details.size)}"
        age = f" (DynamoDB's count, up to {details.counted_every_hours} h old)" if details.counted_every_hours else ""
        yield Line(f"  Table     {items_text(details.items)}{size}{age}")
    if details.memory is not None:
        when = f", last updated {time_text(details.updated)}" if details.updated else ""
        yield Line(f"  Function  {details.memory} MB{when}")
    if details.live:
        yield Line(f"  Release   {_version_text(details.live)}")
    if details.previous:
        yield Line(f"  Previous  {_version_text(details.previous)}")
    if details.metrics:
        yield from _metric_lines(details.metrics, encoding)
    if details.worst_case:
        yield from _cost_lines(details.month, details.worst_case)
    for note in details.notes:
        yield Line(f"  {note}", "dim")
    if details.links:
        yield Line("  Console")
        # URLs come last and are never wrapped, so that they can be copied.
        yield from (Line(f"    {_TITLES[type_]:<16}{url}", "dim") for type_, url in details.links.items())


def _cost_lines(month: Estimate | None, worst_case: Estimate) -> Iterator[Line]:
    """The source of the prices is in docs/cost.md."""
    if month:
        yield Line(f"  Cost      {dollars(month.total)} for the {month.requests:,.0f} requests of the last 30 days")
    label = " " * 10 if month else "Cost      "
    yield Line(
        f"  {label}at most {dollars(worst_case.total)} per month, at the throttle's {worst_case.requests:,.0f} requests"
    )


def estimate_lines(estimate: Estimate) -> Iterator[Line]:
    """The bill for a month, one line per service."""
    yield Line(f"Estimate for {estimate.requests:,.0f} requests per month, at prices of {DATE} in us-east-1:")
    yield from (Line(f"  {service:<16}{dollars(amount):>12}") for service, amount in estimate.services.items())
    yield Line(f"  {'total':<16}{dollars(estimate.total):>12}")


def dollars(amount: float) -> str:
    """`$0.01`, `$470`, `less than $0.01`."""
    if 0 < amount < 0.005:  # noqa: PLR2004 - rounds to 0.00
        return "<$0.01"
    return f"${amount:,.2f}" if amount < 100 else f"${amount:,.0f}"  # noqa: PLR2004 - cents do not matter


def _version_text(version: Mapping[str, Any]) -> str:
    published = version["published"]
    when = f", published {time_text(datetime.fromisoformat(published))}" if published else ""
    return f"version {version['version']}{when}, {shortened(version['description'])}"


def _metric_lines(metrics: Metrics, encoding: str) -> Iterator[Line]:
    def row(title: str, value: str, hours: tuple[float | None, ...] | None = None) -> Line:
        drawn = f"  {sparkline(hours, encoding)}" if hours else ""
        return Line(f"    {title:<15}{value:<24}{drawn}".rstrip())

    yield Line("  Last 24 hours, hourly")
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


def sparkline(values: Sequence[float | None], encoding: str = "utf-8") -> str:
    """One character per value, from 0 to the maximum; a space for None. ASCII if the encoding has no blocks."""
    try:
        _BLOCKS.encode(encoding)
        levels = _BLOCKS
    except UnicodeEncodeError:
        levels = _ASCII
    top = max((value for value in values if value is not None), default=0) or 1
    return "".join(" " if value is None else levels[round(value / top * (len(levels) - 1))] for value in values)


def _percentiles(p50: float, p95: float) -> str:
    return f"p50 {p50:,.0f} ms, p95 {p95:,.0f} ms"


def items_text(number: int) -> str:
    """`1 item`, `1,200 items`."""
    return f"{number:,} item{'' if number == 1 else 's'}"


def size_text(number: int) -> str:
    """`512 bytes`, `3.4 KB`."""
    size = float(number)
    for unit in ("bytes", "KB", "MB", "GB"):
        if size < 1000:  # noqa: PLR2004 - decimal units
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def time_text(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")
