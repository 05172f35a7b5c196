"""The table's four operations over DynamoDB JSON 1.0, signed with Signature Version 4.

A call is tried again, with jittered back-off and while the invocation has time for it, when DynamoDB throttles, fails,
or the connection breaks. A write whose answer was lost may have been carried out, so its own resend can fail its own
condition; `Table.put` and `Table.delete` tell that apart as far as it can be told.
"""

from __future__ import annotations

import json
import os
import time
import zlib

from . import item as items
from .connection import Connection, Reply
from .sigv4 import Signer

TYPE_CHECKING = False  # `typing` itself would be a sixth of the module load
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from .item import Attributes

ATTEMPTS = 8
ATTEMPT_SECONDS = 3.0
BACKOFF_SECONDS = 0.05
MAX_BACKOFF_SECONDS = 1.0

EXISTS = "attribute_exists(itemId)"
ABSENT = "attribute_not_exists(itemId)"

_CONDITION_FAILED = "ConditionalCheckFailedException"
# A transaction of another tool holds the item: like throttling, it passes and nothing was written.
_THROTTLED = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ThrottlingException",
        "TransactionConflictException",
    }
)
_SERVER_ERROR = 500


class DynamoDBError(Exception):
    """DynamoDB did not do it: `cause` is its error code, or the kind of connection error.

    DynamoDBError
    ├── RefusedError          it said no, and would say no again
    ├── ConditionError  the item is there, or is not
    └── UnavailableError      it did not answer usefully while there was time
    """

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


class RefusedError(DynamoDBError):
    """DynamoDB said no, and would say no again."""

    def __init__(self, cause: str, message: str, item: Attributes | None) -> None:
        super().__init__(cause)
        self.message = message
        #: The item as it is, when a condition failed on it.
        self.item = item
        #: An earlier attempt of the same call may have been carried out.
        self.after_lost_answer = False


class ConditionError(DynamoDBError):
    """The write's condition does not hold; nothing was written."""


class UnavailableError(DynamoDBError):
    """DynamoDB throttled, failed or stayed silent for as long as there was time."""


class _TransientError(Exception):
    """One attempt failed and another may not."""

    def __init__(self, cause: str, *, lost: bool, at_once: bool = False) -> None:
        super().__init__(cause)
        self.cause = cause
        self.lost = lost
        self.at_once = at_once


class Client:
    """Calls DynamoDB until it answers, refuses, or the time is up."""

    def __init__(
        self,
        connection: Connection,
        signer: Signer,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._connection = connection
        self._signer = signer
        self._sleep = sleep

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Client:
        """The client that Lambda's variables describe. What is missing shows in the first call, not here."""
        region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION", "")
        suffix = ".cn" if region.startswith("cn-") else ""
        connection = Connection(
            environ.get("AWS_ENDPOINT_URL_DYNAMODB")
            or environ.get("AWS_ENDPOINT_URL")
            or f"https://dynamodb.{region}.amazonaws.com{suffix}"
        )
        signer = Signer(
            connection.authority,
            region,
            environ.get("AWS_ACCESS_KEY_ID", ""),
            environ.get("AWS_SECRET_ACCESS_KEY", ""),
            environ.get("AWS_SESSION_TOKEN", ""),
        )
        return cls(connection, signer)

    def call(self, operation: str, parameters: dict[str, Any], until: float) -> dict[str, Any]:
        """One operation, such as `GetItem`; its reply.

        Args:
            operation: the name in DynamoDB's API.
            parameters: its JSON.
            until: when to give up, on `time.monotonic`'s clock.

        Raises:
            RefusedError: an error that trying again does not cure.
            UnavailableError: no useful answer in time.
        """
        body = json.dumps(parameters, separators=(",", ":")).encode()
        target = f"DynamoDB_20120810.{operation}"
        cause = ""
        lost = False
        for attempt in range(ATTEMPTS):
            try:
                return self._attempt(target, body, until)
            except RefusedError as refused:
                refused.after_lost_answer = lost
                raise
            except _TransientError as fault:
                cause = fault.cause
                lost = lost or fault.lost
                wait = 0.0 if fault.at_once else _backoff(attempt)
            if time.monotonic() + wait >= until:
                break
            self._sleep(wait)
        raise UnavailableError(cause)

    def _attempt(self, target: str, body: bytes, until: float) -> dict[str, Any]:
        limit = min(until, time.monotonic() + ATTEMPT_SECONDS)
        request = _request(self._signer.headers(target, body, time.time()), body)
        try:
            kept = self._connection.open(limit)
        except OSError as error:
            raise _TransientError(type(error).__name__, lost=False) from error
        try:
            reply = self._connection.exchange(request, limit)
        except OSError as error:
            # A kept connection that turns out dead says nothing about DynamoDB: no reason to wait.
            at_once = kept and not isinstance(error, TimeoutError)
            raise _TransientError(type(error).__name__, lost=True, at_once=at_once) from error
        return _read(reply)


class Table:
    """One table with the partition key `itemId`. Items are attribute values by name, ids are text.

    Every operation takes `until`, when to give up on `time.monotonic`'s clock, and raises what `Client.call` raises.
    """

    def __init__(self, name: str, client: Client) -> None:
        self.name = name
        self._client = client

    def get(self, item_id: str, until: float) -> Attributes | None:
        """The item as the last write left it: a consistent read, at twice the price of an eventual one."""
        parameters = {"TableName": self.name, "Key": _key(item_id), "ConsistentRead": True}
        found: Attributes | None = self._client.call("GetItem", parameters, until).get("Item")
        return found

    def put(self, item: Attributes, condition: str | None, until: float) -> Attributes | None:
        """Write the item; the one it replaced, if any.

        Raises:
            ConditionError: the condition does not hold, and not because of this very write.
        """
        parameters = {"TableName": self.name, "Item": item, "ReturnValues": "ALL_OLD", **_conditional(condition)}
        try:
            replaced: Attributes | None = self._client.call("PutItem", parameters, until).get("Attributes")
        except RefusedError as refused:
            if refused.cause != _CONDITION_FAILED:
                raise
            # Our own write, carried out before its answer was lost, is what stands in its way now.
            ours = refused.after_lost_answer and condition == ABSENT
            if ours and refused.item is not None and items.same(refused.item, item):
                return None
            raise ConditionError(refused.cause) from None
        return replaced

    def delete(self, item_id: str, condition: str | None, until: float) -> None:
        """Delete the item, there or not.

        Raises:
            ConditionError: the condition does not hold, and not because of this very deletion.
        """
        parameters = {"TableName": self.name, "Key": _key(item_id), **_conditional(condition)}
        try:
            self._client.call("DeleteItem", parameters, until)
        except RefusedError as refused:
            if refused.cause != _CONDITION_FAILED:
                raise
            # Gone, as asked for, and most likely by the attempt whose answer was lost.
            if refused.after_lost_answer and condition == EXISTS:
                return
            raise ConditionError(refused.cause) from None

    def scan(self, limit: int, after: str | None, until: float) -> tuple[list[Attributes], str | None]:
        """Up to `limit` items that follow the id `after`, and the id to go on after, or None at the end.

        A page may be empty and not the last. The read is eventually consistent: half the price of what costs most.
        """
        parameters: dict[str, Any] = {"TableName": self.name, "Limit": limit}
        if after is not None:
            parameters["ExclusiveStartKey"] = _key(after)
        reply = self._client.call("Scan", parameters, until)
        last = reply.get("LastEvaluatedKey")
        return reply["Items"], last["itemId"]["S"] if last else None


def _key(item_id: str) -> Attributes:
    return {"itemId": {"S": item_id}}


def _conditional(condition: str | None) -> dict[str, str]:
    if condition is None:
        return {}
    return {"ConditionExpression": condition, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}


def _backoff(attempt: int) -> float:
    """Full jitter (aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter); `random` takes long to import."""
    ceiling: float = min(MAX_BACKOFF_SECONDS, BACKOFF_SECONDS * 2**attempt)
    return ceiling * int.from_bytes(os.urandom(2), "big") / 0xFFFF


def _request(headers: dict[str, str], body: bytes) -> bytes:
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    return f"POST / HTTP/1.1\r\n{lines}content-length: {len(body)}\r\n\r\n".encode("latin-1") + body


def _read(reply: Reply) -> dict[str, Any]:
    """The JSON of a reply.

    Raises:
        RefusedError: an error of the caller's.
        _TransientError: throttling, an error of DynamoDB's, or a body that does not match its checksum.
    """
    checksum = reply.headers.get("x-amz-crc32")
    if checksum is not None and checksum != str(zlib.crc32(reply.body)):
        raise _TransientError("ChecksumMismatch", lost=True)
    try:
        document = json.loads(reply.body)
    except ValueError:
        document = None
    if type(document) is not dict:
        raise _TransientError(f"NotJSON{reply.status}", lost=True)
    if reply.status == 200:  # noqa: PLR2004 - the one success DynamoDB has
        return document
    code = str(document.get("__type", f"HTTP{reply.status}")).rpartition("#")[2]
    if code in _THROTTLED:
        raise _TransientError(code, lost=False)
    if reply.status >= _SERVER_ERROR:
        raise _TransientError(code, lost=True)
    message = document.get("message") or document.get("Message") or ""
    raise RefusedError(code, str(message), document.get("Item"))
