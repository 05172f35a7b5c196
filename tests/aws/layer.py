"""What a layer is: methods named after AWS operations, called before and after moto handles a request."""

from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from botocore import xform_name
from moto.apigatewayv2.models import apigatewayv2_backends
from moto.awslambda_simple.models import lambda_simple_backends  # what `use_docker: False` means
from moto.dynamodb.models import dynamodb_backends
from moto.iam.models import iam_backends
from moto.logs.models import logs_backends

from tests.aws.delays import Delays, Timing
from tests.aws.faults import Call

ACCOUNT = "123456789012"
_EPOCH = datetime(2025, 1, 1, tzinfo=UTC)  # the clock's zero
_BACKENDS: dict[str, Any] = {
    "apigatewayv2": apigatewayv2_backends,
    "dynamodb": dynamodb_backends,
    "iam": iam_backends,
    "lambda": lambda_simple_backends,
    "logs": logs_backends,
}

Document = dict[str, Any]


def backend(service: str, region: str) -> Any:
    """Moto's state. Only the layers use it; tests use boto3. IAM's region is its partition, "aws"."""
    return _BACKENDS[service][ACCOUNT][region]


def backends(service: str) -> list[tuple[str, Any]]:
    """Each region where the service was used, with moto's state."""
    return sorted(_BACKENDS[service][ACCOUNT].items())


def arn_of(service: str, region: str, resource: str) -> str:
    return f"arn:aws:{service}:{'' if service == 'iam' else region}:{ACCOUNT}:{resource}"


class Layer:
    """How one service differs from moto.

    `before_create_role(call)` may raise `ErrorResponse`, or return a response that replaces moto's.
    `after_create_role(call, response)` may change moto's response, which is parsed as boto3 returns it. Requests are
    handled one at a time, so no method needs a lock.
    """

    service: ClassVar[str]
    # The error of the second of two overlapping writes: code, message, HTTP status.
    conflict: ClassVar[tuple[str, str, int]]

    def __init__(self, timing: Timing) -> None:
        self._timing = timing

    @property
    def now(self) -> float:
        return self._timing.clock.now()

    @property
    def date(self) -> datetime:
        return _EPOCH + timedelta(seconds=self.now)

    @property
    def delays(self) -> Delays:
        return self._timing.delays

    def arrive(self, call: Call) -> None:
        """Called when the request reaches AWS, before its latency: `call.seen` keeps what is needed at the effect."""

    def busy_with(self, call: Call) -> str | None:
        """The resource that AWS does not let two writes change at the same time."""

    def catch_up(self) -> None:
        """Apply what has come due in the meantime."""

    def before(self, call: Call) -> Document | None:
        method = getattr(self, f"before_{xform_name(call.action_name)}", None)
        response: Document | None = method(call) if method else None
        return response

    def after(self, call: Call, response: Document) -> None:
        if method := getattr(self, f"after_{xform_name(call.action_name)}", None):
            method(call, response)
