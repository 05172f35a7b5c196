"""The steps of a stack and their order, and the four things done with them: look, plan, up and down.

The order is read off the constructors: a step comes after those it takes. Going up, the table, the role, the log group
and the API have no needs and start side by side; the function waits for the role and the log group, the permission for
the function and the API. Going down it is the reverse, with the API before the function so that no request meets a
missing one.
"""

from __future__ import annotations

import queue
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from items_api.errors import NotSettled, Problem, Vanished
from items_api.provision.api import Api
from items_api.provision.aws import Stopped
from items_api.provision.function import Function
from items_api.provision.logs import LogGroup
from items_api.provision.permission import Permission
from items_api.provision.refusals import problem_from
from items_api.provision.role import Role
from items_api.provision.step import Change, Drift, Outcome, Progress, State, Step
from items_api.provision.table import Table
from items_api.settings import Arns

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping

    from items_api.provision.aws import Aws
    from items_api.settings import Settings

T = TypeVar("T")
_ROUNDS_DOWN = 3
_UNTIL_GONE_SHOWS = 1.0  # seconds


class Stack:
    """One deployed copy: its steps, in the tutorial's order."""

    def __init__(self, settings: Settings, aws: Aws, account: str) -> None:
        arns = Arns(settings, account)
        self.settings = settings
        self.account = account
        self.aws = aws
        self.table = Table(settings, arns, aws)
        self.role = Role(settings, arns, aws)
        self.logs = LogGroup(settings, arns, aws)
        self.function = Function(settings, arns, aws, self.role, self.logs)
        self.api = Api(settings, arns, aws)
        self.permission = Permission(settings, arns, aws, self.function, self.api)
        self.steps: tuple[Step, ...] = (self.table, self.role, self.logs, self.function, self.api, self.permission)
        self._adopt = False
        # What became of each step in the last `up` or `down`, also when that was cut short.
        self.outcomes: dict[Step, Outcome] = {}
        # What was still there when the last `down` looked again.
        self.left: list[Outcome] = []

    @property
    def endpoint(self) -> str | None:
        return self.api.endpoint

    def owns(self, step: Step) -> bool:
        """Whether `look` saw the step's resource, and it is the stack's own."""
        return step.found is not None and step.is_ours(step.found)

    def weakenings(self, plan: Iterable[Outcome]) -> list[str]:
        """What in a plan opens something up, and so is asked about first."""
        adopted = [
            f"take over what another made: {step.title} {step.name}"
            for step in self.steps
            if step.found and not step.is_ours(step.found)
        ]
        return adopted + [text for outcome in plan for drift in outcome.drift if (text := _weakening(drift))]

    def look_at_api(self) -> None:
        self._explained("read", self.api, self.api.look)

    def count_items(self) -> tuple[int, bool] | None:
        """See `Table.count_items`."""
        return self._explained("count the items of", self.table, self.table.count_items)

    def look(self) -> list[Outcome]:
        """Read everything, side by side, and tell the state and drift of each resource. Writes nothing."""
        self.aws.together(*(lambda step=step: self._explained("read", step, step.look) for step in self.steps))
        return [self._state(step) for step in self.steps]

    def plan(self, *, adopt: bool = False) -> list[Outcome]:
        """What `up` would do, from what `look` saw. Raises `NotOurs` or `CannotChange` where it would have to stop.

        With `adopt`, what is not the stack's own is to be taken over, here and by the `up` that follows.
        """
        self._adopt = adopt
        return [self._planned(step, adopt=adopt) for step in self.steps]

    def up(self) -> Generator[Progress | Outcome]:
        """Converge from what `look` saw. Yields as things happen; steps that need a failed one are skipped.

        AWS goes on showing for a moment what has been deleted. Where that turns out to be gone, it is looked at again.
        """
        graph = {step: set(step.needs) for step in self.steps}
        done: dict[Step, Outcome] = {}
        for last in (False, False, True):
            yield from self._run(graph, lambda step: ("create or update", lambda: self._ensured(step)))
            # What an earlier round made is unchanged in a later one, and was made all the same.
            made = {step: o for step, o in done.items() if o.change in (Change.CREATED, Change.UPDATED)}
            unchanged = {step for step, o in self.outcomes.items() if o.change is Change.UNCHANGED}
            done = {**self.outcomes, **{step: o for step, o in made.items() if step in unchanged}}
            self.outcomes = done
            if last or not any(isinstance(outcome.error, Vanished) for outcome in done.values()):
                return
            self.aws.pause(_UNTIL_GONE_SHOWS)
            self.look()

    def down(self, *, keep_table: bool = False) -> Generator[Progress | Outcome]:
        """Delete what `look` saw and is the stack's own, in reverse, and look again in every service.

        What shows only then (AWS's lists lag behind its creates, another `up` may be at work) is deleted too. `left` is
        what is still there at the end, and is the stack's own.
        """
        graph: dict[Step, set[Step]] = {step: set() for step in self.steps}
        for step in self.steps:
            for needed in step.needs:
                graph[needed].add(step)
        graph[self.function].add(self.api)
        kept = {self.table} if keep_table else set()
        deleted: dict[Step, Outcome] = {}
        for _ in range(_ROUNDS_DOWN):
            yield from self._run(graph, lambda step: ("delete", lambda: self._deleted(step, kept=step in kept)))
            deleted |= {step: o for step, o in self.outcomes.items() if o.change is not Change.ABSENT}
            self.outcomes |= deleted
            self.look()
            self.left = [self._state(step) for step in self.steps if self.owns(step) and step not in kept]
            if not self.left or any(outcome.error for outcome in self.outcomes.values()):
                return

    def _state(self, step: Step) -> Outcome:
        found = step.found
        if found is None:
            return _outcome(step, state=State.MISSING)
        if not step.is_ours(found):
            return replace(_outcome(step, state=State.FOREIGN), notes=(str(step.foreign(found)),))
        drift = step.compare(found)
        state = State.DRIFTED if drift else State.OK
        return replace(_outcome(step, state=state, drift=drift), notes=step.notes(found, drift))

    def _planned(self, step: Step, *, adopt: bool) -> Outcome:
        found = step.found
        if found is None or found.leaving:
            return _outcome(step, change=Change.CREATED)
        if not step.is_ours(found):
            if not adopt:
                raise step.foreign(found)
            step.check_adoptable(found)
        drift = step.compare(found)
        step.must_be_changeable(drift)
        change = Change.UPDATED if drift else Change.UNCHANGED
        return replace(_outcome(step, change=change, drift=drift), notes=step.notes(found, drift))

    def _ensured(self, step: Step) -> Outcome:
        if step.found and not (step.found.leaving or self._adopt or step.is_ours(step.found)):
            raise step.foreign(step.found)
        before = step.compare(step.found) if step.found else ()
        change = step.ensure()
        return _outcome(step, change=change, drift=before if change is Change.UPDATED else ())

    def _deleted(self, step: Step, *, kept: bool) -> Outcome:
        found = step.found
        if found is None:
            return _outcome(step, change=Change.ABSENT)
        if not step.is_ours(found):
            left = step.foreign(found)
            return replace(_outcome(step, change=Change.SKIPPED), notes=(f"left alone: {left.what}",))
        if kept:
            return replace(_outcome(step, change=Change.SKIPPED), notes=("kept, with its data, as asked",))
        step.delete(found)
        return _outcome(step, change=Change.DELETED)

    def _run(
        self,
        graph: Mapping[Step, set[Step]],
        work: Callable[[Step], tuple[str, Callable[[], Outcome]]],
    ) -> Generator[Progress | Outcome]:
        """Work off the graph with a thread a step; end every wait and worker when the caller goes away."""
        events: queue.Queue[Progress | Step | BaseException] = queue.Queue()
        sorter = TopologicalSorter(graph)
        sorter.prepare()
        self.outcomes = {}
        blocking: set[Step] = set()  # what failed, and what was not tried for that
        with ThreadPoolExecutor(len(self.steps), thread_name_prefix="step") as pool:
            try:
                while sorter.is_active():
                    for step in sorter.get_ready():
                        verb, act = work(step)
                        if undone := [need for need in graph[step] if need in blocking]:
                            blocking.add(step)
                            act = _skip(step, undone[0])
                        pool.submit(self._work, step, verb, act, events)
                    event = events.get()
                    if isinstance(event, BaseException):
                        raise event  # noqa: TRY301 - a worker's bug, raised where the user stands
                    if isinstance(event, Step):
                        if self.outcomes[event].change is Change.FAILED:
                            blocking.add(event)
                        sorter.done(event)
                        yield self.outcomes[event]
                    else:
                        yield event
            except BaseException:  # Ctrl-C, or the caller closed the generator: nobody waits for the workers any more
                self.aws.stop()
                raise

    def _work(
        self, step: Step, verb: str, act: Callable[[], Outcome], events: queue.Queue[Progress | Step | BaseException]
    ) -> None:
        said = ""

        def say(waiting: str) -> None:
            nonlocal said
            if waiting != said:
                said = waiting
                events.put(Progress(step.title, waiting))

        step.say = say
        events.put(Progress(step.title))
        started = self.aws.now()
        try:
            outcome = self._explained(verb, step, act)
        except Problem as problem:
            outcome = replace(_outcome(step, change=Change.FAILED), error=problem)
        except Stopped:
            outcome = replace(_outcome(step, change=Change.FAILED), error=_interrupted(step, verb))
        except BaseException as bug:  # noqa: BLE001 - it is raised again where the caller stands
            events.put(bug)
            return
        self.outcomes[step] = replace(outcome, seconds=round(self.aws.now() - started, 3))
        events.put(step)

    def _explained(self, verb: str, step: Step, act: Callable[[], T]) -> T:
        try:
            return act()
        except (ClientError, BotoCoreError, ResponseParserError) as error:
            raise problem_from(error, f"Could not {verb} the {step.title} {step.name}") from error


def _outcome(step: Step, **what: object) -> Outcome:
    found = step.found
    return Outcome(
        type=step.type,
        title=step.title,
        name=step.name,
        arn=found.arn if found else None,
        notes=found.notes if found else (),
        **what,  # type: ignore[arg-type]
    )


def _weakening(drift: Drift) -> str:
    """What a difference, once mended, lets in that was kept out; empty if nothing."""
    text = ""
    match drift:
        case Drift("cors", None, _):
            text = "let browsers of other origins call"
        case Drift("cors.origins", list() as have, list() as want) if "*" not in have and set(want) - set(have):
            text = f"let browsers call from {', '.join(want)} (now: {', '.join(have) or 'none'})"
        case Drift("cors.methods" | "cors.headers", list() as have, list() as want) if set(want) - set(have):
            text = (
                f"let browsers use the {drift.field.removeprefix('cors.')} {', '.join(sorted(set(want) - set(have)))}"
            )
        case Drift("stage.throttle rate" | "stage.throttle burst", have, want) if have is not None and want > have:
            text = f"lift the {drift.field.removeprefix('stage.')} from {have:g} to {want:g}"
        case Drift("endpoint disabled", True, _):
            text = "open the API's endpoint, which is switched off"
        case Drift(field, have, "NONE") if field.endswith(".authorization") and have:
            text = f"let anybody call {drift.part.removeprefix('route ')}, which asks for {have}"
    return text


def _skip(step: Step, needed: Step) -> Callable[[], Outcome]:
    note = f"not tried: the {needed.title} comes first"
    return lambda: replace(_outcome(step, change=Change.SKIPPED), notes=(note,))


def _interrupted(step: Step, verb: str) -> Problem:
    return NotSettled(
        f"Interrupted before the {step.title} {step.name} was done ({verb}).",
        "What was under way may have taken effect.",
        "Run the same command again to finish, or items-api down to remove everything.",
    )
