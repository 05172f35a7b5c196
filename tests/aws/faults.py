"""Processes, their calls, and what a test makes happen at chosen ones: errors, lost responses, kills, and hooks.

moto never throttles, never fails and checks no permissions. Sources of codes, messages and HTTP statuses: the
exceptions in botocore's service models; the "Common Errors" page of each service's API reference; and the messages that
hashicorp/terraform-provider-aws (`internal/service/*`) matches on.
"""

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeAlias

import boto3
import botocore.session
from botocore import UNSIGNED
from botocore.config import Config

PROCESS = "tests.aws.process"  # key of a request's context
USER = "arn:aws:iam::123456789012:user/dev"
_READS = ("Get", "List", "Describe", "Scan", "Query", "Filter", "Invoke")

_UNKNOWN = "The request processing has failed because of an unknown error, exception or failure."
_THROTTLED = {
    "apigatewayv2": ("TooManyRequestsException", "Too Many Requests"),
    "dynamodb": ("ThrottlingException", "Rate of requests exceeds the allowed throughput."),
    "iam": ("Throttling", "Rate exceeded"),
    "lambda": ("TooManyRequestsException", "Rate exceeded"),
    "logs": ("ThrottlingException", "Rate exceeded"),
    "sts": ("Throttling", "Rate exceeded"),
}
_SERVER_ERROR = {
    "apigatewayv2": ("InternalServerErrorException", "Internal server error"),
    "dynamodb": ("InternalServerError", "The server encountered an internal error trying to fulfill the request."),
    "iam": ("ServiceFailure", _UNKNOWN),
    "lambda": ("ServiceException", "An error occurred and the request cannot be processed."),
    "logs": ("ServiceUnavailableException", "The service cannot complete the request."),
    "sts": ("InternalFailure", _UNKNOWN),
}


class ErrorResponse(Exception):  # noqa: N818 - botocore turns it into a ClientError, which is the error
    """AWS responds with an error. Raised by a layer before moto sees the request."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.status = status

    def parsed(self) -> dict[str, Any]:
        metadata = {"HTTPStatusCode": self.status, "RetryAttempts": 0}
        return {"Error": {"Code": self.code, "Message": self.message}, "ResponseMetadata": metadata}


# A proxy on the way responded with a 200, and AWS never saw the request.
SWALLOWED = ErrorResponse("", "", 200)


class ProcessKilled(BaseException):
    """The process is gone. No `except Exception` of the product sees it, and none of its later calls takes effect."""


class Fault(Enum):
    THROTTLED = "throttled"
    FAILED_BEFORE = "500 before it took effect"
    FAILED_AFTER = "500 after it took effect"
    CUT_BEFORE = "connection closed before it took effect"
    CUT_AFTER = "connection closed after it took effect"
    TIMED_OUT = "took effect, and the response timed out"
    DENIED = "access denied"
    KILLED_BEFORE = "process killed before the call"
    KILLED_AFTER = "process killed after the call"


def throttled(service: str) -> ErrorResponse:
    code, message = _THROTTLED[service]
    return ErrorResponse(code, message, 429 if code == "TooManyRequestsException" else 400)


def failed(service: str) -> ErrorResponse:
    return ErrorResponse(*_SERVER_ERROR[service], 500)


def denied(service: str, action: str, resource: str) -> ErrorResponse:
    """See https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html."""
    if service == "sts":
        # GetCallerIdentity needs no permission and no policy can deny it; only bad keys are rejected:
        # https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
        return ErrorResponse("InvalidClientTokenId", "The security token included in the request is invalid.", 403)
    return ErrorResponse(
        "AccessDenied" if service in ("iam", "cloudwatch") else "AccessDeniedException",
        f"User: {USER} is not authorized to perform: {action} on resource: {resource} "
        f"because no identity-based policy allows the {action} action",
        400 if service in ("dynamodb", "logs") else 403,
    )


Injection: TypeAlias = Fault | ErrorResponse | Callable[[], object]


class Faults(dict[tuple[str, int], Injection]):
    """What happens at calls of one process. A function is called before the request is sent, and may call AWS.

    session.faults.at("iam.CreateRole", 1, Fault.CUT_AFTER)
    session.faults.at("sts.GetCallerIdentity", 1, ErrorResponse("SignatureDoesNotMatch", "Signature expired: ...", 403))
    """

    def at(self, operation: str, nth: int, injected: Injection, times: int = 1) -> None:
        """At the process's `nth` call of `operation`, counted from 1, or at `times` calls in a row from there on."""
        self.update({(operation, number): injected for number in range(nth, nth + times)})


@dataclass
class Process:
    """`policy` is what its user may do; None allows everything."""

    name: str
    policy: Mapping[str, Any] | None = None
    faults: Faults = field(default_factory=Faults)
    killed: threading.Event = field(default_factory=threading.Event)
    counts: Counter[str] = field(default_factory=Counter)  # of the calls of each operation

    def check_alive(self) -> None:
        if self.killed.is_set():
            raise ProcessKilled(self.name)


@dataclass
class Call:
    """One request. `nth` counts this process's calls of this operation from 1; times are the clock's.

    `outcome` is "ok", an AWS error code or the name of an exception; it is empty while the call is in flight.
    """

    owner: Process | None = field(repr=False)  # None for a call that the test makes itself
    service: str
    action_name: str
    region: str
    http_method: str
    parameters: Mapping[str, Any] = field(repr=False)
    path: str = ""
    url: str = ""
    nth: int = 0
    start: float = 0.0
    end: float = 0.0
    outcome: str = ""

    # What the pipeline and the layers remember while the call is in flight:
    page_start: int = field(default=0, repr=False)
    seen: Any = field(default=None, repr=False)
    overlaps: bool = field(default=False, repr=False)  # with another write to the same resource
    result: BaseException | None = field(default=None, repr=False)  # of a fault, instead of the response
    work: ExitStack = field(default_factory=ExitStack, repr=False)  # open while moto handles the request

    @property
    def process(self) -> str:
        return self.owner.name if self.owner else ""

    @property
    def operation(self) -> str:
        """`iam.CreateRole`."""
        return f"{self.service}.{self.action_name}"

    @property
    def is_write(self) -> bool:
        return not self.action_name.startswith(_READS)


class ProcessSession(boto3.Session):
    """A boto3 session whose calls belong to a process.

    A client takes milliseconds to create and most of that goes into JSON files, so sessions share one loader, keep
    their clients, and serve one process after the other.
    """

    def __init__(self, process: Process, region: str) -> None:
        own = botocore.session.Session()
        own.register_component("data_loader", LOADER)
        own.register("provide-client-params", self._identify)
        super().__init__(botocore_session=own, region_name=region)
        self.process = process
        self._kept: dict[tuple[str, str | None], Any] = {}

    @property
    def faults(self) -> Faults:
        return self.process.faults

    def client(  # type: ignore[override]
        self, service_name: str, region_name: str | None = None, *, config: Config | None = None, **options: Any
    ) -> Any:
        key = (service_name, region_name)
        if key not in self._kept:
            # botocore spends a tenth of each call on the signature.
            quick = (config or _NO_RETRIES).merge(FIXED_USER_AGENT).merge(Config(signature_version=UNSIGNED))
            self._kept[key] = super().client(service_name, region_name, config=quick, **options)  # type: ignore[call-overload]
        return self._kept[key]

    def _identify(self, **event: Any) -> None:
        event["context"][PROCESS] = self.process


FIXED_USER_AGENT = Config(user_agent="tests")  # botocore spends a tenth of each call on computing one
_NO_RETRIES = Config(retries={"total_max_attempts": 1})
LOADER = botocore.session.Session().get_component("data_loader")
_SESSIONS: dict[tuple[str, str], ProcessSession] = {}


def session_of(process: Process, region: str) -> ProcessSession:
    """The session of this name and region, now with this process behind it."""
    key = (process.name, region)
    if key not in _SESSIONS:
        _SESSIONS[key] = ProcessSession(process, region)
    _SESSIONS[key].process = process
    return _SESSIONS[key]
