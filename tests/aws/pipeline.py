"""The path of a request: hooks, faults, permissions, rates, latency, the service's layer, moto, the layer again.

It attaches to botocore's public events, for every client that this Python process creates. moto attaches to
`before-send`, which these events enclose:

    before-parameter-build   the parameters as the caller gave them
    before-call              may respond in AWS's place, or raise
    after-call               may change the parsed response, or raise: that is how a response gets lost
    after-call-error         moto raised
"""

import threading
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

from botocore import handlers
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError
from botocore.model import OperationModel

from tests.aws.delays import Rates, Timing
from tests.aws.faults import PROCESS, Call, ErrorResponse, Fault, Process, ProcessKilled, denied, failed, throttled
from tests.aws.journal import Journal
from tests.aws.layer import Layer
from tests.aws.permissions import actions_of, allows, context_of

_KEY = "tests.aws.call"  # of a request's context

# moto ignores the size and the token of most lists. AWS's page sizes differ by service and are mostly undocumented, so
# one small size serves for all. (operations, key of the list, token of the response, token of the request)
_LISTS = (
    (
        "apigatewayv2.Get",
        ("Apis", "Integrations", "Routes", "Stages", "Authorizers"),
        "Items",
        "NextToken",
        "NextToken",
    ),
    ("dynamodb.List", ("TagsOfResource",), "Tags", "NextToken", "NextToken"),
    ("iam.List", ("RolePolicies",), "PolicyNames", "Marker", "Marker"),
    ("iam.List", ("AttachedRolePolicies",), "AttachedPolicies", "Marker", "Marker"),
    ("lambda.List", ("Aliases",), "Aliases", "NextMarker", "Marker"),
    ("lambda.List", ("VersionsByFunction",), "Versions", "NextMarker", "Marker"),
    ("logs.Describe", ("LogGroups",), "logGroups", "nextToken", "nextToken"),
)
_PAGED = {verb + noun: tokens for verb, nouns, *tokens in _LISTS for noun in nouns}


class Pipeline:
    active: "Pipeline | None" = None

    def __init__(self, timing: Timing, journal: Journal, layers: Sequence[Layer], rates: Rates, page_size: int) -> None:
        self.current: Process | None = None  # the owner of calls of sessions other than `ProcessSession`
        self._timing = timing
        self._journal = journal
        self._layers = {layer.service: layer for layer in layers}
        self._rates = rates
        self._page_size = page_size
        self._written: set[tuple[str, ...]] = set()  # what writes in flight change
        self._lock = threading.RLock()

    def catch_up(self) -> None:
        with self._lock:
            for layer in self._layers.values():
                layer.catch_up()

    def new_call(self, parameters: dict[str, Any], model: OperationModel, context: dict[str, Any]) -> Call:
        service, action = model.service_model.service_name, model.name
        # moto must not see the token, because some of its lists know only their own.
        _, _, token = _PAGED.get(f"{service}.{action}", ("", "", ""))
        page_start = int(parameters.pop(token, 0))
        owner = context.get(PROCESS) or self.current
        if owner and (context["client_config"].retries or {}).get("total_max_attempts") != 1:
            # Faults are above botocore's retries and would not show what those do.
            raise AssertionError("create this client without botocore's own retries: retries={'total_max_attempts': 1}")
        region, method = context["client_region"], model.http["method"]
        return Call(owner, service, action, region, method, dict(parameters), page_start=page_start)

    def request(self, call: Call, params: dict[str, Any], **_: Any) -> tuple[SimpleNamespace, dict[str, Any]] | None:
        call.path, call.url = params["url_path"], params["url"]
        layer = self._layer(call)
        try:
            if call.owner:
                self._travel_with_faults(call, call.owner)
            else:
                layer.arrive(call)
                self._start_work(call)
            self.catch_up()
            response = layer.before(call)
        except ErrorResponse as error:
            return SimpleNamespace(status_code=error.status), error.parsed()
        except BaseException as end:
            self.error(call, end)
            raise
        if response is None:
            return None
        # The status is all that botocore reads of a response that is already parsed.
        return SimpleNamespace(status_code=200), {**response, "ResponseMetadata": {"HTTPStatusCode": 200}}

    def response(self, call: Call, http_response: Any, parsed: dict[str, Any], **_: Any) -> None:
        with call.work:
            if http_response.status_code < 300:
                self._layer(call).after(call, parsed)
                _cut_page(call, parsed, self._page_size)
        if isinstance(call.result, ErrorResponse):
            http_response.status_code = call.result.status
            parsed.clear()
            parsed.update(call.result.parsed())
        elif call.result:
            if isinstance(call.result, ProcessKilled) and call.owner:
                call.owner.killed.set()
            self.error(call, call.result)
            raise call.result
        self._end(call, "ok" if http_response.status_code < 300 else str(parsed["Error"]["Code"]))

    def error(self, call: Call, exception: BaseException, **_: Any) -> None:
        call.work.close()
        self._end(call, type(exception).__name__)

    def _layer(self, call: Call) -> Layer:
        return self._layers.get(call.service) or Layer(self._timing)

    def _travel_with_faults(self, call: Call, process: Process) -> None:
        """A request takes effect at the end of its latency. Whether it may is decided when it arrives."""
        process.check_alive()
        with self._lock:
            process.counts[call.operation] += 1
            call.nth = process.counts[call.operation]
            self._journal.append(call)
        injected = process.faults.get((call.operation, call.nth))
        if callable(injected):
            injected()
        call.start = self._timing.clock.now()
        process.check_alive()
        if isinstance(injected, (Fault, ErrorResponse)):
            call.result = _result_of(injected, call)
            takes_effect = injected in (Fault.FAILED_AFTER, Fault.CUT_AFTER, Fault.TIMED_OUT, Fault.KILLED_AFTER)
            if not takes_effect:
                if injected is Fault.KILLED_BEFORE:
                    process.killed.set()
                self._travel(call, process)
                raise call.result
        self._check_limits(call, process)
        self._arrive(call)
        self._travel(call, process)
        self._start_work(call)
        process.check_alive()
        if call.overlaps:
            raise ErrorResponse(*self._layer(call).conflict)

    def _check_limits(self, call: Call, process: Process) -> None:
        with self._lock:
            if not self._rates.allow(call.service, call.operation, self._timing.clock.now()):
                raise throttled(call.service)
        if process.policy is not None and call.service != "sts":
            for action, resource in actions_of(call):
                if not allows([dict(process.policy)], action, resource, context_of(call)):
                    raise denied(call.service, action, resource)

    def _arrive(self, call: Call) -> None:
        layer = self._layer(call)
        with self._lock:
            layer.arrive(call)
            resource = layer.busy_with(call) if call.is_write else None
            key = (call.service, call.region, resource or "")
            call.overlaps = key in self._written
            if resource and not call.overlaps:
                self._written.add(key)
                call.work.callback(self._written.remove, key)

    def _travel(self, call: Call, process: Process) -> None:
        self._timing.clock.stir()
        self._timing.clock.sleep(self._timing.delays.of(call.operation), process.killed)
        process.check_alive()

    def _start_work(self, call: Call) -> None:
        call.work.enter_context(self._timing.clock.stopped())
        call.work.enter_context(self._lock)

    def _end(self, call: Call, outcome: str) -> None:
        if call.owner:
            call.outcome, call.end = outcome, self._timing.clock.now()
            self._timing.clock.stir()


def _result_of(fault: Fault | ErrorResponse, call: Call) -> BaseException:
    """What the caller gets instead of a response."""
    match fault:
        case ErrorResponse():
            result: BaseException = fault
        case Fault.THROTTLED:
            result = throttled(call.service)
        case Fault.FAILED_BEFORE | Fault.FAILED_AFTER:
            result = failed(call.service)
        case Fault.CUT_BEFORE | Fault.CUT_AFTER:
            result = ConnectionClosedError(endpoint_url=call.url)
        case Fault.TIMED_OUT:
            result = ReadTimeoutError(endpoint_url=call.url)
        case Fault.DENIED:
            result = denied(call.service, *actions_of(call)[0])
        case Fault.KILLED_BEFORE | Fault.KILLED_AFTER:
            result = ProcessKilled(call.process)
    return result


def _cut_page(call: Call, response: dict[str, Any], size: int) -> None:
    if call.operation in _PAGED:
        items, token, _ = _PAGED[call.operation]
        end = call.page_start + size
        more = end < len(response[items])
        response[items] = response[items][call.page_start : end]
        response.pop(token, None)
        if more:
            response[token] = str(end)
        if call.service == "iam":
            response["IsTruncated"] = more


def _new_call(**event: Any) -> None:
    if pipeline := Pipeline.active:
        call = pipeline.new_call(event["params"], event["model"], event["context"])
        event["context"][_KEY] = (pipeline, call)


def _handled_by(method: Callable[..., Any]) -> Callable[..., Any]:
    """A call of a thread that outlives its test stays with that test's account."""

    def handle(**event: Any) -> Any:
        return method(*event["context"][_KEY], **event) if _KEY in event["context"] else None

    return handle


handlers.BUILTIN_HANDLERS.extend(
    [
        ("before-parameter-build", _new_call),
        ("before-call", _handled_by(Pipeline.request)),
        ("after-call", _handled_by(Pipeline.response)),
        ("after-call-error", _handled_by(Pipeline.error)),
    ]
)
