"""Global secondary indexes take minutes to create, one at a time, and meanwhile much is refused.

moto creates and deletes them at once. What AWS does in between was measured by others: aws-controllers-k8s/
dynamodb-controller, `docs/api-quirks/table-indexes.md` and `service.md` at 34b85e6 (DDB-TABLE-174, DDB-TABLE-444).
"""

import math
from dataclasses import dataclass
from typing import Any

from tests.aws.faults import Call, ErrorResponse
from tests.aws.layer import Document, Layer, backend

_IN_USE = "Attempt to change a resource which is still in use"


@dataclass
class _Index:
    """`*_at` are times of the clock. Until `allocated_at`, the index cannot be deleted; then it is backfilling."""

    allocated_at: float
    active_at: float
    gone_at: float = math.inf  # set by a deletion


class Indexes:
    """The indexes of all tables, for the layer of DynamoDB."""

    def __init__(self, layer: Layer) -> None:
        self._layer = layer
        self._indexes: dict[tuple[str, str, str], _Index] = {}

    def created_with_table(self, call: Call, active_at: float) -> None:
        for index in call.parameters.get("GlobalSecondaryIndexes", []):
            self._indexes[self._key(call, index["IndexName"])] = _Index(active_at, active_at)

    def catch_up(self) -> None:
        for key in [key for key, index in self._indexes.items() if index.gone_at <= self._layer.now]:
            self.forget(*key)
            region, table, name = key
            if table in backend("dynamodb", region).tables:
                backend("dynamodb", region).update_table(
                    table, [], [{"Delete": {"IndexName": name}}], {}, "", {}, None, None
                )
                _forget_unused_keys(backend("dynamodb", region).tables[table])

    def forget(self, region: str, table: str, name: str | None = None) -> None:
        for key in [key for key in self._indexes if key[:2] == (region, table) and name in (None, key[2])]:
            del self._indexes[key]

    def status(self, region: str, table: str, name: str) -> str:
        index = self._indexes[region, table, name]
        if index.gone_at < math.inf:
            return "DELETING"
        return "ACTIVE" if self._layer.now >= index.active_at else "CREATING"

    def is_updating(self, region: str, table: str) -> bool:
        """Whether the table is UPDATING because of an index: not while the index is backfilling."""
        now = self._layer.now
        return any(now < index.allocated_at or index.gone_at < math.inf for index in self._of(region, table).values())

    def check_deletion_of_table(self, region: str, table: str) -> None:
        if self._busy(region, table):
            why = f"{_IN_USE}: Cannot delete table while indexes are being created, updated, or deleted."
            raise ErrorResponse("ResourceInUseException", why)

    def before_update(self, call: Call) -> Document | None:
        """Check the changes; respond to a deletion with DELETING, and let moto delete the index when it is due."""
        changes = call.parameters.get("GlobalSecondaryIndexUpdates", [])
        if not changes:
            return None
        ((kind, change),) = changes[0].items()
        table, name = call.parameters["TableName"], change["IndexName"]
        index = self._indexes.get(self._key(call, name))
        if kind == "Delete" and index and self._layer.now < index.allocated_at:
            why = "Index creation is in resource allocation phase. Retry deletion during backfilling phase or when the index is active. "
            raise ErrorResponse("ResourceInUseException", f"{_IN_USE}: {why}Table: {table} Index: {name}")
        if len(changes) > 1 or self._busy(call.region, table) - {name}:
            why = "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table"
            raise ErrorResponse("LimitExceededException", why)
        if kind == "Create":
            if index:
                raise ErrorResponse("ValidationException", "Attempting to create an index which already exists")
            defined = {a["AttributeName"] for a in call.parameters.get("AttributeDefinitions", [])}
            keys = {key["AttributeName"] for key in change["KeySchema"]}
            if keys - defined:
                why = f"One or more parameter values were invalid: Some index key attributes are not defined in AttributeDefinitions. Keys: {sorted(keys)}, AttributeDefinitions: {sorted(defined)}"
                raise ErrorResponse("ValidationException", why)
            call.seen = list(backend("dynamodb", call.region).tables[table].attr)
            types = {a["AttributeName"]: a["AttributeType"] for a in call.seen}
            for definition in call.parameters["AttributeDefinitions"]:
                assert (
                    types.get(definition["AttributeName"], definition["AttributeType"]) == definition["AttributeType"]
                )
            return None
        if not index:
            raise ErrorResponse("ResourceNotFoundException", f"Requested resource not found: Index: {name} not found")
        index.gone_at = self._layer.now + self._layer.delays.index_deleting
        return {"TableDescription": {"TableName": table, "TableStatus": "UPDATING"}}

    def after_update(self, call: Call) -> bool:
        """Whether the call created an index. AWS keeps the attributes that are already defined; moto replaces them."""
        changes = call.parameters.get("GlobalSecondaryIndexUpdates", [])
        if changes:
            delays, now = self._layer.delays, self._layer.now
            allocated_at = now + delays.index_allocating
            name = changes[0]["Create"]["IndexName"]
            self._indexes[self._key(call, name)] = _Index(allocated_at, allocated_at + delays.index_backfilling)
            table: Any = backend("dynamodb", call.region).tables[call.parameters["TableName"]]
            known = {a["AttributeName"] for a in call.seen}
            table.attr = [*call.seen, *(a for a in table.attr if a["AttributeName"] not in known)]
        return bool(changes)

    def show(self, call: Call, description: Document) -> None:
        """Complete the description of a table."""
        for shown in description.get("GlobalSecondaryIndexes", []):
            index = self._indexes[self._key(call, shown["IndexName"])]
            shown["IndexStatus"] = self.status(call.region, call.parameters["TableName"], shown["IndexName"])
            if shown["IndexStatus"] == "CREATING" and index.allocated_at < index.active_at:
                shown["Backfilling"] = self._layer.now >= index.allocated_at

    def _busy(self, region: str, table: str) -> set[str]:
        names = [name for _, _, name in self._of(region, table)]
        return {name for name in names if self.status(region, table, name) != "ACTIVE"}

    def _of(self, region: str, table: str) -> dict[tuple[str, str, str], _Index]:
        return {key: index for key, index in self._indexes.items() if key[:2] == (region, table)}

    def _key(self, call: Call, name: str) -> tuple[str, str, str]:
        return call.region, str(call.parameters["TableName"]), name


def _forget_unused_keys(table: Any) -> None:
    used = {key["AttributeName"] for index in table.global_indexes for key in index.schema} | {*table.table_key_attrs}
    table.attr = [definition for definition in table.attr if definition["AttributeName"] in used]
