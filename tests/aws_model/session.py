"""What stands in for `boto3.Session`: real botocore clients whose requests go to the model and not to the network.

botocore validates and serialises each request as ever. Its `before-call` event, which its own Stubber uses, then takes
the answer from the model. Making a client takes botocore some 50 ms, so one of each kind serves all worlds of a test
run, through twins that differ in where their answers come from.
"""

from __future__ import annotations

import copy
import threading
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from tests.aws_model.faults import Faults, ProcessKilled
from tests.aws_model.refusal import Refusal
from tests.aws_model.service import clone

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from botocore.client import BaseClient
    from botocore.model import OperationModel

_PARAMETERS = "parameters as given"  # a key of the request's context


@dataclass(frozen=True)
class Request:
    service: str
    name: str
    region: str
    parameters: Mapping[str, Any]
    http_method: str
    path: str
    endpoint: str


@dataclass(frozen=True)
class _Http:
    """All that botocore wants to know of a response that is parsed already."""

    status_code: int


class ModelSession:
    """One process that talks to the model, as `boto3.Session` for `Aws(session, ...)`.

    `policy` is what its user may do; None allows everything. `by_hand` calls are the test's own: at once, outside the
    journal, without faults.
    """

    def __init__(
        self,
        name: str,
        region: str,
        carry_out: Callable[[ModelSession, Request], dict[str, Any]],
        *,
        policy: dict[str, Any] | None = None,
        by_hand: bool = False,
    ) -> None:
        self.name = name
        self.region_name = region
        self.profile_name = "default"
        self.policy = policy
        self.by_hand = by_hand
        self.faults = Faults()
        self.killed = threading.Event()
        self._carry_out = carry_out

    def client(
        self,
        service_name: str,
        region_name: str | None = None,
        *,
        config: Config | None = None,
        endpoint_url: str | None = None,
        **_: Any,
    ) -> Any:
        if endpoint_url:
            raise AssertionError("the model has no endpoint")
        _check_retries(config)
        region = region_name or self.region_name
        return _twin(_shared_client(service_name, region), lambda **event: self._answer(service_name, region, **event))

    def get_credentials(self) -> Any:
        return _boto().get_credentials()

    def kill(self) -> None:
        self.killed.set()

    def check_alive(self) -> None:
        if self.killed.is_set():
            raise ProcessKilled(self.name)

    def _answer(
        self, service: str, region: str, *, model: OperationModel, params: dict[str, Any], context: Any, **_: Any
    ) -> tuple[_Http, dict[str, Any]]:
        request = Request(
            service,
            model.name,
            region,
            clone(context[_PARAMETERS]),
            params["method"],
            params["url_path"],
            params["url"],
        )
        status = 200
        try:
            answer = self._carry_out(self, request)
        except Refusal as refusal:
            status, answer = refusal.status, refusal.answer()
        metadata = {"RequestId": "00000000-0000", "HTTPStatusCode": status, "HTTPHeaders": {}, "RetryAttempts": 0}
        return _Http(status), {**answer, "ResponseMetadata": metadata}


_CLIENTS: dict[tuple[str, str], BaseClient] = {}
_LOCK = threading.Lock()


@cache
def _boto() -> boto3.Session:
    """Not made at import: what a session does with each request is settled when it is made."""
    return boto3.Session(aws_access_key_id="model", aws_secret_access_key="model")


def _shared_client(service: str, region: str) -> BaseClient:
    with _LOCK:
        if (service, region) not in _CLIENTS:
            config = Config(retries={"total_max_attempts": 1})
            client = _boto().client(service, region, config=config)  # type: ignore[call-overload]
            client.meta.events.register("before-parameter-build", _keep_parameters)
            _CLIENTS[service, region] = client
        return _CLIENTS[service, region]


class _Events:
    """A client's event emitter, shared with its twins but for the one event that tells them apart.

    botocore copies an emitter in 0.7 ms, which a test of a thousand cases can not spare.
    """

    def __init__(self, shared: Any, answer: Callable[..., Any]) -> None:
        self._answer = answer
        self.emit = shared.emit
        self._shared_emit_until_response = shared.emit_until_response

    def emit_until_response(self, event_name: str, **event: Any) -> Any:
        if event_name.startswith("before-call."):
            return None, self._answer(**event)
        return self._shared_emit_until_response(event_name, **event)


class _UserAgent:
    @staticmethod
    def to_string() -> str:
        return "aws-model"


def _twin(client: BaseClient, answer: Callable[..., Any]) -> BaseClient:
    # Not copy.copy, whose look for __setstate__ never comes back from a client's __getattr__.
    twin = object.__new__(type(client))
    twin.__dict__.update(client.__dict__)
    twin.meta = copy.copy(client.meta)
    twin.meta.events = _Events(client.meta.events, answer)  # type: ignore[assignment]
    # Half of a call's time goes into what nobody here reads: the user agent, and which URL the request is for.
    twin._user_agent_creator = _UserAgent  # type: ignore[attr-defined]
    url = client.meta.endpoint_url
    twin._resolve_endpoint_ruleset = lambda *_, **__: (url, {}, {})  # type: ignore[attr-defined]
    return twin


def _keep_parameters(*, params: Mapping[str, Any], context: dict[str, Any], **_: Any) -> None:
    context[_PARAMETERS] = params


def _check_retries(config: Config | None) -> None:
    """The model answers above botocore's retries, so it would not show what they do: they have to be off."""
    if config is not None and (getattr(config, "retries", None) or {}).get("total_max_attempts") != 1:
        raise AssertionError(
            "the model wants clients without botocore's own retries: retries={'total_max_attempts': 1}"
        )
