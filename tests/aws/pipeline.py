"""The way of a request through the layers: hooks, faults, rights, rates, latency, moto, and what becomes of the answer."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import HTTPClientError

from tests.aws import paging
from tests.aws.faults import USER, Fault, ProcessKilled, instead_of
from tests.aws.hooks import PARAMETERS, PROCESS
from tests.aws.journal import Call, Journal
from tests.aws.policy import allows
from tests.aws.rates import Rates
from tests.aws.refusal import Refusal, denied
from tests.aws.schedule import Schedule

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from botocore.model import OperationModel

    from tests.aws.clock import VirtualClock
    from tests.aws.delays import Delays
    from tests.aws.layer import Layer
    from tests.aws.process import Process
    from tests.aws.rates import Rate

_EXCHANGE = "tests.aws.exchange"
_PAGE_START = "tests.aws.page start"


@dataclass
class Http:
    """All that botocore reads of a response that is already parsed."""

    status_code: int


@dataclass
class _Exchange:
    """A request that is under way."""

    call: Call
    process: Process | None
    page_start: int
    lost: BaseException | None = None  # what the caller gets instead of the answer
    busy: tuple[str, ...] = ()
    work: ExitStack = field(default_factory=ExitStack)  # open while moto handles the request


class Pipeline:
    def __init__(self, clock: VirtualClock, layers: Sequence[Layer], rates: Mapping[str, Rate], page_size: int) -> None:
        self.clock = clock
        self.journal = Journal()
        self.schedule = Schedule()
        self.current: Process | None = None  # to whom calls of sessions belong that are no `ProcessSession`
        self._layers = layers
        self._rates = Rates(rates)
        self._page_size = page_size
        self._busy: set[tuple[str, ...]] = set()
        self._lock = threading.RLock()

    @property
    def delays(self) -> Delays:
        return self._layers[0].delays

    @delays.setter
    def delays(self, delays: Delays) -> None:
        for layer in self._layers:
            layer.delays = delays

    def catch_up(self) -> None:
        with self._lock:
            for layer in self._layers:
                layer.catch_up()

    def given(self, parameters: dict[str, Any], model: OperationModel, context: dict[str, Any]) -> None:
        operation = f"{model.service_model.service_name}.{model.name}"
        context[_PAGE_START] = paging.take_token(operation, parameters)
        context[PARAMETERS] = dict(parameters)

    def request(
        self, params: dict[str, Any], model: OperationModel, context: dict[str, Any]
    ) -> tuple[Http, dict[str, Any]] | None:
        process = context.get(PROCESS) or self.current
        call = Call(
            process=process.name if process else "by hand",
            service=model.service_model.service_name,
            action_name=model.name,
            region=context["client_region"],
            http_method=params["method"],
            path=params["url_path"],
            url=params["url"],
            parameters=context[PARAMETERS],
        )
        exchange = context[_EXCHANGE] = _Exchange(call, process, context[_PAGE_START])
        try:
            if process:
                _check_retries(context["client_config"])
                self._travel_with_faults(exchange, process)
            else:
                self._arrive(exchange)
                self._start_work(exchange)
            self.catch_up()
            answers = (layer.before(call) for layer in self._layers if layer.service == call.service)
            answer = next((answer for answer in answers if answer is not None), None)
            return None if answer is None else (Http(200), {**answer, "ResponseMetadata": {"HTTPStatusCode": 200}})
        except Refusal as refusal:
            return Http(refusal.status), refusal.answer()
        except BaseException as end:
            self.error(end, context)
            raise

    def response(self, http: Any, parsed: dict[str, Any], context: dict[str, Any]) -> None:
        exchange: _Exchange = context.pop(_EXCHANGE)
        call, lost, ok = exchange.call, exchange.lost, http.status_code < 300
        with exchange.work:
            for layer in self._layers if ok else ():
                if layer.service == call.service:
                    layer.after(call, parsed)
            if ok:
                paging.cut(call.operation, parsed, exchange.page_start, self._page_size)
        if isinstance(lost, Refusal):
            http.status_code, ok = lost.status, False
            parsed.clear()
            parsed.update(lost.answer())
        elif lost:
            if isinstance(lost, ProcessKilled) and exchange.process:
                exchange.process.killed.set()
            self._end(exchange, _outcome(lost))
            raise lost
        self._end(exchange, "ok" if ok else str(parsed["Error"]["Code"]))

    def error(self, exception: BaseException, context: dict[str, Any]) -> None:
        exchange: _Exchange = context.pop(_EXCHANGE)
        exchange.work.close()
        self._end(exchange, _outcome(exception))

    def _travel_with_faults(self, exchange: _Exchange, process: Process) -> None:
        """A request takes effect at the end of its latency. Whether it may is decided when it arrives."""
        call = exchange.call
        process.check_alive()
        call.start = self.clock.now()
        self.journal.add(call)
        self.schedule.run("before", call)
        call.start = self.clock.now()
        process.check_alive()
        fault = process.faults.take(call)
        if isinstance(fault, Fault) and fault.takes_effect:
            exchange.lost = instead_of(fault, call)
        elif fault:
            if fault is Fault.KILLED_BEFORE:
                process.killed.set()
            self._travel(call, process)
            raise instead_of(fault, call)
        with self._lock:
            self._rates.check(call, self.clock.now())
        _check_rights(call, process)
        overlapping = self._arrive(exchange)
        self._travel(call, process)
        self._start_work(exchange)
        process.check_alive()
        if overlapping:
            raise overlapping

    def _travel(self, call: Call, process: Process) -> None:
        self.clock.stir()
        self.clock.sleep(self.delays.of(call.operation), process.killed)
        process.check_alive()

    def _arrive(self, exchange: _Exchange) -> Refusal | None:
        """The refusal that the call will get if another write is at work on the same thing."""
        call = exchange.call
        with self._lock:
            for layer in self._layers:
                if layer.service == call.service:
                    layer.arrive(call)
                    thing = layer.busy_with(call) if call.is_write and exchange.process else None
                    key = (call.service, call.region, thing or "")
                    if thing and key in self._busy:
                        return layer.overlap()
                    if thing:
                        self._busy.add(key)
                        exchange.busy = key
        return None

    def _start_work(self, exchange: _Exchange) -> None:
        exchange.work.enter_context(self.clock.stopped())
        exchange.work.enter_context(self._lock)

    def _end(self, exchange: _Exchange, outcome: str) -> None:
        call = exchange.call
        with self._lock:
            self._busy.discard(exchange.busy)
        if exchange.process:
            call.outcome, call.end = outcome, self.clock.now()
            self.clock.stir()
            if outcome != "killed":
                self.schedule.run("after", call)


def _outcome(exception: BaseException) -> str:
    match exception:
        case ProcessKilled():
            return "killed"
        case HTTPClientError():
            return "cut"
    return type(exception).__name__


def _check_rights(call: Call, process: Process) -> None:
    if process.policy is None or call.service == "sts":
        return
    for action, resource in call.actions:
        if not allows([dict(process.policy)], action, resource):
            raise denied(call.service, USER, action, resource)


def _check_retries(config: Any) -> None:
    """Faults are above botocore's retries and would not show what those do, so they have to be off."""
    if (config.retries or {}).get("total_max_attempts") != 1:
        raise AssertionError("create this client without botocore's own retries: retries={'total_max_attempts': 1}")
