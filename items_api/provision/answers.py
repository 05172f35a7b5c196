"""What an answer of AWS means: refused for good, refused for now, lost, or not AWS's at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError, HTTPClientError, SSLError
from botocore.exceptions import ConnectionError as NotConnected

from items_api.errors import AwsUnreachable

if TYPE_CHECKING:
    from collections.abc import Callable

THROTTLED = frozenset(
    {
        "RequestLimitExceeded",
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestThrottled",
        "TooManyRequestsException",
    }
)
# Codes that pass by themselves, but only with this in their message: the same codes also tell of what never will.
_PASSING = (
    ("ConflictException", "concurrent modification"),  # API Gateway: another write on the same API
    ("ResourceConflictException", "An update is in progress for resource"),
    ("ResourceConflictException", "currently in the following state: Pending"),
    ("ResourceConflictException", "concurrent update operation"),
    ("OperationAbortedException", "conflicting operation is currently in progress"),  # CloudWatch Logs
    ("ConcurrentModification", ""),  # IAM
    ("LimitExceededException", "simultaneously"),  # DynamoDB: too many tables in creation at once
)
LOST = (HTTPClientError, NotConnected)  # what botocore raises when no answer came
_SERVER_ERROR = 500


def code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def message(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Message", ""))


def says(*codes: str, text: str = "") -> Callable[[ClientError], bool]:
    """A predicate: the error has one of these codes, and the text in its message."""
    return lambda error: code(error) in codes and text in message(error)


def is_passing(error: ClientError | HTTPClientError | NotConnected) -> bool:
    """AWS refused, without effect, and will not refuse for ever."""
    if not isinstance(error, ClientError):
        return False
    return code(error) in THROTTLED or any(code(error) == c and text in message(error) for c, text in _PASSING)


def is_unclear(error: ClientError | HTTPClientError | NotConnected) -> bool:
    """The request may have taken effect or not: a server error, or no answer at all."""
    if not isinstance(error, ClientError):
        return not isinstance(error, SSLError)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return status >= _SERVER_ERROR and code(error) not in THROTTLED


class Answer(dict[str, Any]):
    """A response in which a missing field is AWS's fault and says so."""

    operation = ""

    def __missing__(self, key: str) -> Any:
        raise not_aws(self.operation, f"It has no {key}.")


def not_aws(operation: str, why: str) -> AwsUnreachable:
    return AwsUnreachable(
        f"The answer to {operation} is not AWS's.", why, "Check --endpoint-url and any proxy between here and AWS."
    )


def strict(value: Any, operation: str) -> Any:
    if isinstance(value, dict):
        answer = Answer({key: strict(inner, operation) for key, inner in value.items()})
        answer.operation = operation
        return answer
    if isinstance(value, list):
        return [strict(inner, operation) for inner in value]
    return value
