"""What the services share: the place they stand in, ids, times, tags, pages."""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.aws_model.actions import ACCOUNT, partition_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.aws_model.clock import VirtualClock
    from tests.aws_model.delays import Delays
    from tests.aws_model.refusal import Refusal

Document = dict[str, Any]

_EPOCH = datetime(2025, 1, 1, tzinfo=UTC)  # the clock's zero


@dataclass
class Place:
    """An account in one region, and what its services look at: the clock, the delays, a source of ids."""

    region: str
    clock: VirtualClock
    delays: Delays
    page_size: int
    ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    account: str = ACCOUNT

    @property
    def partition(self) -> str:
        return partition_of(self.region)

    def arn(self, service: str, resource: str, *, region: str | None = None) -> str:
        where = self.region if region is None else region
        return f"arn:{self.partition}:{service}:{where}:{self.account}:{resource}"

    def now(self) -> float:
        return self.clock.now()

    def time(self) -> datetime:
        return _EPOCH + timedelta(seconds=self.now())

    def new_id(self, kind: str, length: int = 10) -> str:
        """Like AWS's: nothing in it tells which of two is older. The same in every run."""
        return hashlib.sha256(f"{kind} {next(self.ids)}".encode()).hexdigest()[:length]

    def page(self, items: Sequence[Any], token: str | None) -> tuple[list[Any], str | None]:
        """One page, and the token of the next one if there is one."""
        start = int(token or 0)
        end = start + self.page_size
        return list(items[start:end]), str(end) if end < len(items) else None


class Service:
    """One AWS service in one region.

    An operation `CreateRole` is the method `create_role`, which takes the request's parameters and returns the parsed
    answer, or raises `Refusal`. The world calls one at a time, so no method needs a lock.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self.begun: Any = None

    def busy_with(self, operation: str, parameters: Mapping[str, Any]) -> str | None:
        """What this write is at work on, if AWS refuses another one on the same thing at the same time."""
        del operation, parameters
        return None

    def overlap(self) -> Refusal:
        """The refusal of a write that came while another one was at work."""
        raise NotImplementedError

    def begin(self, operation: str, parameters: Mapping[str, Any]) -> Any:
        """Called when the request arrives; what it returns is there as `self.begun` when it takes effect."""
        del operation, parameters

    def catch_up(self) -> None:
        """Do what has come due in the meantime."""


def from_tag_list(tags: Sequence[Mapping[str, str]] | None) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in tags or ()}


def as_tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def clone(value: Any) -> Any:
    """A deep copy of plain data: neither side can reach into the other."""
    kind = type(value)
    if kind is dict:
        return {key: clone(inner) for key, inner in value.items()}
    return [clone(inner) for inner in value] if kind is list or kind is tuple else value
