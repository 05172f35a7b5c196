"""DynamoDB: tables that take their time."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime  # noqa: TC003 - a field's type
from typing import Any

from tests.aws_model.refusal import Refusal
from tests.aws_model.service import Document, Place, Service, as_tag_list, clone, from_tag_list


@dataclass
class Table:
    """`*_at` are times of the clock."""

    parameters: Document
    table_id: str
    created: datetime
    readable_at: float
    active_at: float
    tags: dict[str, str]
    busy: str = "CREATING"  # what it is until `active_at`
    gone_at: float | None = None
    tags_before: dict[str, str] = field(default_factory=dict)  # what ListTagsOfResource says until `tags_at`
    tags_at: float = 0.0
    items: dict[str, Document] = field(default_factory=dict)

    def status(self, now: float) -> str:
        if self.gone_at is not None:
            return "DELETING"
        return self.busy if now < self.active_at else "ACTIVE"


class DynamoDB(Service):
    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.tables: dict[str, Table] = {}

    def catch_up(self) -> None:
        now = self.place.now()
        for name in [name for name, table in self.tables.items() if table.gone_at is not None and now >= table.gone_at]:
            del self.tables[name]

    def create_table(self, p: Document) -> Document:
        name = p["TableName"]
        if name in self.tables:
            leaving = self.tables[name].gone_at is not None
            why = f"Table is being deleted: {name}" if leaving else f"Table already exists: {name}"
            raise Refusal("ResourceInUseException", why)
        delays, now = self.place.delays, self.place.now()
        self.tables[name] = Table(
            parameters={k: clone(v) for k, v in p.items() if k != "Tags"},
            table_id=self.place.new_id("table", 32),
            created=self.place.time(),
            readable_at=now + delays.table_readable,
            active_at=now + delays.table_creating,
            tags=from_tag_list(p.get("Tags")),
        )
        return {"TableDescription": self._description(name)}

    def describe_table(self, p: Document) -> Document:
        self._readable(p["TableName"])
        return {"Table": self._description(p["TableName"])}

    def update_table(self, p: Document) -> Document:
        name = p["TableName"]
        table = self._idle(name)
        table.parameters.update(clone(p))
        table.busy = "UPDATING"
        table.active_at = self.place.now() + self.place.delays.table_updating
        return {"TableDescription": self._description(name)}

    def delete_table(self, p: Document) -> Document:
        name = p["TableName"]
        if name in self.tables and self.tables[name].gone_at is not None:
            return {"TableDescription": self._description(name)}
        table = self._idle(name)
        if table.parameters.get("DeletionProtectionEnabled"):
            raise Refusal(
                "ValidationException",
                "Resource cannot be deleted as it is currently protected against deletion. "
                "Disable deletion protection first.",
            )
        table.gone_at = self.place.now() + self.place.delays.table_deleting
        return {"TableDescription": self._description(name)}

    def list_tables(self, p: Document) -> Document:
        names = sorted(self.tables)
        page, token = self.place.page(names, str(names.index(p[_START]) + 1) if _START in p else None)
        return {"TableNames": page, **({"LastEvaluatedTableName": page[-1]} if token else {})}

    def list_tags_of_resource(self, p: Document) -> Document:
        table = self._readable(_name(p), arn=p["ResourceArn"])
        seen = table.tags if self.place.now() >= table.tags_at else table.tags_before
        page, token = self.place.page(as_tag_list(seen), p.get("NextToken"))
        return {"Tags": page, **({"NextToken": token} if token else {})}

    def tag_resource(self, p: Document) -> None:
        table = self._idle(_name(p))
        self._retag(table, {**table.tags, **from_tag_list(p["Tags"])})

    def untag_resource(self, p: Document) -> None:
        table = self._idle(_name(p))
        self._retag(table, {key: value for key, value in table.tags.items() if key not in p["TagKeys"]})

    def put_item(self, p: Document) -> Document:
        table = self._readable(p["TableName"])
        key = table.parameters["KeySchema"][0]["AttributeName"]
        table.items[str(p["Item"][key])] = clone(p["Item"])
        return {}

    def scan(self, p: Document) -> Document:
        items = list(self._readable(p["TableName"]).items.values())
        counts = {"Count": len(items), "ScannedCount": len(items)}
        return counts if p.get("Select") == "COUNT" else {"Items": clone(items), **counts}

    def _retag(self, table: Table, tags: dict[str, str]) -> None:
        table.tags_before, table.tags = table.tags, tags
        table.tags_at = self.place.now() + self.place.delays.table_tags

    def _readable(self, name: str, arn: str | None = None) -> Table:
        """Eventually consistent: not found "if you issue it immediately after CreateTable".

        https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_DescribeTable.html
        """
        table = self.tables.get(name)
        if table is None or self.place.now() < table.readable_at:
            what = f"ResourcArn: {arn} not found" if arn else f"Table: {name} not found"  # AWS's own spelling
            raise Refusal("ResourceNotFoundException", f"Requested resource not found: {what}")
        return table

    def _idle(self, name: str) -> Table:
        """A table that can be changed now. Writes see a new table at once."""
        table = self.tables.get(name)
        if table is None:
            raise Refusal("ResourceNotFoundException", f"Requested resource not found: Table: {name} not found")
        status = table.status(self.place.now())
        if status != "ACTIVE":
            doing = {"CREATING": "created", "UPDATING": "updated", "DELETING": "deleted"}[status]
            raise Refusal(
                "ResourceInUseException",
                f"Attempt to change a resource which is still in use: Table is being {doing}: {name}",
            )
        return table

    def _description(self, name: str) -> Document:
        table = self.tables[name]
        p = table.parameters
        throughput = p.get("ProvisionedThroughput", {"ReadCapacityUnits": 0, "WriteCapacityUnits": 0})
        on_demand: dict[str, Any] = {}
        if p.get("BillingMode") == "PAY_PER_REQUEST":
            on_demand = {
                "BillingModeSummary": {
                    "BillingMode": "PAY_PER_REQUEST",
                    "LastUpdateToPayPerRequestDateTime": table.created,
                },
                # Nobody asked for it, and no comparison may take it for drift.
                "WarmThroughput": {"ReadUnitsPerSecond": 12_000, "WriteUnitsPerSecond": 4_000, "Status": "ACTIVE"},
            }
        return {
            "AttributeDefinitions": clone(p["AttributeDefinitions"]),
            "TableName": name,
            "KeySchema": clone(p["KeySchema"]),
            "TableStatus": table.status(self.place.now()),
            "CreationDateTime": table.created,
            "ProvisionedThroughput": {"NumberOfDecreasesToday": 0, **throughput},
            "TableSizeBytes": 0,
            "ItemCount": 0,  # AWS counts every six hours
            "TableArn": self.place.arn("dynamodb", f"table/{name}"),
            "TableId": table.table_id,
            "DeletionProtectionEnabled": p.get("DeletionProtectionEnabled", False),
            **on_demand,
        }


_START = "ExclusiveStartTableName"


def _name(p: Document) -> str:
    return str(p["ResourceArn"]).rpartition("/")[2]
