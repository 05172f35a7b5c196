"""The way of a request: hooks, faults, the user's rights, rate limits, latency, effect, and the answer's fate."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore import xform_name
from botocore.exceptions import ConnectionClosedError, HTTPClientError, ReadTimeoutError

from tests.aws_model.faults import Fault, ProcessKilled
from tests.aws_model.policy import allows
from tests.aws_model.refusal import Refusal, denied, server_error, throttled
from tests.aws_model.service import clone

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.aws_model.delays import Rate
    from tests.aws_model.journal import Call
    from tests.aws_model.service import Service
    from tests.aws_model.session import ModelSession, Request
    from tests.aws_model.world import AwsWorld

_USER = "arn:aws:iam::123456789012:user/dev"


@dataclass
class _Bucket:
    tokens: float
    filled_at: float


class Pipeline:
    def __init__(self, world: AwsWorld, rates: Mapping[str, Rate]) -> None:
        self._world = world
        self._rates = rates
        self._buckets: dict[str, _Bucket] = {}
        self._busy: set[tuple[str, str, str]] = set()
        self._lock = threading.RLock()

    def carry_out(self, process: ModelSession, request: Request) -> dict[str, Any]:
        """The parsed answer. Raises `Refusal`, botocore's exceptions for a lost answer, or `ProcessKilled`."""
        process.check_alive()
        service = self._world.service(request.service, request.region)
        if process.by_hand:
            with self._lock:
                return self._effect(service, request, service.begin(request.name, request.parameters))
        world, journal = self._world, self._world.journal
        call = journal.open(
            process=process.name,
            service=request.service,
            action_name=request.name,
            http_method=request.http_method,
            path=request.path,
            region=request.region,
            parameters=request.parameters,
            start=world.clock.now(),
        )
        world.schedule.run_before(call)
        call.start = world.clock.now()
        try:
            with _noted(call):
                return self._with_faults(process, service, request, call)
        finally:
            call.end = world.clock.now()
            world.clock.stir()
            if call.outcome != "killed":
                world.schedule.run_after(call)

    def _with_faults(self, process: ModelSession, service: Service, request: Request, call: Call) -> dict[str, Any]:
        process.check_alive()
        fault = process.faults.take(call)
        instead = _instead_of_effect(fault, process, request, call)
        if instead is not None:
            self._travel(process, call)
            raise instead
        lost = _instead_of_answer(fault, request)
        if lost is None:
            return self._travel_and_take_effect(process, service, request, call)
        with contextlib.suppress(Refusal):
            self._travel_and_take_effect(process, service, request, call)
        if isinstance(lost, ProcessKilled):
            process.kill()
        raise lost

    def _travel_and_take_effect(
        self, process: ModelSession, service: Service, request: Request, call: Call
    ) -> dict[str, Any]:
        """It takes effect at the end of its latency; what it needs at its beginning is kept until then."""
        self._check_rate(request)
        _check_rights(process, call)
        with self._alone(service, request, call) as alone:
            with self._lock:
                begun = service.begin(request.name, request.parameters)
            self._travel(process, call)
            with self._lock:
                process.check_alive()
                if not alone:
                    raise service.overlap()
                return self._effect(service, request, begun)

    def _effect(self, service: Service, request: Request, begun: Any) -> dict[str, Any]:
        self._world.catch_up()
        act = getattr(service, xform_name(request.name), None)
        if act is None:
            raise NotImplementedError(f"the model does not know {request.service}.{request.name}")
        service.begun = begun
        return clone(act(request.parameters) or {})  # type: ignore[no-any-return]

    def _travel(self, process: ModelSession, call: Call) -> None:
        self._world.clock.stir()
        self._world.clock.sleep(self._world.delays.of(call.operation), process.killed)
        process.check_alive()

    @contextlib.contextmanager
    def _alone(self, service: Service, request: Request, call: Call) -> Iterator[bool]:
        """Whether no other write is at work on the same thing; while it lasts, there is no room for another."""
        thing = service.busy_with(request.name, request.parameters) if call.is_write else None
        key = (request.service, request.region, thing or "")
        with self._lock:
            alone = key not in self._busy
            if alone and thing:
                self._busy.add(key)
        try:
            yield alone
        finally:
            if alone:
                with self._lock:
                    self._busy.discard(key)

    def _check_rate(self, request: Request) -> None:
        """A token bucket for the operation if it has one of its own, else for the service."""
        operation = f"{request.service}.{request.name}"
        name = operation if operation in self._rates else request.service
        if name not in self._rates:
            return
        rate, now = self._rates[name], self._world.clock.now()
        with self._lock:
            bucket = self._buckets.setdefault(name, _Bucket(rate.burst, now))
            bucket.tokens = min(rate.burst, bucket.tokens + (now - bucket.filled_at) * rate.per_second)
            bucket.filled_at = now
            if bucket.tokens < 1:
                raise throttled(request.service)
            bucket.tokens -= 1


@contextlib.contextmanager
def _noted(call: Call) -> Iterator[None]:
    try:
        yield
        call.outcome = "ok"
    except Refusal as refusal:
        call.outcome = refusal.code
        raise
    except HTTPClientError:
        call.outcome = "cut"
        raise
    except ProcessKilled:
        call.outcome = "killed"
        raise


def _check_rights(process: ModelSession, call: Call) -> None:
    if process.policy is None or call.service == "sts":
        return
    for action, resource in call.actions:
        if not allows([process.policy], action, resource):
            raise denied(call.service, _USER, action, resource)


def _instead_of_effect(
    fault: Fault | Refusal | None, process: ModelSession, request: Request, call: Call
) -> BaseException | None:
    instead: BaseException | None = None
    match fault:
        case Refusal():
            instead = fault
        case Fault.THROTTLED | Fault.THROTTLED_FIVE_TIMES:
            instead = throttled(request.service)
        case Fault.FAILED_BEFORE:
            instead = server_error(request.service)
        case Fault.CUT_BEFORE:
            instead = ConnectionClosedError(endpoint_url=request.endpoint)
        case Fault.DENIED:
            instead = denied(request.service, _USER, *call.actions[0])
        case Fault.KILLED_BEFORE:
            process.kill()
            instead = ProcessKilled(process.name)
    return instead


def _instead_of_answer(fault: Fault | Refusal | None, request: Request) -> BaseException | None:
    match fault:
        case Fault.FAILED_AFTER:
            return server_error(request.service)
        case Fault.CUT_AFTER:
            return ConnectionClosedError(endpoint_url=request.endpoint)
        case Fault.NO_ANSWER:
            return ReadTimeoutError(endpoint_url=request.endpoint)
        case Fault.KILLED_AFTER:
            return ProcessKilled(request.name)
    return None
