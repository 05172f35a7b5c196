"""What `status` shows beside the state of a stack: size, last update, metrics, and its pages in the AWS console."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from items_api.observe.links import console_links
from items_api.observe.metrics import read_metrics

if TYPE_CHECKING:
    from collections.abc import Mapping

    from items_api.observe.metrics import Metrics
    from items_api.provision.stack import Stack

# "DynamoDB updates this value approximately every six hours":
# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TableDescription.html
COUNTED_EVERY_HOURS = 6


@dataclass(frozen=True)
class Details:
    """Details of the resources that belong to the stack; None for what is missing or unknown.

    `items` and `size` (bytes) are DynamoDB's own count, up to `COUNTED_EVERY_HOURS` old. `memory` is in MB. `links` are
    URLs by CloudFormation type name. `notes` say what could not be read.
    """

    items: int | None = None
    size: int | None = None
    updated: datetime | None = None
    memory: int | None = None
    metrics: Metrics | None = None
    links: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Times are in ISO 8601."""
        metrics = asdict(self.metrics) | {"start": self.metrics.start.isoformat()} if self.metrics else None
        return {
            "table": {"items": self.items, "bytes": self.size, "counted_every_hours": COUNTED_EVERY_HOURS},
            "function": {"memory": self.memory, "updated": self.updated.isoformat() if self.updated else None},
            "metrics": metrics,
            "links": dict(self.links),
            "notes": list(self.notes),
        }


def read_details(
    stack: Stack, *, console: bool = True, now: datetime | None = None, known: Details | None = None
) -> Details:
    """What the stack's `look` found, and its metrics, which take one request.

    Args:
        stack: a stack after `look`.
        console: whether an AWS console shows it, which is not the case with an emulator.
        now: the end of the 24 hours.
        known: earlier details whose metrics are reused: they cost money and change by the minute.
    """
    table, function, api = stack.table.owned, stack.function.owned, stack.api.owned
    if known:
        metrics, notes = known.metrics, known.notes
    elif api:
        metrics, note = read_metrics(stack.aws, stack.settings, api.api_id, now or datetime.now(UTC))
        notes = (note,) if note else ()
    else:
        metrics, notes = None, ()
    owned = {step.type for step in stack.steps if step.owned}
    links = console_links(stack.settings, api.api_id if api else None) if console else {}
    return Details(
        items=table.items if table else None,
        size=table.size if table else None,
        updated=_parsed(function.updated) if function else None,
        memory=function.fields.get("memory") if function else None,
        metrics=metrics,
        links={type_: url for type_, url in links.items() if type_ in owned},
        notes=notes,
    )


def _parsed(text: str | None) -> datetime | None:
    """Lambda's `2026-11-23T10:24:52.296+0000`; None for anything else."""
    try:
        return datetime.fromisoformat(text or "")
    except ValueError:
        return None
