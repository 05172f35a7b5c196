"""The global secondary indexes of the table, one for each attribute in the settings.

DynamoDB creates and deletes one index at a time. Measured by
https://github.com/aws-controllers-k8s/dynamodb-controller/blob/main/docs/api-quirks/table-indexes.md: a new index of an
empty table takes 8 to 17 minutes, in most of which the table is ACTIVE and the index CREATING and backfilling; deleting
one takes 5 seconds; and one that CreateTable creates is ready together with the table.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from items_api.aws.errors import ServiceError, tolerate
from items_api.provision.versions import changed_by_someone_else
from items_api.settings import index_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from mypy_boto3_dynamodb.type_defs import TableDescriptionTypeDef

    from items_api.provision.table import Table
    from items_api.settings import Settings

_ACTIVE, _CREATING, _DELETING = "ACTIVE", "CREATING", "DELETING"
_PROJECTION = "ALL"
# In a text such as "owner (S) and price (N), ALL".
_KEYS = re.compile(r"([A-Za-z0-9_.-]+) \(([SNB])\)")


def definitions(*attributes: str) -> list[dict[str, str]]:
    """Keys of the table or of indexes, all of them strings."""
    return [{"AttributeName": name, "AttributeType": "S"} for name in attributes]


def index(attribute: str, name: str) -> dict[str, Any]:
    """An index for CreateTable or UpdateTable. It has whole items, so that a Query needs no further reads."""
    return {
        "IndexName": name,
        "KeySchema": [{"AttributeName": attribute, "KeyType": "HASH"}],
        "Projection": {"ProjectionType": _PROJECTION},
    }


def create_request(settings: Settings) -> dict[str, Any]:
    """The part of CreateTable that defines the keys."""
    names = settings.index_names
    indexes = [index(attribute, name) for attribute, name in names.items()]
    return {
        "AttributeDefinitions": definitions("itemId", *names),
        "KeySchema": [{"AttributeName": "itemId", "KeyType": "HASH"}],
        **({"GlobalSecondaryIndexes": indexes} if indexes else {}),
    }


def wanted(settings: Settings) -> dict[str, str]:
    """The indexes as they are compared and shown: by name, "owner (S), ALL"."""
    return {name: _wanted(attribute) for attribute, name in settings.index_names.items()}


def found(description: TableDescriptionTypeDef) -> dict[str, str]:
    """The same for the indexes of a table, with their status if it is not ACTIVE."""
    types = {a["AttributeName"]: a["AttributeType"] for a in description.get("AttributeDefinitions", [])}
    return {i["IndexName"]: _text(i, types) for i in description.get("GlobalSecondaryIndexes", [])}


def unwanted(settings: Settings, texts: Mapping[str, str]) -> list[str]:
    """The names of the indexes, given as `found` returns them, that the settings do not have, or not with this key."""
    want = wanted(settings)
    return [name for name, text in texts.items() if name not in want or not text.startswith(want[name])]


def queryable(texts: Mapping[str, str]) -> list[str]:
    """The attributes with an ACTIVE index of the stack's kind, from what `found` returns."""
    attributes = [text.partition(" ")[0] for text in texts.values()]
    return [name for name in attributes if texts.get(index_name(name)) == _wanted(name)]


def _wanted(attribute: str) -> str:
    return f"{attribute} (S), {_PROJECTION}"


def _text(index: Mapping[str, Any], types: Mapping[str, str]) -> str:
    keys = " + ".join(
        f"{key['AttributeName']} ({types.get(key['AttributeName'], '?')})" for key in index.get("KeySchema", [])
    )
    status = index.get("IndexStatus", _ACTIVE)
    parts = (keys, index.get("Projection", {}).get("ProjectionType", "?"), *([] if status == _ACTIVE else [status]))
    return ", ".join(parts)


class Indexes:
    """Creates and deletes indexes of a table. It waits as long as it takes: for a large table, hours."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._aws = table.aws

    def create_missing(self, texts: Mapping[str, str]) -> None:
        """Create what is missing, and wait for what is being created. Of the rest, delete only what is in the way.

        `texts` are the indexes of the table as `found` returns them.
        """
        settings, want = self._table.settings, wanted(self._table.settings)
        for name in unwanted(settings, texts):
            if name in want or _is_in_the_way(texts[name], settings.indexes):
                self.delete(name, texts[name])
        for attribute, name in settings.index_names.items():
            if texts.get(name) != want[name]:
                self.create(attribute, name, "" if name in unwanted(settings, texts) else texts.get(name, ""))

    def cancel(self, texts: Mapping[str, str]) -> None:
        """Delete what is being created: DynamoDB would not delete the table meanwhile, which can take hours."""
        for name, text in texts.items():
            if text.endswith(_CREATING):
                self.delete(name, text)

    def create(self, attribute: str, name: str, found: str = "") -> None:
        """Create an index, unless it exists, and wait until it can be queried. `found` is its text, if it did."""
        seen = False

        def is_ready(description: TableDescriptionTypeDef) -> bool:
            nonlocal seen
            existing = _by_name(description)
            if name in existing:
                seen = True
                return existing[name].get("IndexStatus") == _ACTIVE
            if seen:
                raise changed_by_someone_else(f"The table {self._table.name}")
            if not _busy(description) and not (self._aws.is_rehearsal and found.endswith(_CREATING)):
                with tolerate("ValidationException", text="already exists"):
                    self._update({"Create": index(attribute, name)}, AttributeDefinitions=definitions(attribute))
            return self._aws.is_rehearsal

        self._until(is_ready, f"for the index {name} to be created")

    def delete(self, name: str, found: str) -> None:
        """Delete an index and wait until it is gone. One that is being created can be deleted, too."""

        def is_gone(description: TableDescriptionTypeDef) -> bool:
            status = _by_name(description).get(name, {}).get("IndexStatus", _ACTIVE)
            if self._aws.is_rehearsal:
                status = _DELETING if found.endswith(_DELETING) else _ACTIVE
            elif name not in _by_name(description):
                return True
            if status != _DELETING:
                with tolerate("ResourceNotFoundException"):
                    self._update({"Delete": {"IndexName": name}})
            return self._aws.is_rehearsal

        self._until(is_gone, f"for the index {name} to be deleted")

    def wait(self) -> None:
        """Wait until no index is being created, changed or deleted."""
        self._until(lambda description: not _busy(description), "for the indexes of the table")

    def _update(self, change: Any, **keys: Any) -> None:
        table = self._table.name
        self._aws.send(self._aws.dynamodb.update_table, TableName=table, GlobalSecondaryIndexUpdates=[change], **keys)

    def _until(self, condition: Callable[[TableDescriptionTypeDef], bool], waiting: str) -> None:
        started, progress = self._aws.now(), ""

        def attempt() -> bool:
            nonlocal progress
            try:
                description = self._table.describe()
            except ServiceError as error:
                if not error.says("ResourceNotFoundException"):
                    raise
                raise self._table.deleted_meanwhile(f"while this command waited {waiting}") from error
            progress = _busy(description)
            return condition(description)

        def report(_: str) -> None:
            minutes = int((self._aws.now() - started) // 60)
            details = ", ".join(text for text in (progress, f"{minutes} min" if minutes else "") if text)
            self._table.report(f"{waiting} ({details})" if details else waiting)

        self._aws.settle(
            attempt, until=bool, transient=_is_busy, waiting=waiting, report=report, seconds=math.inf, pause=2.0
        )


def _is_in_the_way(text: str, attributes: Iterable[str]) -> bool:
    """Whether an index that is not wanted would delay or prevent one on an attribute.

    DynamoDB creates one at a time, and an attribute has the same type in all keys.
    """
    keys = dict(_KEYS.findall(text))
    return text.endswith(_CREATING) or any(keys.get(attribute, "S") != "S" for attribute in attributes)


def _by_name(description: TableDescriptionTypeDef) -> dict[str, Mapping[str, Any]]:
    return {i["IndexName"]: i for i in description.get("GlobalSecondaryIndexes", [])}


def _busy(description: TableDescriptionTypeDef) -> str:
    """What DynamoDB is doing with an index or the table; empty if nothing."""
    for name, existing in _by_name(description).items():
        status = existing.get("IndexStatus", _ACTIVE)
        if status != _ACTIVE:
            return f"{name} is {'backfilling' if existing.get('Backfilling') else status}"
    status = description["TableStatus"]
    return "" if status == _ACTIVE else f"the table is {status}"


def _is_busy(error: ServiceError) -> bool:
    """Another change of the table or of an index is in progress."""
    return error.says("ResourceInUseException") or error.says("LimitExceededException", text="simultaneously")
