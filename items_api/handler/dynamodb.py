"""The table's four operations over DynamoDB JSON 1.0, signed with Signature Version 4.

Throttling, server errors and broken connections are retried with jittered backoff until the deadline. If the reply to a
conditional write is lost, the write may have been applied, and then the retry fails its own condition. `Table.put`
recognizes its own revision in the item that the refusal returns.
"""

from __future__ import annotations

import base64
import json
import os
import time
import zlib

from .connection import Connection, Reply
from .sigv4 import Signer

TYPE_CHECKING = False  # importing `typing` would slow down every cold start
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from .item import Attribute, Attributes

ATTEMPTS = 8
ATTEMPT_SECONDS = 3.0
BACKOFF_SECONDS = 0.05
MAX_BACKOFF_SECONDS = 1.0

#: The hidden attribute of every item that this API writes: a random text, different after each write.
REVISION = "items-api:revision"

_CONDITION_FAILED = "ConditionalCheckFailedException"
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


class Condition:
    """A condition expression. It may use `#r`, the name of the revision, and `:r`, the given value."""

    __slots__ = ("expression", "revision")

    def __init__(self, expression: str, revision: Attribute | None = None) -> None:
        self.expression = expression
        self.revision = revision

    def parameters(self) -> dict[str, Any]:
        parameters: dict[str, Any] = {
            "ConditionExpression": self.expression,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        if "#r" in self.expression:
            parameters["ExpressionAttributeNames"] = {"#r": REVISION}
        if self.revision is not None:
            parameters["ExpressionAttributeValues"] = {":r": self.revision}
        return parameters


EXISTS = Condition("attribute_exists(itemId)")
ABSENT = Condition("attribute_not_exists(itemId)")


def unchanged(item: Attributes | None) -> Condition:
    """That the stored item is still this one; None stands for no item.

    Of an item without a revision, only this API's writes are noticed.
    """
    if item is None:
        return ABSENT
    revision = item.get(REVISION)
    if revision is None:
        return Condition(f"{EXISTS.expression} AND attribute_not_exists(#r)")
    return Condition("#r = :r", revision)


class DynamoDBError(Exception):
    """A failed operation. `cause` is DynamoDB's error code or the type of the connection error.

    DynamoDBError
    ├── RejectedError      an error that a retry does not fix
    ├── ConditionError     the condition of a write failed
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


class ConditionError(DynamoDBError):
    """The current item, `item`, is not in the required state; nothing was written.

    If `maybe_applied`, an earlier attempt may have been applied, and another write has followed it.
    """

    def __init__(self, cause: str, item: Attributes | None, *, maybe_applied: bool) -> None:
        super().__init__(cause)
        self.item = item
        self.maybe_applied = maybe_applied


class UnavailableError(DynamoDBError):
    """DynamoDB throttled, failed or did not reply in time."""


class _TransientError(Exception):
    """An attempt failed and a retry may succeed."""

    def __init__(self, cause: str, *, maybe_applied: bool, retry_now: bool = False) -> None:
        super().__init__(cause)
        self.cause = cause
        self.maybe_applied = maybe_applied
        self.retry_now = retry_now


class Client:
    def __init__(self, connection: Connection, signer: Signer, sleep: Callable[[float], None] = time.sleep) -> None:
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
        body = json.dumps(parameters, separators=(",", ":")).encode()
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
        raise UnavailableError(cause)

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


class Table:
    """A table with the partition key `itemId`. Its items are in DynamoDB's JSON format.

    Every operation takes a deadline in `time.monotonic` seconds and raises what `Client.call` raises.
    """

    def __init__(self, name: str, client: Client) -> None:
        self.name = name
        self._client = client

    def get(self, item_id: str, deadline: float) -> Attributes | None:
        """Get an item with a strongly consistent read, which costs twice as much as an eventually consistent one."""
        parameters = {"TableName": self.name, "Key": _key(item_id), "ConsistentRead": True}
        item: Attributes | None = self._client.call("GetItem", parameters, deadline).get("Item")
        return item

    def put(
        self, item: Attributes, condition: Condition | None, deadline: float
    ) -> tuple[Attributes, Attributes | None]:
        """Write an item with a new revision. Returns the written item, and the one that it replaced, if any.

        Raises ConditionError.
        """
        stored = {**item, REVISION: {"S": _new_revision()}}

        def is_ours(existing: Attributes | None) -> bool:
            return existing is not None and existing.get(REVISION) == stored[REVISION]

        parameters = {"Item": stored, "ReturnValues": "ALL_OLD"}
        reply = self._write("PutItem", parameters, condition, deadline, is_ours)
        return stored, reply.get("Attributes")

    def delete(self, item_id: str, condition: Condition | None, deadline: float) -> None:
        """Delete an item. Without a condition, it is not an error if the item does not exist. Raises ConditionError."""
        requires_item = condition is not None and ABSENT.expression not in condition.expression

        def is_done(existing: Attributes | None) -> bool:
            """If the item is gone, it was most likely deleted by an earlier attempt."""
            return requires_item and existing is None

        self._write("DeleteItem", {"Key": _key(item_id)}, condition, deadline, is_done)

    def _write(
        self,
        operation: str,
        parameters: dict[str, Any],
        condition: Condition | None,
        deadline: float,
        explains: Callable[[Attributes | None], bool],
    ) -> dict[str, Any]:
        """Raises ConditionError, unless an earlier attempt may have been applied and `explains` the existing item."""
        if condition is not None:
            parameters |= condition.parameters()
        try:
            return self._client.call(operation, {"TableName": self.name, **parameters}, deadline)
        except RejectedError as rejected:
            if rejected.cause != _CONDITION_FAILED:
                raise
            if rejected.maybe_applied and explains(rejected.item):
                return {}
            raise ConditionError(rejected.cause, rejected.item, maybe_applied=rejected.maybe_applied) from None

    def scan(self, limit: int, after: str | None, deadline: float) -> tuple[list[Attributes], str | None]:
        """Return up to `limit` items that follow the id `after`, and the id to continue after, or None at the end.

        A page can be empty without being the last one. The read is eventually consistent, which costs half as much.
        """
        parameters: dict[str, Any] = {"TableName": self.name, "Limit": limit}
        if after is not None:
            parameters["ExclusiveStartKey"] = _key(after)
        reply = self._client.call("Scan", parameters, deadline)
        last = reply.get("LastEvaluatedKey")
        return reply["Items"], last["itemId"]["S"] if last else None


def _key(item_id: str) -> Attributes:
    return {"itemId": {"S": item_id}}


def _new_revision() -> str:
    return base64.urlsafe_b64encode(os.urandom(12)).decode()


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
