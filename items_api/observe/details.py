"""The details that `status` shows in addition to the state: size, last update, metrics, and AWS console links."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from items_api.observe.metrics import Metrics

# "DynamoDB updates this value approximately every six hours":
# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TableDescription.html
COUNTED_EVERY_HOURS = 6


@dataclass(frozen=True)
class Details:
    """Details of the resources that belong to the stack; None for what is missing or unknown.

    `items` and `size` (bytes) are DynamoDB's own count, up to `COUNTED_EVERY_HOURS` old. `memory` is in MB. `links` are
    URLs by CloudFormation type name. `notes` explain what could not be read.
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
