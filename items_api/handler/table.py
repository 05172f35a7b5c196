"""The table's five operations.

If the reply to a conditional write is lost, the write may have been applied, and then the retry fails its own
condition. `Table.put` recognizes its own revision in the item that the refusal returns.
"""

from __future__ import annotations

import base64
import os

from .dynamodb import DynamoDBError, RejectedError

TYPE_CHECKING = False  # importing `typing` would slow down every cold start
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from .dynamodb import Calls
    from .item import Attribute, Attributes

#: The hidden attribute of every item that this API writes: a random text, different after each write.
REVISION = "items-api:revision"

_CONDITION_FAILED = "ConditionalCheckFailedException"


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


class ConditionError(DynamoDBError):
    """The current item, `item`, is not in the required state; nothing was written.

    If `maybe_applied`, an earlier attempt may have been applied, and another write has followed it.
    """

    def __init__(self, cause: str, item: Attributes | None, *, maybe_applied: bool) -> None:
        super().__init__(cause)
        self.item = item
        self.maybe_applied = maybe_applied


class Table:
    """A table with the partition key `itemId`. Its items are in DynamoDB's JSON format.

    Every operation takes a deadline in `time.monotonic` seconds and raises what `Client.call` raises.
    """

    def __init__(self, name: str, client: Calls, indexes: Mapping[str, str]) -> None:
        """`indexes` has the name of the index on each attribute that has one."""
        self.name = name
        self.indexes = indexes
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

    def page(
        self, limit: int, match: tuple[str, str] | None, after: str | None, deadline: float
    ) -> tuple[list[Attributes], str | None]:
        """Return up to `limit` items that follow the id `after`, and the id to continue after, or None at the end.

        With `match`, an attribute that has an index and its value, only the items with this value. A page can be empty
        without being the last one. The read is eventually consistent: a consistent one would cost twice as much, and an
        index has none.
        """
        parameters: dict[str, Any] = {"TableName": self.name, "Limit": limit}
        key: Attributes = {}
        if match is not None:
            attribute, value = match
            key = {attribute: {"S": value}}
            parameters |= {
                "IndexName": self.indexes[attribute],
                "KeyConditionExpression": "#k = :v",
                "ExpressionAttributeNames": {"#k": attribute},
                "ExpressionAttributeValues": {":v": key[attribute]},
            }
        if after is not None:
            parameters["ExclusiveStartKey"] = _key(after) | key
        reply = self._client.call("Query" if key else "Scan", parameters, deadline)
        last = reply.get("LastEvaluatedKey")
        return reply["Items"], last["itemId"]["S"] if last else None


def _key(item_id: str) -> Attributes:
    return {"itemId": {"S": item_id}}


def _new_revision() -> str:
    return base64.urlsafe_b64encode(os.urandom(12)).decode()
