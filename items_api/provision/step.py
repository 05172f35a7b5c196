"""A step: the code for one AWS resource. It reads, compares, creates, updates and deletes it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from items_api.aws.errors import AwsError, tolerate
from items_api.errors import CannotChange, DeletedMeanwhile, ForeignResource, TimedOut
from items_api.provision.outcome import Change, Drift, Outcome, Weakening

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Set

    from items_api.aws.client import Aws
    from items_api.aws.errors import ServiceError
    from items_api.settings import Arns, Settings

T = TypeVar("T")
_DELETE_AGAIN_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True)
class Found:
    """What `read` found of one resource. Each resource adds the values that AWS chose and others need.

    `Step.compare` compares `fields` with `Step.want`. `tags` is None for a resource that takes no tags.
    `deleting` means that AWS is deleting it; its tags may be gone (None). `notes` are for the user.
    """

    arn: str
    fields: Mapping[str, Any]
    tags: Mapping[str, str] | None = None
    deleting: bool = False
    notes: tuple[str, ...] = ()


F = TypeVar("F", bound=Found)


def as_map(tags: Iterable[Any]) -> dict[str, str]:
    """Tags in the format of DynamoDB and IAM as a dict; `Settings.tag_list` is the opposite."""
    return {tag["Key"]: tag["Value"] for tag in tags}


def stack_of(tags: Mapping[str, str]) -> str | None:
    """The stack that a resource with these tags belongs to; None if it was not created by this tool."""
    return tags.get("items-api:stack") if tags.get("managed-by") == "items-api" else None


@dataclass(frozen=True)
class Right:
    """IAM actions that the calls of a step need, and the ARNs they apply to. It becomes one policy statement.

    The source is AWS's Service Authorization Reference. Comments give the source where it is incomplete:
    https://docs.aws.amazon.com/service-authorization/latest/reference/reference.html
    """

    actions: tuple[str, ...]
    arns: tuple[str, ...]
    condition: Mapping[str, Mapping[str, str]] | None = None


class Step(ABC, Generic[F]):
    """One resource of one stack. The constructor takes the steps it depends on and lists them in `needs`."""

    type: ClassVar[str]  # the CloudFormation type name
    title: ClassVar[str]
    # Fields that AWS cannot change in place.
    fixed: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, settings: Settings, arns: Arns, aws: Aws, *needs: Step[Any]) -> None:
        self.settings = settings
        self.arns = arns
        self.aws = aws
        self.needs = needs
        self.found: F | None = None
        # Receives what the step waits for; the stack sets it.
        self.report: Callable[[str], None] = lambda _: None
        self.settle = partial(aws.settle, report=lambda waiting: self.report(waiting))  # noqa: PLW0108 - it changes

    @property
    @abstractmethod
    def name(self) -> str: ...

    @classmethod
    @abstractmethod
    def rights(cls, arns: Arns) -> tuple[Right, ...]:
        """The rights that all calls of this step need."""

    @property
    def documents(self) -> frozenset[str]:
        """Fields that are compared and shown as a whole."""
        return frozenset()

    @abstractmethod
    def read(self) -> F | None:
        """Read the resource without changing it. None only if AWS says that it does not exist."""

    @abstractmethod
    def want(self) -> dict[str, Any]:
        """The fields that the settings ask for."""

    @abstractmethod
    def create(self) -> F:
        """Create the bare resource with its tags; `update` then applies whatever differs from `want`.

        If it already exists (a lost response, another `up`), it is used if it belongs to this stack.
        """

    @abstractmethod
    def update(self, found: F, parts: Set[str]) -> None:
        """Apply the differences. `parts` are the fields of `want` that differ, and "tags" if they do."""

    @abstractmethod
    def delete(self, found: F) -> None:
        """Delete the resource and wait until it is gone. It is not an error if the resource is already gone."""

    @property
    def has_unused(self) -> bool:
        """Whether `update` has kept what the settings do not need, because callers of the old release may need it."""
        return False

    def remove_unused(self) -> None:
        """Remove it. Callers reach the new release now."""

    def compare(self, found: F) -> tuple[Drift, ...]:
        drift = [d for name, want in self.want().items() for d in self._differences(name, found.fields.get(name), want)]
        if found.tags is not None:
            drift += self._differences("tags", found.tags, self.want_tags())
        return tuple(drift)

    def _differences(self, name: str, have: Any, want: Any) -> list[Drift]:
        if have == want:
            return []
        if name in self.documents or not (isinstance(have, dict) and isinstance(want, dict)):
            return [Drift(name, have, want)]
        # A resource may have tags of others.
        keys = [*want, *self.unwanted(have)] if name.endswith("tags") else {**want, **have}
        return [d for key in keys for d in self._differences(f"{name}.{key}", have.get(key), want.get(key))]

    def weakenings(self, found: F) -> tuple[Weakening, ...]:
        """The restrictions that `update` would remove."""
        del found
        return ()

    def notes(self, found: F, drift: tuple[Drift, ...]) -> tuple[str, ...]:
        """Other facts that the user should know."""
        del drift
        return found.notes

    def want_tags(self) -> dict[str, str]:
        return self.settings.all_tags

    def unwanted(self, tags: Iterable[str]) -> list[str]:
        """Which keys of a resource's tags belong to tags that the stack had earlier."""
        return sorted(self.settings.former_tags.intersection(tags))

    def is_ours(self, found: F) -> bool:
        tags = self.settings.owner_tags.items()
        return found.tags is None or tags <= found.tags.items()

    @property
    def owned(self) -> F | None:
        """What `look` found, if it belongs to this stack."""
        return self.found if self.found and self.is_ours(self.found) else None

    def look(self) -> F | None:
        """Read the resource and remember what was found."""
        self.found = self.read()
        return self.found

    def read_again(self) -> F | None:
        """`read` after a write. In a rehearsal, which sends no writes, it is what the writes would lead to."""
        if self.aws.is_rehearsal and self.found:
            return replace(self.found, fields=self.want(), tags=self.want_tags(), deleting=False)
        return self.read()

    def ensure(self) -> Change:
        """Converge from what `look` found: create, update, or leave a matching resource alone."""
        found = self.found
        change = Change.UNCHANGED
        if found is None or found.deleting:
            change = Change.CREATED
            found = self.create()
        self.found = found
        if drift := self.compare(found):
            self.require_changeable(drift)
            self.update(found, {d.part for d in drift})
            if change is Change.UNCHANGED:
                change = Change.UPDATED
        return change

    def outcome(self, **what: Any) -> Outcome:
        found = self.found
        return Outcome(
            type=self.type,
            title=self.title,
            name=self.name,
            arn=found.arn if found else None,
            notes=found.notes if found else (),
            **what,
        )

    def explained(self, verb: str, act: Callable[[], T]) -> T:
        """The result of `act`. An error of AWS becomes a `Problem`: "Could not delete the DynamoDB table Items"."""
        try:
            return act()
        except AwsError as error:
            raise error.problem(f"Could not {verb} the {self.title} {self.name}") from error

    def deleted_meanwhile(self, when: str) -> DeletedMeanwhile:
        return DeletedMeanwhile(
            f"The {self.title} {self.name} was deleted {when}.",
            "Another items-api down is probably running.",
            "Run the command again when it has finished.",
        )

    def existing(self) -> F:
        """The resource that `look` did not find although it exists. Its tags can appear later than the resource."""
        try:
            found = self.settle(
                self.read,
                until=lambda seen: seen is not None and self.is_ours(seen),
                waiting=f"for the {self.title} to appear",
                seconds=10,
            )
        except TimedOut:
            found = self.read()
            if found is None:
                raise
            raise self.foreign(found) from None
        assert found is not None  # noqa: S101 - `until` guarantees it
        return found

    def is_gone(self) -> bool:
        """Whether AWS says that the resource does not exist."""
        return self.read() is None

    def delete_until_gone(
        self,
        found: F,
        delete: Callable[[], object],
        *,
        absent: str,
        transient: Callable[[ServiceError], bool] = lambda _: False,
    ) -> None:
        """Delete the resource and wait until it is gone.

        The request is repeated every ten seconds: what accepted it may have been a proxy that did not pass it on.

        Args:
            found: what `read` found.
            delete: sends the request.
            absent: the error code that says that the resource does not exist.
            transient: errors after which the request is sent again immediately.
        """
        sent = found.deleting
        due = self.aws.now() + (_DELETE_AGAIN_SECONDS if sent else 0)

        def attempt() -> bool:
            nonlocal sent, due
            if self.aws.now() >= due:
                if sent and not ((now := self.read()) and self.is_ours(now)):
                    return True  # it is gone; if there is one, someone else has created it since
                with tolerate(absent):
                    delete()
                sent, due = True, self.aws.now() + _DELETE_AGAIN_SECONDS
            return self.aws.is_rehearsal or self.is_gone()

        self.settle(attempt, until=bool, transient=transient, waiting=f"for the {self.title} to be deleted")

    def require_changeable(self, drift: tuple[Drift, ...]) -> None:
        fixed = [d for d in drift if d.part in self.fixed]
        if fixed:
            differences = "; ".join(f"{d.field} is {d.have!r}, expected {d.want!r}" for d in fixed)
            raise CannotChange(
                f"The {self.title} {self.name} differs in a way that AWS cannot change in place: {differences}.",
                "It would have to be replaced, and items-api never deletes a resource to recreate it.",
                "Move its data, delete it and run the command again, or choose another --name.",
            )

    def check_adoptable(self, found: F) -> None:
        """Raise `ForeignResource` if this resource cannot be adopted. Most resources can."""

    def foreign(self, found: F) -> ForeignResource:
        tags = found.tags or {}
        if stack := stack_of(tags):
            region = tags.get("items-api:region", "?")
            return ForeignResource(
                f"The {self.title} {self.name} belongs to the stack {stack} in region {region}.",
                "Both regions would use the same name."
                if stack == self.settings.name
                else "Both stacks would use the same name.",
                "Choose another --name.",
            )
        return ForeignResource(
            f"The {self.title} {self.name} already exists and does not belong to this stack ({found.arn}).",
            "It lacks the tags " + ", ".join(f"{k}={v}" for k, v in self.settings.owner_tags.items()) + ".",
            "Choose another --name, delete it yourself, or adopt it with --adopt.",
        )
