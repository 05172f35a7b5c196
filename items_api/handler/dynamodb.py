"""Calls of DynamoDB: JSON 1.0, signed with Signature Version 4.

Throttling, server errors and broken connections are retried with jittered backoff until the deadline.
"""

from __future__ import annotations

import json
import os
import time
import zlib

from .connection import Connection, Reply
from .sigv4 import Signer

TYPE_CHECKING = False  # importing `typing` would slow down every cold start
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, Protocol

    from .item import Attributes

    class Calls(Protocol):
        """What calls DynamoDB: a `Client`, or what shares several of them."""

        def call(self, operation: str, parameters: dict[str, Any], deadline: float) -> dict[str, Any]: ...

    class Signs(Protocol):
        """What signs requests: a `Signer`, or one whose keys are renewed."""

        def headers(self, target: str, body: bytes, now: float) -> dict[str, str]: ...


ATTEMPTS = 8
ATTEMPT_SECONDS = 3.0
BACKOFF_SECONDS = 0.05
MAX_BACKOFF_SECONDS = 1.0

# Nothing was written. TransactionConflictException means that another client's transaction holds the item.
_THROTTLED = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ThrottlingException",
        "TransactionConflictException",
    }
)
_SERVER_ERROR = 500
_encode = json.JSONEncoder(separators=(",", ":")).encode


class DynamoDBError(Exception):
    """A failed operation. `cause` is DynamoDB's error code or the type of the connection error.

    DynamoDBError
    ├── RejectedError      an error that a retry does not fix
    ├── ConditionError     the condition of a write failed (table.py)
    └── UnavailableError   no usable reply before the deadline
    """

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


class RejectedError(DynamoDBError):
    def __init__(self, cause: str, message: str, item: Attributes | None) -> None:
        super().__init__(cause)
        self.message = message
        #: The current item, if the condition of a write failed.
        self.item = item
        #: An earlier attempt of the same call may have been applied.
        self.maybe_applied = False


class UnavailableError(DynamoDBError):
    """DynamoDB throttled, failed or did not reply in time. A write may have been applied nevertheless."""

    def __init__(self, cause: str, *, maybe_applied: bool = False) -> None:
        super().__init__(cause)
        self.maybe_applied = maybe_applied


class _TransientError(Exception):
    """An attempt failed and a retry may succeed."""

    def __init__(self, cause: str, *, maybe_applied: bool, retry_now: bool = False) -> None:
        super().__init__(cause)
        self.cause = cause
        self.maybe_applied = maybe_applied
        self.retry_now = retry_now


class Client:
    def __init__(self, connection: Connection, signer: Signs, sleep: Callable[[float], None] = time.sleep) -> None:
        self._connection = connection
        self._signer = signer
        self._sleep = sleep

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Client:
        """A client configured by Lambda's environment variables. A missing variable fails the first call, not this."""
        region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION", "")
        suffix = ".cn" if region.startswith("cn-") else ""
        connection = Connection(
            environ.get("AWS_ENDPOINT_URL_DYNAMODB")
            or environ.get("AWS_ENDPOINT_URL")
            or f"https://dynamodb.{region}.amazonaws.com{suffix}"
        )
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
        return cls(connection, Signer(connection.authority, region, *[environ.get(name, "") for name in names]))

    def call(self, operation: str, parameters: dict[str, Any], deadline: float) -> dict[str, Any]:
        """Call an operation of DynamoDB's API, such as `GetItem`, and return its reply.

        Raises:
            RejectedError: an error that a retry does not fix.
            UnavailableError: no usable reply before the deadline, which is in `time.monotonic` seconds.
        """
        body = _encode(parameters).encode()
        target = f"DynamoDB_20120810.{operation}"
        cause = ""
        maybe_applied = False
        for attempt in range(ATTEMPTS):
            try:
                return self._attempt(target, body, deadline)
            except RejectedError as rejected:
                rejected.maybe_applied = maybe_applied
                raise
            except _TransientError as error:
                cause = error.cause
                maybe_applied = maybe_applied or error.maybe_applied
                wait = 0.0 if error.retry_now else _backoff(attempt)
            if time.monotonic() + wait >= deadline:
                break
            self._sleep(wait)
        raise UnavailableError(cause, maybe_applied=maybe_applied)

    def _attempt(self, target: str, body: bytes, deadline: float) -> dict[str, Any]:
        deadline = min(deadline, time.monotonic() + ATTEMPT_SECONDS)
        request = _request(self._signer.headers(target, body, time.time()), body)
        try:
            reused = self._connection.open(deadline)
        except OSError as error:
            raise _TransientError(type(error).__name__, maybe_applied=False) from error
        try:
            reply = self._connection.exchange(request, deadline)
        except OSError as error:
            # A reused connection that turns out to be closed is no sign of an overloaded DynamoDB: do not back off.
            retry_now = reused and not isinstance(error, TimeoutError)
            raise _TransientError(type(error).__name__, maybe_applied=True, retry_now=retry_now) from error
        return _read(reply)


def _backoff(attempt: int) -> float:
    """Full jitter (aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter). `random` is slow to import."""
    ceiling: float = min(MAX_BACKOFF_SECONDS, BACKOFF_SECONDS * 2**attempt)
    return ceiling * int.from_bytes(os.urandom(2), "big") / 0xFFFF


def _request(headers: dict[str, str], body: bytes) -> bytes:
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    return f"POST / HTTP/1.1\r\n{lines}content-length: {len(body)}\r\n\r\n".encode("latin-1") + body


def _read(reply: Reply) -> dict[str, Any]:
    """Return the JSON document of a reply, or raise the error that it reports."""
    checksum = reply.headers.get("x-amz-crc32")
    if checksum is not None and checksum != str(zlib.crc32(reply.body)):
        raise _TransientError("ChecksumMismatch", maybe_applied=True)
    try:
        document = json.loads(reply.body)
    except ValueError:
        document = None
    if type(document) is not dict:
        raise _TransientError(f"NotJSON{reply.status}", maybe_applied=True)
    if reply.status == 200:  # noqa: PLR2004 - DynamoDB's only success status
        return document
    code = str(document.get("__type", f"HTTP{reply.status}")).rpartition("#")[2]
    if code in _THROTTLED:
        raise _TransientError(code, maybe_applied=False)
    if reply.status >= _SERVER_ERROR:
        raise _TransientError(code, maybe_applied=True)
    message = document.get("message") or document.get("Message") or ""
    raise RejectedError(code, str(message), document.get("Item"))
