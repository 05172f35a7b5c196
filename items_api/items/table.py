"""The items of a table: parallel reads, and writes that drop nothing."""

from __future__ import annotations

import json
import math
import random
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from items_api.aws.errors import ServiceError
from items_api.errors import CannotChange, TimedOut

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from items_api.aws.client import Aws
    from items_api.items.rate import Rate
    from items_api.items.writing import LineWriter

BATCH = 25  # items in a BatchWriteItem
_KEY = [{"AttributeName": "itemId", "KeyType": "HASH"}]
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 2.0
# Even a table at its limit accepts a few writes in this time.
_STALLED_SECONDS = 300.0
_RAW = "Raw"
_ITEMS = re.compile(r'"Items"\s*:\s*\[\s*')
_NEXT = re.compile(r"[\s,]*")


class Page(NamedTuple):
    """A line for each item, the key to continue after (None at the end), and the read units that were used."""

    lines: list[bytes]
    last: str | None
    units: float


class ItemTable:
    """What moves items needs to know about a table.

    Attributes:
        identity: is different for a table that is created later with the same name.
        indexed: the attributes that are string keys of indexes.
        count: the number of items, as DynamoDB counts them every six hours.
    """

    def __init__(self, aws: Aws, name: str) -> None:
        """Raises `CannotChange` if the table has another key than `itemId`."""
        self.name = name
        self.aws = aws
        # botocore's conversion of each value takes three quarters of the time of a dump and half of that of a load, and
        # adds nothing.
        events = aws.items.meta.events
        events.register("before-parse.dynamodb.Scan", _keep_raw, unique_id="keep Scan")
        for operation, take in (("BatchWriteItem", _take_requests), ("PutItem", _take_item)):
            events.register(f"before-parameter-build.dynamodb.{operation}", take, unique_id=f"take {operation}")
            events.register_first(f"before-call.dynamodb.{operation}", _send_raw, unique_id=f"send {operation}")
        description = aws.send(aws.dynamodb.describe_table, TableName=name)["Table"]
        types = {a["AttributeName"]: a["AttributeType"] for a in description.get("AttributeDefinitions", [])}
        if description["KeySchema"] != _KEY or types["itemId"] != "S":
            key = " and ".join(f"{k['AttributeName']} ({types[k['AttributeName']]})" for k in description["KeySchema"])
            raise CannotChange(
                f"The table {name} has the key {key}.",
                "Items of this tool have the key itemId (S).",
                "Choose another --name.",
            )
        self.identity = f"{description['TableArn']} {description.get('TableId', '')}"
        self.count = description.get("ItemCount", 0)
        keys = [i["KeySchema"][0]["AttributeName"] for i in description.get("GlobalSecondaryIndexes", [])]
        self.indexed = tuple(key for key in keys if types.get(key) == "S")

    def scan(self, segment: int, segments: int, after: str | None, limit: int) -> str:
        """A page of one of the segments, in which the table is read in parallel; to be parsed by `parsed`.

        The read is consistent: it has every write that was confirmed before. `limit` is the largest number of items.
        """
        start: Any = {"ExclusiveStartKey": {"itemId": {"S": after}}} if after is not None else {}
        response: Mapping[str, Any] = self.aws.send(
            self.aws.items.scan,
            TableName=self.name,
            Segment=segment,
            TotalSegments=segments,
            ConsistentRead=True,
            ReturnConsumedCapacity="TOTAL",
            Limit=limit,
            **start,
        )
        text: str = response[_RAW]
        return text

    def write(self, items: Mapping[str, bytes], rate: Rate) -> dict[str, str]:
        """Put up to 25 items, in DynamoDB's JSON by their ids, until DynamoDB has accepted or rejected each of them.

        Returns why items were rejected, by id.

        Raises:
            AwsError: any other error. Some items may have been written.
            TimedOut: DynamoDB has accepted no item for minutes.
        """
        pending, rejected = dict(items), dict[str, str]()
        pause, accepted = _FIRST_PAUSE, self.aws.now()
        while pending:
            before = len(pending)
            expected, asked = self._units_of(pending.values(), rate), self.aws.now()
            rate.wait(expected)
            accepted += self.aws.now() - asked  # this was not DynamoDB's time
            try:
                pending = self._put(pending, expected, rate)
            except ServiceError as error:
                if error.says("ValidationException"):
                    return rejected | self._write_each(pending, str(error.message), rate)
                if not error.is_transient:
                    raise
            stalled = self.aws.now() - accepted
            if len(pending) < before:
                pause, accepted = _FIRST_PAUSE, self.aws.now()
            elif stalled > _STALLED_SECONDS:
                raise TimedOut(
                    f"DynamoDB has accepted no write to the table {self.name} for {stalled:.0f} s.",
                    "The table is throttled, probably because other clients use its capacity.",
                    "Run the command again later.",
                )
            if pending:
                self.aws.pause(random.uniform(0, pause))  # noqa: S311 - not a secret
                pause = min(pause * 2, _LONGEST_PAUSE)
        return rejected

    def _put(self, items: Mapping[str, bytes], expected: float, rate: Rate) -> dict[str, bytes]:
        """One BatchWriteItem. Returns the items that DynamoDB did not process."""
        requests: Any = b"[%b]" % b",".join([b'{"PutRequest":{"Item":%b}}' % item for item in items.values()])
        response = self.aws.send(
            self.aws.items.batch_write_item, RequestItems={self.name: requests}, ReturnConsumedCapacity="TOTAL"
        )
        left = response.get("UnprocessedItems", {}).get(self.name, [])
        keys = [request["PutRequest"]["Item"]["itemId"]["S"] for request in left]
        rate.correct(expected, _units(response, expected * (1 - len(keys) / len(items))))
        return {key: items[key] for key in keys}

    def _write_each(self, items: Mapping[str, bytes], reason: str, rate: Rate) -> dict[str, str]:
        """One invalid item makes DynamoDB reject its whole batch."""
        if len(items) == 1:
            return dict.fromkeys(items, reason)
        rejected = dict[str, str]()
        for key, item in items.items():
            rejected |= self.write({key: item}, rate)
        return rejected

    def write_new(self, item: bytes, rate: Rate) -> bool:
        """Put an item in DynamoDB's JSON, unless there is one with its id. Returns whether it was written.

        Raises:
            AwsError: a ValidationException if DynamoDB rejects the item, or any other error.
        """
        raw: Any = item
        expected = self._units_of([item], rate)
        rate.wait(expected)
        try:
            response = self.aws.send(
                self.aws.items.put_item,
                TableName=self.name,
                Item=raw,
                ConditionExpression="attribute_not_exists(itemId)",
                ReturnConsumedCapacity="TOTAL",
            )
        except ServiceError as error:
            if not error.says("ConditionalCheckFailedException"):
                raise
            return False
        rate.correct(expected, _units(response, expected))
        return True

    def _units_of(self, items: Collection[bytes], rate: Rate) -> float:
        """About how many write units these items use, in the table and its indexes; without a limit, one for each."""
        if rate.per_second is None:
            return float(len(items))
        return sum(math.ceil(len(item) / 1024) * (1 + len(self.indexed)) for item in items)


def parsed(text: str, writer: LineWriter) -> Page:
    """A page, with each item as a line. Raises NotPlainError."""
    found = _ITEMS.search(text)
    assert found is not None  # noqa: S101 - see _keep_raw
    lines: list[bytes] = []
    position = found.end()
    while text[position] != "]":
        line, end = writer.line(text, position)
        lines.append(line)
        position = _NEXT.match(text, end).end()  # type: ignore[union-attr]
    rest = json.loads(f"{text[: found.end()]}{text[position:]}")
    last = rest.get("LastEvaluatedKey")
    return Page(lines, last["itemId"]["S"] if last else None, _units(rest, math.ceil(len(text) / 4096)))


def _keep_raw(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any) -> None:
    """Give the body of a page of items to the caller as text; botocore parses an empty one.

    This event of botocore is for customized responses: https://github.com/boto/botocore/blob/develop/botocore/endpoint.py
    """
    if response_dict["status_code"] == 200 and b'"Items"' in response_dict["body"]:  # noqa: PLR2004 - success
        customized_response_dict[_RAW] = response_dict["body"].decode()
        response_dict["body"] = b"{}"


def _take_requests(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    """Take what is JSON already out of botocore's hands. It needs the table, and checks that there is a request."""
    ((table, requests),) = params["RequestItems"].items()
    context[_RAW] = (b'{"RequestItems":{', json.dumps(table).encode(), b":", requests, b"},")
    params["RequestItems"] = {table: [{}]}


def _take_item(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    context[_RAW] = (b'{"Item":', params["Item"], b",")
    params["Item"] = {}


def _send_raw(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    """Add what has been taken out to the body."""
    body = json.loads(params["body"])
    rest = {name: value for name, value in body.items() if name not in {"RequestItems", "Item"}}
    params["body"] = b"".join([*context.pop(_RAW), json.dumps(rest).encode()[1:]])


def _units(response: Mapping[str, Any], otherwise: float) -> float:
    """The capacity units that a call has used; an emulator may not say."""
    used = response.get("ConsumedCapacity") or {}
    tables = used if isinstance(used, list) else [used]
    found = [table["CapacityUnits"] for table in tables if "CapacityUnits" in table]
    return sum(found) if found else otherwise
