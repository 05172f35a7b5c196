"""A step: the code for one AWS resource. It can read it, compare it, ensure it and delete it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from items_api.errors import CannotChange, NotOurs, NotSettled, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Set

    from botocore.exceptions import ClientError

    from items_api.provision.aws import Aws
    from items_api.settings import Arns, Settings

T = TypeVar("T")


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
    """How a resource stands to the settings."""

    OK = "ok"
    DRIFTED = "drifted"
    MISSING = "missing"
    FOREIGN = "foreign"


@dataclass(frozen=True)
class Drift:
    """One field on which the settings and AWS disagree; `stage.throttle rate` is the throttle rate of `stage`."""

    field: str
    have: Any
    want: Any

    @property
    def part(self) -> str:
        return self.field.partition(".")[0]


@dataclass(frozen=True)
class Found:
    """What `read` saw of one resource.

    `fields` is what `compare` holds against `Step.want`. `tags` is None for what AWS gives no tags. `leaving` means
    that AWS is deleting it. `ids` are what AWS chose (an API id, a role id) and others need. `notes` are for the user.
    """

    arn: str
    fields: Mapping[str, Any]
    tags: Mapping[str, str] | None = None
    leaving: bool = False
    ids: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Right:
    """IAM actions that a step's calls need of whoever runs them, and the ARNs on which; ready for a policy statement.

    Which action on which ARN is from AWS's Service Authorization Reference, except where a comment says otherwise:
    https://docs.aws.amazon.com/service-authorization/latest/reference/reference.html
    """

    actions: tuple[str, ...]
    arns: tuple[str, ...]
    condition: Mapping[str, Mapping[str, str]] | None = None


@dataclass(frozen=True)
class Progress:
    """A step is at work; `waiting` says what for, or is empty."""

    title: str
    waiting: str = ""


@dataclass(frozen=True)
class Outcome:
    """What became of one resource: `change` after `up` and `down`, `state` from `status`."""

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


class Step(ABC):
    """One resource of one stack. What it needs of other steps it takes in its constructor and names in `needs`."""

    type: ClassVar[str]  # the CloudFormation type name
    title: ClassVar[str]
    # The fields that AWS does not change in place.
    fixed: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, settings: Settings, arns: Arns, aws: Aws, *needs: Step) -> None:
        self.settings = settings
        self.arns = arns
        self.aws = aws
        self.needs = needs
        self.found: Found | None = None
        # Where progress goes; the stack puts its own listener here.
        self.say: Callable[[str], None] = lambda text: None  # noqa: ARG005

    @property
    @abstractmethod
    def name(self) -> str: ...

    @classmethod
    @abstractmethod
    def rights(cls, arns: Arns) -> tuple[Right, ...]:
        """What all calls of this step together need."""

    @property
    def documents(self) -> frozenset[str]:
        """The fields that are compared and shown whole."""
        return frozenset()

    @abstractmethod
    def read(self) -> Found | None:
        """Look, change nothing. None only if AWS says that it is not there."""

    @abstractmethod
    def want(self) -> dict[str, Any]:
        """The fields as the settings have them."""

    @abstractmethod
    def create(self) -> Found:
        """Make the bare resource, with its tags; what differs from `want` then is `update`'s to mend.

        If it exists after all (a lost answer, another `up`), it is taken if it is the stack's own.
        """

    @abstractmethod
    def update(self, found: Found, parts: Set[str]) -> None:
        """Make the differences go; `parts` are the fields of `want`, and "tags", that differ."""

    @abstractmethod
    def delete(self, found: Found) -> None:
        """Delete, and wait until it is gone; that it is gone already is fine."""

    def compare(self, found: Found) -> tuple[Drift, ...]:
        drift = [d for name, want in self.want().items() for d in self._differences(name, found.fields.get(name), want)]
        if found.tags is not None:
            want_tags = self.want_tags()
            have_tags = {key: found.tags[key] for key in want_tags if key in found.tags}
            drift += self._differences("tags", have_tags, want_tags)
        return tuple(drift)

    def _differences(self, name: str, have: Any, want: Any) -> list[Drift]:
        if have == want:
            return []
        if name in self.documents or not (isinstance(have, dict) and isinstance(want, dict)):
            return [Drift(name, have, want)]
        both = {**want, **have}
        return [d for key in both for d in self._differences(f"{name}.{key}", have.get(key), want.get(key))]

    def notes(self, found: Found, drift: tuple[Drift, ...]) -> tuple[str, ...]:  # noqa: ARG002
        """What else is to be known of it."""
        return found.notes

    def want_tags(self) -> dict[str, str]:
        return self.settings.all_tags

    def is_ours(self, found: Found) -> bool:
        tags = self.settings.owner_tags.items()
        return found.tags is None or tags <= found.tags.items()

    def look(self) -> Found | None:
        """Read, and remember what was seen."""
        self.found = self.read()
        return self.found

    def ensure(self) -> Change:
        """Converge from what `look` saw: create or update, or leave alone what is as it should be."""
        found = self.found
        if found is None or found.leaving:
            change = Change.CREATED
            found = self.create()
        else:
            change = Change.UNCHANGED
        self.found = found
        if drift := self.compare(found):
            self.must_be_changeable(drift)
            self.update(found, {d.part for d in drift})
            if change is Change.UNCHANGED:
                change = Change.UPDATED
        return change

    def take_existing(self) -> Found:
        """AWS says that it exists though `look` did not see it: wait until it shows, and see whose it is.

        Tags may show later than what they are on.
        """
        waiting = f"until the {self.title} shows up"
        try:
            found = self.settle(
                self.read, until=lambda seen: seen is not None and self.is_ours(seen), waiting=waiting, seconds=10
            )
        except NotSettled:
            found = self.read()
            if found is None:
                raise
            raise self.foreign(found) from None
        assert found is not None  # noqa: S101 - what settle was told to wait for
        return found

    def settle(
        self,
        attempt: Callable[[], T],
        *,
        until: Callable[[T], bool] = lambda _: True,
        passing: Callable[[ClientError], bool] = lambda _: False,
        waiting: str,
        seconds: float = 300.0,
    ) -> T:
        """See `Aws.settle`."""
        return self.aws.settle(attempt, until=until, passing=passing, waiting=waiting, say=self.say, seconds=seconds)

    def must_be_changeable(self, drift: tuple[Drift, ...]) -> None:
        stuck = [d for d in drift if d.part in self.fixed]
        if stuck:
            differences = "; ".join(f"{d.field} is {d.have!r}, wanted {d.want!r}" for d in stuck)
            raise CannotChange(
                f"The {self.title} {self.name} differs in what AWS does not change in place: {differences}.",
                "Only a new one would do, and this tool never deletes in order to create.",
                "Move what you need out of it, delete it, and run up again; or choose another --name.",
            )

    def check_adoptable(self, found: Found) -> None:  # noqa: B027 - most can be taken over as they are
        """Raise `NotOurs` where --adopt can not tell which resource is meant."""

    def foreign(self, found: Found) -> NotOurs:
        tags = found.tags or {}
        if tags.get("managed-by") == "items-api" and "items-api:stack" in tags:
            stack, region = tags["items-api:stack"], tags.get("items-api:region", "?")
            return NotOurs(
                f"The {self.title} {self.name} belongs to the stack {stack} of region {region}.",
                "Its name is one for all regions."
                if stack == self.settings.name
                else "The names of both stacks lead to this one.",
                "Choose another --name here.",
            )
        return NotOurs(
            f"The {self.title} {self.name} exists already and is not this stack's ({found.arn}).",
            "It does not carry the tags " + ", ".join(f"{k}={v}" for k, v in self.settings.owner_tags.items()) + ".",
            "Choose another --name, delete it yourself, or take it over with --adopt.",
        )
