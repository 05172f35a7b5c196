"""Runs steps in parallel, each as soon as those that it waits for are done."""

from __future__ import annotations

import queue
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, Any

from items_api.aws.errors import Stopped
from items_api.errors import Interrupted, Problem
from items_api.provision.outcome import Change, Outcome, Progress
from items_api.provision.step import Step

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from items_api.aws.client import Aws

AnyStep = Step[Any]


@dataclass
class Run:
    """`act` does for one step what `verb` says ("delete"). `outcomes` has the results so far."""

    aws: Aws
    verb: str
    act: Callable[[AnyStep], Outcome]
    outcomes: dict[AnyStep, Outcome] = field(default_factory=dict)
    _events: queue.Queue[Progress | AnyStep | BaseException] = field(default_factory=queue.Queue)

    def through(self, graph: Mapping[AnyStep, set[AnyStep]]) -> Generator[Progress | Outcome]:
        """Work through the steps, given with those that they wait for, one thread per step.

        A step that waits for one that failed is skipped. If the caller stops iterating, all waits and threads end.
        """
        sorter = TopologicalSorter(graph)
        sorter.prepare()
        blocking: set[AnyStep] = set()  # steps that failed, and steps that were skipped because of them
        with ThreadPoolExecutor(len(graph), thread_name_prefix="step") as pool:
            try:
                while sorter.is_active():
                    for step in sorter.get_ready():
                        failed = [need for need in graph[step] if need in blocking]
                        if failed:
                            blocking.add(step)
                        pool.submit(self._work, step, _skipping(failed[0]) if failed else self.act)
                    event = self._events.get()
                    if isinstance(event, BaseException):
                        raise event  # noqa: TRY301 - a bug in a worker, raised in the caller's thread
                    if isinstance(event, Step):
                        if self.outcomes[event].change is Change.FAILED:
                            blocking.add(event)
                        sorter.done(event)
                        yield self.outcomes[event]
                    else:
                        yield event
            except BaseException:  # Ctrl-C, or the caller closed the generator: the workers must stop
                self.aws.stop()
                raise

    def _work(self, step: AnyStep, act: Callable[[AnyStep], Outcome]) -> None:
        reported = ""

        def report(waiting: str) -> None:
            nonlocal reported
            if waiting != reported:
                reported = waiting
                self._events.put(Progress(step.title, waiting))

        step.report = report
        self._events.put(Progress(step.title))
        started = self.aws.now()
        try:
            outcome = step.explained(self.verb, lambda: act(step))
        except Problem as problem:
            outcome = step.outcome(change=Change.FAILED, error=problem)
        except Stopped:
            outcome = step.outcome(change=Change.FAILED, error=_interrupted(step, self.verb))
        except BaseException as defect:  # noqa: BLE001 - the caller's thread raises it again
            self._events.put(defect)
            return
        self.outcomes[step] = replace(outcome, seconds=round(self.aws.now() - started, 3))
        self._events.put(step)


def _skipping(failed: AnyStep) -> Callable[[AnyStep], Outcome]:
    note = f"skipped because it needs the {failed.title}"
    return lambda step: replace(step.outcome(change=Change.SKIPPED), notes=(note,))


def _interrupted(step: AnyStep, verb: str) -> Problem:
    return Interrupted(
        f"Interrupted before this step could {verb} the {step.title} {step.name}.",
        "A request that was in progress may have taken effect.",
        "Run the command again to finish.",
    )
