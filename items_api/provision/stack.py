"""The steps of a stack, their order, and the operations on them: look, plan, up and down.

The order follows from the constructors: a step comes after the steps it takes. On the way up, the table, the role, the
log group and the API depend on nothing and start in parallel; the function waits for the role and the log group, the
release for the function and the table, and the permission for the release and the API. An API that calls something
other than the release is changed last, so that callers never reach a release that does not work yet; what it called
before is removed after that. On the way down the order is reversed, the API goes before the release, so that no request
reaches a missing function, and the table goes last.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from items_api import aws as aws_package
from items_api.errors import ChangedMeanwhile, Protected
from items_api.provision.api import Api
from items_api.provision.function import Function
from items_api.provision.log_group import LogGroup
from items_api.provision.outcome import Change, Drift, Outcome, Progress, State, Weakening
from items_api.provision.permission import Permission
from items_api.provision.release import Release
from items_api.provision.role import Role
from items_api.provision.running import Run
from items_api.provision.step import stack_of
from items_api.provision.table import Table
from items_api.provision.versions import index_word
from items_api.settings import Arns, index_name
from items_api.settings.tags import from_tags

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Generator, Mapping, Sequence

    from items_api.aws.client import Aws, Watcher
    from items_api.provision.running import AnyStep
    from items_api.provision.versions import Version
    from items_api.settings import Settings

Completed: TypeAlias = "Callable[[Mapping[str, Sequence[str]]], Settings]"
# In the tutorial's order, which is also the order of every list of resources.
STEPS: tuple[type[AnyStep], ...] = (Table, Role, LogGroup, Function, Release, Api, Permission)
_ROUNDS_DOWN = 3
_RECHECK_SECONDS = 1.0


class Stack:
    """One deployed copy: its steps, in the order of `STEPS`."""

    def __init__(self, settings: Settings, aws: Aws, account: str, completed: Completed | None = None) -> None:
        """`completed` completes the settings from those that the stack remembers, given by field, after each look."""
        arns = Arns(settings, account)
        self.settings = settings
        self._completed = completed
        self.account = account
        self.aws = aws
        self.table = Table(settings, arns, aws)
        self.role = Role(settings, arns, aws, self.table)
        self.logs = LogGroup(settings, arns, aws)
        self.function = Function(settings, arns, aws, self.role, self.logs)
        self.release = Release(settings, arns, aws, self.function, self.table)
        self.api = Api(settings, arns, aws)
        self.permission = Permission(settings, arns, aws, self.release, self.api)
        code = (self.table, self.role, self.logs, self.function, self.release)
        self.steps: tuple[AnyStep, ...] = (*code, self.api, self.permission)
        self._adopt = False
        # As `Settings.remembered`, from the tags of the table; None if they are missing although the stack exists.
        self.remembered: Mapping[str, Sequence[str]] | None = {}
        # The result of each step in the last `up` or `down`, even if it was interrupted.
        self.outcomes: dict[AnyStep, Outcome] = {}
        # What still existed when the last `down` looked again.
        self.remaining: list[Outcome] = []

    @property
    def endpoint(self) -> str | None:
        """The API's base URL, if the API belongs to this stack."""
        api = self.api.owned
        return api.endpoint if api else None

    @property
    def results(self) -> list[Outcome]:
        """`outcomes` so far, in the order of `STEPS`."""
        return [self.outcomes[step] for step in self.steps if step in self.outcomes]

    def weakenings(self) -> list[Weakening]:
        """The restrictions that `up` would remove. The user must confirm them first."""
        found = [(step, step.found) for step in self.steps if step.found and not step.found.deleting]
        return [
            *(
                Weakening(f"adopt the {step.title} {step.name}, which does not belong to this stack")
                for step, seen in found
                if not step.is_ours(seen)
            ),
            *(phrase for step, seen in found for phrase in step.weakenings(seen)),
        ]

    def look_at(self, *steps: AnyStep) -> None:
        """Read some resources in parallel."""
        self.aws.together(*(lambda step=step: step.explained("read", step.look) for step in steps))

    def count_items(self) -> tuple[int, bool] | None:
        """See `Table.count_items`."""
        return self.table.explained("count the items of", self.table.count_items)

    def look(self) -> list[Outcome]:
        """Read everything in parallel and return the state and drift of each resource. Writes nothing."""
        self.look_at(*self.steps)
        if self._completed:
            self._recall(self._completed)
        return [_state(step) for step in self.steps]

    def _recall(self, completed: Completed) -> None:
        table = self.table.owned
        remembered = from_tags((table and table.tags) or {}) if any(step.owned for step in self.steps) else {}
        if remembered is None and self.remembered:
            return  # another command is deleting the table, and this one continues with what it knows
        self.remembered = remembered
        self.settings = completed(self.remembered or {})
        for step in self.steps:
            step.settings, step.arns = self.settings, Arns(self.settings, self.account)

    def plan(self, *, adopt: bool = False) -> list[Outcome]:
        """What `up` would do, based on what `look` found.

        Args:
            adopt: allow resources that do not belong to the stack, here and in the following `up`.

        Raises:
            ForeignResource: a resource does not belong to the stack and is not adopted.
            CannotChange: AWS cannot make a necessary change in place.
        """
        self._adopt = adopt
        return [self._planned(step) for step in self.steps]

    def rehearse(self, watch: Watcher) -> None:
        """Pass every write that `up` would send after `plan` to `watch`, one step after the other. Sends nothing."""
        twin = Stack(self.settings, aws_package.rehearsal.Rehearsal.like(self.aws, watch), self.account)
        for step, ours in zip(twin.steps, self.steps, strict=True):
            step.found = ours.found
        for step in twin._graph_up():
            step.ensure()
        for step in twin.steps:
            if step.has_unused:
                step.remove_unused()

    def up(self) -> Generator[Progress | Outcome]:
        """Converge from what `look` found. Yields events as they happen; steps that need a failed step are skipped.

        If a resource turns out to be gone (AWS can list resources that were just deleted) or to be changed by someone
        else in the meantime, the stack is read again. What then needs another confirmation is not done.

        At the end, when callers reach the new release, the steps remove what only the old one needed.
        """
        confirmed = set(self.weakenings())
        done: dict[AnyStep, Outcome] = {}
        for last in (False, False, True):
            unfinished: list[Outcome] = []
            for event in self._run("create or update", self._ensured, self._graph_up()):
                if isinstance(event, Outcome) and any(s.has_unused for s in self.steps if s.title == event.title):
                    unfinished.append(event)
                else:
                    yield event
            finished = yield from self._remove_unused(confirmed)
            yield from (outcome for outcome in unfinished if outcome.title not in finished)
            # A resource that an earlier round created or updated is unchanged in a later one: keep the earlier change.
            earlier = {step: o for step, o in done.items() if o.change in (Change.CREATED, Change.UPDATED)}
            unchanged = {step for step, o in self.outcomes.items() if o.change is Change.UNCHANGED}
            done = {**self.outcomes, **{step: o for step, o in earlier.items() if step in unchanged}}
            self.outcomes = done
            if last or not any(isinstance(outcome.error, ChangedMeanwhile) for outcome in done.values()):
                return
            self.aws.pause(_RECHECK_SECONDS)
            self.look()
            if not confirmed.issuperset(self.weakenings()):
                return

    def _remove_unused(self, confirmed: Container[Weakening]) -> Generator[Progress | Outcome, None, set[str]]:
        """Returns the titles of the steps that did it."""
        first = self.outcomes
        steps = [step for step in self.steps if step.has_unused]
        table = self.table.found
        if table and not all(weakening in confirmed for weakening in self.table.weakenings(table)):
            steps = [step for step in steps if step not in (self.table, self.role)]  # another `up` created the table
        if not steps or any(outcome.error for outcome in first.values()):
            return set()

        def remove(step: AnyStep) -> Outcome:
            if step is self.table:
                self.release.check_needs_none_of(self.table.kept_indexes)
            step.remove_unused()
            return replace(first[step], change=Change.UPDATED)

        graph = {step: {*steps[:number]} for number, step in enumerate(steps)}
        yield from self._run("update", remove, graph)
        self.outcomes = {**first, **self.outcomes}
        return {step.title for step in steps}

    @property
    def queried(self) -> list[str]:
        """The attributes by which the live version selects items."""
        live = self.release.found.live if self.release.found else None
        attributes = {index_word(attribute): attribute for attribute in self.table.queryable}
        return [attributes.get(word, word) for word in live.indexes] if live else []

    def missing_indexes(self, version: Version) -> list[str]:
        """The attributes that the version queries but cannot: the table has no index, or the role may not use it.

        Each as an `index_word`.
        """
        have = {index_word(name) for name in self.table.queryable if self.role.may_query(index_name(name))}
        return [word for word in version.indexes if word not in have]

    def roll_back(self) -> Outcome:
        """Make the previous version live again, based on what `look` found. Raises as `Release.swap`."""
        live, previous = self.release.versions_to_swap()
        self.release.explained("roll back", self.release.swap)
        return self.release.outcome(change=Change.UPDATED, drift=(Drift("version", live.number, previous.number),))

    def check_protection(self) -> None:
        """Raise `Protected` if the table is protected against deletion."""
        table = self.table.owned
        if table and table.fields["deletion protection"]:
            raise Protected(
                f"The table {self.table.name} is protected against deletion. Nothing was deleted.",
                "The stack has --protect, or someone turned on the deletion protection of the table.",
            )

    def down(
        self, *, keep: Callable[[], str] | None = None, check: Callable[[], None] = lambda: None
    ) -> Generator[Progress | Outcome]:
        """Delete what `look` found and belongs to the stack, in reverse order, and look again in every service.

        Resources that appear only then (AWS's lists lag behind, another `up` may be running) are deleted too.
        `remaining` is what belongs to the stack and still exists at the end.

        Args:
            keep: why the table is kept; empty if it is deleted. Called just before its deletion.
            check: raises an error to end the work. Called just before each round and before the deletion of the table.

        Raises:
            Protected: the table is protected, and there is no `keep`. Nothing was deleted.
        """
        if not keep:
            self.check_protection()
        graph: dict[AnyStep, set[AnyStep]] = {step: set() for step in self.steps}
        for step in self.steps:
            for needed in step.needs:
                graph[needed].add(step)
        graph[self.release].add(self.api)
        # Last, because it has the settings and the expiry, which a `down` after an interrupted one still needs.
        graph[self.table] = set(self.steps) - {self.table}
        kept: set[AnyStep] = set()

        def delete(step: AnyStep) -> Outcome:
            if step is self.table and step.owned:
                check()
                if keep and (why := keep()):
                    kept.add(step)
                    return replace(step.outcome(change=Change.SKIPPED), notes=(why,))
            return _deleted(step)

        deleted: dict[AnyStep, Outcome] = {}
        for _ in range(_ROUNDS_DOWN):
            check()
            yield from self._run("delete", delete, graph)
            deleted |= {step: o for step, o in self.outcomes.items() if o.change is not Change.ABSENT}
            self.outcomes |= deleted
            self.look()
            self.remaining = [_state(step) for step in self.steps if step.owned and step not in kept]
            if not self.remaining or any(outcome.error for outcome in self.outcomes.values()):
                return

    def _run(
        self, verb: str, act: Callable[[AnyStep], Outcome], graph: Mapping[AnyStep, set[AnyStep]]
    ) -> Generator[Progress | Outcome]:
        run = Run(self.aws, verb, act)
        self.outcomes = run.outcomes
        return run.through(graph)

    def _graph_up(self) -> dict[AnyStep, set[AnyStep]]:
        """The steps in the order of `STEPS`, each with those that it waits for.

        An API that calls something else comes last, and what it calls is kept until then.
        """
        graph = {step: set(step.needs) for step in self.steps}
        self.release.keeps_unused = self.permission.keeps_unused = not self.api.calls_release
        if self.release.keeps_unused:
            graph[self.permission].remove(self.api)
            graph[self.api] = {*graph.pop(self.api), self.permission}
        return graph

    def _planned(self, step: AnyStep) -> Outcome:
        found = step.found
        if found is None or found.deleting:
            return step.outcome(change=Change.CREATED)
        if not step.is_ours(found):
            if not self._adopt:
                raise step.foreign(found)
            step.check_adoptable(found)
        drift = step.compare(found)
        step.require_changeable(drift)
        change = Change.UPDATED if drift else Change.UNCHANGED
        return replace(step.outcome(change=change, drift=drift), notes=step.notes(found, drift))

    def _ensured(self, step: AnyStep) -> Outcome:
        found = step.found
        if found and not (found.deleting or self._adopt or step.is_ours(found)):
            raise step.foreign(found)
        before = step.compare(found) if found else ()
        change = step.ensure()
        return step.outcome(change=change, drift=before if change is Change.UPDATED else ())


def stack_names(aws: Aws) -> list[str]:
    """The names of the stacks in an account and region, from the tags of their APIs."""
    names = {stack_of(api.get("Tags", {})) for api in aws.every(aws.apigateway.get_apis, "Items")}
    return sorted(name for name in names if name)


def _state(step: AnyStep) -> Outcome:
    found = step.found
    if found is None:
        return step.outcome(state=State.MISSING)
    if not step.is_ours(found):
        return replace(step.outcome(state=State.FOREIGN), notes=(str(step.foreign(found)),))
    drift = step.compare(found)
    state = State.DRIFTED if drift else State.OK
    return replace(step.outcome(state=state, drift=drift), notes=step.notes(found, drift))


def _deleted(step: AnyStep) -> Outcome:
    found = step.found
    if found is None:
        return step.outcome(change=Change.ABSENT)
    if not step.is_ours(found):
        return replace(step.outcome(change=Change.SKIPPED), notes=(f"not deleted: {step.foreign(found).what}",))
    step.delete(found)
    return step.outcome(change=Change.DELETED)
