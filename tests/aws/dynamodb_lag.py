"""DynamoDB takes seconds to create, update and delete a table, and shows tags later still.

moto's tables are ACTIVE at once and gone at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.aws.backends import backend
from tests.aws.layer import Document, Layer
from tests.aws.refusal import Refusal

if TYPE_CHECKING:
    from tests.aws.clock import VirtualClock
    from tests.aws.delays import Delays
    from tests.aws.journal import Call


@dataclass
class _Table:
    """`*_at` are times of the clock."""

    readable_at: float = 0.0
    active_at: float = 0.0
    busy: str = "CREATING"  # the status until `active_at`
    gone_at: float | None = None
    tags_at: float = 0.0
    tags_before: list[dict[str, str]] = field(default_factory=list)  # what ListTagsOfResource shows until `tags_at`


class DynamoDbLag(Layer):
    service = "dynamodb"

    def __init__(self, clock: VirtualClock, delays: Delays) -> None:
        super().__init__(clock, delays)
        self._tables: dict[tuple[str, str], _Table] = {}

    def status(self, region: str, name: str) -> str:
        table = self._table(region, name)
        if table.gone_at is not None:
            return "DELETING"
        return table.busy if self.clock.now() < table.active_at else "ACTIVE"

    def catch_up(self) -> None:
        for (region, name), table in list(self._tables.items()):
            if table.gone_at is not None and self.clock.now() >= table.gone_at:
                del self._tables[region, name]
                backend("dynamodb", region).delete_table(name)

    def before_create_table(self, call: Call) -> None:
        name = call.parameters["TableName"]
        if self.status(call.region, name) == "DELETING":
            raise Refusal("ResourceInUseException", f"Table is being deleted: {name}")

    def after_create_table(self, call: Call, answer: Document) -> None:
        now, delays = self.clock.now(), self.delays
        self._tables[call.region, call.parameters["TableName"]] = _Table(
            readable_at=now + delays.table_readable, active_at=now + delays.table_creating
        )
        self._show_status(call, answer["TableDescription"])

    def before_describe_table(self, call: Call) -> None:
        """Not found "if you issue it immediately after CreateTable".

        https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_DescribeTable.html
        """
        name = call.parameters["TableName"]
        self._must_be_readable(call, name, f"Table: {name}")

    def after_describe_table(self, call: Call, answer: Document) -> None:
        self._show_status(call, answer["Table"])

    def before_scan(self, call: Call) -> None:
        self.before_describe_table(call)

    def before_update_table(self, call: Call) -> None:
        self._must_be_active(call, call.parameters["TableName"])

    def after_update_table(self, call: Call, answer: Document) -> None:
        table = self._table(call.region, call.parameters["TableName"])
        table.busy, table.active_at = "UPDATING", self.clock.now() + self.delays.table_updating
        self._show_status(call, answer["TableDescription"])

    def before_delete_table(self, call: Call) -> Document | None:
        """Answer DELETING, and let moto delete the table when its time has come."""
        name = call.parameters["TableName"]
        found = backend("dynamodb", call.region).tables.get(name)
        if found is None:
            return None  # which moto refuses
        if found.deletion_protection_enabled:
            why = "Resource cannot be deleted as it is currently protected against deletion. "
            raise Refusal("ValidationException", why + "Disable deletion protection first.")
        if self.status(call.region, name) != "DELETING":
            self._must_be_active(call, name)
            table = self._tables.setdefault((call.region, name), _Table())
            table.gone_at = self.clock.now() + self.delays.table_deleting
        description: Document = found.describe()["TableDescription"]
        return {"TableDescription": {**description, "TableStatus": "DELETING"}}

    def before_list_tags_of_resource(self, call: Call) -> None:
        arn = call.parameters["ResourceArn"]
        self._must_be_readable(call, _name(arn), f"ResourcArn: {arn}")  # AWS's own spelling

    def after_list_tags_of_resource(self, call: Call, answer: Document) -> None:
        name = _name(call.parameters["ResourceArn"])
        table = self._table(call.region, name)
        lagging = self.clock.now() < table.tags_at
        answer["Tags"] = list(table.tags_before if lagging else backend("dynamodb", call.region).tables[name].tags)

    def before_tag_resource(self, call: Call) -> None:
        name = _name(call.parameters["ResourceArn"])
        self._must_be_active(call, name)
        table = self._tables.setdefault((call.region, name), _Table())
        table.tags_before = list(backend("dynamodb", call.region).tables[name].tags)
        table.tags_at = self.clock.now() + self.delays.table_tags

    before_untag_resource = before_tag_resource

    def after_tag_resource(self, call: Call, answer: Document) -> None:
        """AWS replaces the value of a key; moto lists the key a second time."""
        found = backend("dynamodb", call.region).tables[_name(call.parameters["ResourceArn"])]
        found.tags = [{"Key": key, "Value": value} for key, value in {t["Key"]: t["Value"] for t in found.tags}.items()]

    def _table(self, region: str, name: str) -> _Table:
        return self._tables.get((region, name), _Table())

    def _must_be_readable(self, call: Call, name: str, what: str) -> None:
        if self.clock.now() < self._table(call.region, name).readable_at:
            raise Refusal("ResourceNotFoundException", f"Requested resource not found: {what} not found")

    def _must_be_active(self, call: Call, name: str) -> None:
        """A write sees a new table at once, and a busy one refuses it."""
        if name not in backend("dynamodb", call.region).tables:
            raise Refusal("ResourceNotFoundException", f"Requested resource not found: Table: {name} not found")
        status = self.status(call.region, name)
        if status != "ACTIVE":
            doing = {"CREATING": "created", "UPDATING": "updated", "DELETING": "deleted"}[status]
            raise Refusal(
                "ResourceInUseException",
                f"Attempt to change a resource which is still in use: Table is being {doing}: {name}",
            )

    def _show_status(self, call: Call, description: dict[str, Any]) -> None:
        description["TableStatus"] = self.status(call.region, description["TableName"])


def _name(arn: str) -> str:
    return arn.rpartition("/")[2]
