"""What AWS's errors mean, for the caller and for the user.

AwsError
├── ServiceError   AWS returned an error
└── NoAnswer       there was no usable response
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from items_api.errors import AccessDenied, AwsRefused, LocalUnavailable, NoCredentials, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Container

_THROTTLED = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestThrottled",
        "TooManyRequestsException",
    }
)
# These codes also stand for errors that retrying does not fix, so the message decides.
_TRANSIENT = (
    ("ConflictException", "concurrent modification"),  # API Gateway: another write on the same API
    ("ResourceConflictException", "An update is in progress for resource"),
    ("ResourceConflictException", "currently in the following state: Pending"),
    ("ResourceConflictException", "concurrent update operation"),
    ("OperationAbortedException", "conflicting operation is currently in progress"),  # CloudWatch Logs
    ("ConcurrentModification", ""),  # IAM
    ("LimitExceededException", "simultaneously"),  # DynamoDB: too many tables are being created at once
    # DynamoDB locks the tags of a table for seconds after each change (DDB-TABLE-406):
    # https://github.com/aws-controllers-k8s/dynamodb-controller/blob/main/docs/api-quirks/table.md
    ("LimitExceededException", "Table tags are being updated"),
)
_DENIED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "Forbidden", "403")
_BAD_SIGNATURE = ("SignatureDoesNotMatch", "InvalidSignatureException", "RequestTimeTooSkewed")
_CLOCK_SKEW = ("Signature expired", "Signature not yet current", "RequestTimeTooSkewed")
# Codes -> (kind of problem, what is wrong, what to do). The first row is for signatures that only the clock breaks.
_MEANINGS: tuple[tuple[Container[str], type[Problem], str, str], ...] = (
    (
        _BAD_SIGNATURE,
        NoCredentials,
        "this computer's clock is wrong",
        "Set the clock (for example: timedatectl set-ntp true) and run the command again.",
    ),
    (
        ("ExpiredToken", "ExpiredTokenException", "RequestExpired"),
        NoCredentials,
        "your credentials have expired",
        "Sign in again, for example with: aws sso login",
    ),
    (
        ("InvalidClientTokenId", "UnrecognizedClientException", "AuthFailure", "InvalidAccessKeyId", *_BAD_SIGNATURE),
        NoCredentials,
        "AWS rejected your credentials",
        "Check your keys, and that the region is enabled for the account, with: aws sts get-caller-identity",
    ),
    (_THROTTLED, AwsRefused, "AWS is still throttling requests", "Wait a minute and run the command again."),
)
_ACTION = re.compile(r"not authorized to perform: ([a-z0-9-]+:[A-Za-z]+)")
SERVER_ERROR = 500
# The advice if there is no better one. It holds for all commands that converge.
CONTINUE = "Run the command again; it continues where it left off."


class Stopped(Exception):  # noqa: N818 - not an error: the user interrupted the command
    """Raised in a worker thread at its next call or pause after `Aws.stop()`."""


class AwsError(Exception, ABC):
    # For an error of the local AWS: what to do. The advice about accounts, regions and the network is only for AWS.
    local_advice = ""

    @property
    @abstractmethod
    def is_unclear(self) -> bool:
        """Whether the request may have taken effect despite the error."""

    @property
    def is_transient(self) -> bool:
        """Whether AWS rejected the request without effect, and a retry may succeed."""
        return False

    @abstractmethod
    def problem(self, what: str) -> Problem:
        """The error for the user. `what` is what failed, without a period: "Could not create the IAM role x"."""


@dataclass(eq=False)
class ServiceError(AwsError):
    """An error response: the code and message as AWS sent them, the operation ("CreateRole") and the HTTP status."""

    code: str
    message: str
    operation: str
    status: int = 400

    def __str__(self) -> str:
        return f"{self.code} ({self.operation}): {self.message}"

    def says(self, *codes: str, text: str = "") -> bool:
        """Whether it has one of these codes, and the text in its message."""
        return self.code in codes and text in self.message

    @property
    def is_transient(self) -> bool:
        return self.code in _THROTTLED or any(self.says(code, text=text) for code, text in _TRANSIENT)

    @property
    def is_unclear(self) -> bool:
        return self.status >= SERVER_ERROR and self.code not in _THROTTLED

    def problem(self, what: str) -> Problem:
        if self.local_advice:
            return self._refused(what)
        said = f"{self.code}: {self.message}"
        if self.code in _DENIED:
            action = _ACTION.search(self.message)
            todo = f"Your user or role needs {action[1] if action else self.operation}."
            return AccessDenied(f"{what}: access denied.", f"{self.operation} returned {said}", todo)
        skewed = self.code in _BAD_SIGNATURE and any(sign in said for sign in _CLOCK_SKEW)
        for codes, kind, reason, todo in _MEANINGS[0 if skewed else 1 :]:
            if self.code in codes:
                return kind(f"{what}: {reason}.", said, todo)
        return self._refused(what)

    def _refused(self, what: str) -> AwsRefused:
        return AwsRefused(f"{what}: {self.code}.", f"{self.operation}: {self.message}", self._todo())

    def _todo(self) -> str:
        if "protected against deletion" in self.message:
            return "Turn off deletion protection (items-api up --no-protect), then run the command again."
        if self.local_advice:
            return self.local_advice
        if "LimitExceeded" in self.code or self.code in ("TooManyEntities", "CodeStorageExceededException"):
            return "The account has reached a quota: delete what you no longer need, or request a quota increase."
        return CONTINUE


class NoAnswer(AwsError):  # noqa: N818 - named for what happened
    """No usable response: `why` it is missing, and the `kind` of problem that this is for the user."""

    def __init__(self, kind: type[Problem], reason: str, why: str, todo: str, *, sent: bool) -> None:
        super().__init__(f"{reason}: {why}")
        self._kind = kind
        self._reason = reason
        self._why = why
        self._todo = todo
        self._sent = sent

    @property
    def is_unclear(self) -> bool:
        return self._sent

    def problem(self, what: str) -> Problem:
        if self.local_advice:
            failure = "stopped responding" if self._sent else "sent an unexpected response"
            return LocalUnavailable(f"The local AWS {failure}.", f"{what}: {self._why}", self.local_advice)
        return self._kind(f"{what}: {self._reason}.", self._why, self._todo)


def says(*codes: str, text: str = "") -> Callable[[ServiceError], bool]:
    """A predicate for `Aws.settle`: an error with one of these codes, and the text in its message."""
    return lambda error: error.says(*codes, text=text)


class tolerate:  # noqa: N801 - reads like `contextlib.suppress`
    """Accept an error with one of these codes, and the text in its message: `with tolerate("NoSuchEntity"):`."""

    def __init__(self, *codes: str, text: str = "") -> None:
        self._codes = codes
        self._text = text

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: object, _trace: object) -> bool:
        return isinstance(error, ServiceError) and error.says(*self._codes, text=self._text)
