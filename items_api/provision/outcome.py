"""What a step reports: the differences that it found, what it waits for, and its result."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from items_api.errors import Problem


class Change(StrEnum):
    """What a step did, or would do."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    DELETED = "deleted"
    ABSENT = "absent"
    FAILED = "failed"
    SKIPPED = "skipped"


class State(StrEnum):
    """How a resource compares with the settings."""

    OK = "ok"
    DRIFTED = "drifted"
    MISSING = "missing"
    FOREIGN = "foreign"


@dataclass(frozen=True)
class Drift:
    """A field on which the settings and AWS differ; `stage.throttle rate` is the throttle rate of the stage."""

    field: str
    have: Any
    want: Any

    @property
    def part(self) -> str:
        return self.field.partition(".")[0]


class Weakening(NamedTuple):
    """A restriction that `up` would remove: "raise the throttle rate from 5 to 100".

    `option` is the long name of the option that must say so on the command line: neither a file, a variable nor a
    default is enough. If it is empty, only a question is asked.
    """

    effect: str
    option: str = ""


@dataclass(frozen=True)
class Progress:
    """A step is running; `waiting` says what it waits for ("for the table to become ACTIVE") or is empty."""

    title: str
    waiting: str = ""


@dataclass(frozen=True)
class Outcome:
    """The result for one resource: `change` after `up` and `down`, `state` from `status`."""

    type: str
    title: str
    name: str
    arn: str | None = None
    change: Change | None = None
    state: State | None = None
    drift: tuple[Drift, ...] = ()
    seconds: float = 0.0
    error: Problem | None = None
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """For the JSON document. The keys are a contract."""
        return {
            "type": self.type,
            "name": self.name,
            "arn": self.arn,
            **({"change": self.change} if self.change else {}),
            **({"state": self.state} if self.state else {}),
            "drift": [asdict(drift) for drift in self.drift],
            "seconds": self.seconds,
            "notes": list(self.notes),
            "error": self.error,
        }
