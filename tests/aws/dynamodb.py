"""DynamoDB takes seconds to create, update and delete a table, and shows tags later still.

moto's tables are ACTIVE at once and gone at once.
"""

import math
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from tests.aws.delays import Timing
from tests.aws.faults import Call, ErrorResponse
from tests.aws.layer import Document, Layer, backend


@dataclass
class _Table:
    """`*_at` are times of the clock."""

    readable_at: float = 0.0
    active_at: float = 0.0
    busy: str = "CREATING"  # the status until `active_at`
    gone_at: float = math.inf  # set by DeleteTable
    tags_at: float = 0.0
    tags_before: list[dict[str, str]] = field(default_factory=list)  # what ListTagsOfResource shows until `tags_at`


class DynamoDb(Layer):
    service = "dynamodb"

    def __init__(self, timing: Timing) -> None:
        super().__init__(timing)
        self._tables: dict[tuple[str, str], _Table] = defaultdict(_Table)

    def status(self, region: str, name: str) -> str:
        table = self._tables[region, name]
        if table.gone_at < math.inf:
            return "DELETING"
        return table.busy if self.now < table.active_at else "ACTIVE"

    def catch_up(self) -> None:
        for region, name in [key for key, table in self._tables.items() if self.now >= table.gone_at]:
            del self._tables[region, name]
            backend("dynamodb", region).delete_table(name)

    def before_create_table(self, call: Call) -> None:
        if self.status(call.region, _name(call)) == "DELETING":
            raise ErrorResponse("ResourceInUseException", f"Table is being deleted: {_name(call)}")

    def after_create_table(self, call: Call, response: Document) -> None:
        self._tables[call.region, _name(call)] = _Table(
            readable_at=self.now + self.delays.table_readable, active_at=self.now + self.delays.table_creating
        )
        self._show_status(call, response["TableDescription"])

    def before_describe_table(self, call: Call) -> None:
        """Not found "if you issue it immediately after CreateTable".

        https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_DescribeTable.html
        """
        if self.now < self._table(call).readable_at:
            arn = call.parameters.get("ResourceArn")
            what = f"ResourcArn: {arn}" if arn else f"Table: {_name(call)}"  # AWS's own spelling
            raise ErrorResponse("ResourceNotFoundException", f"Requested resource not found: {what} not found")

    before_scan = before_list_tags_of_resource = before_describe_table

    def after_describe_table(self, call: Call, response: Document) -> None:
        self._show_status(call, response["Table"])

    def before_update_table(self, call: Call) -> None:
        """A write sees a new table at once, and a busy table rejects it."""
        name = _name(call)
        if name not in backend("dynamodb", call.region).tables:
            raise ErrorResponse("ResourceNotFoundException", f"Requested resource not found: Table: {name} not found")
        status = self.status(call.region, name)
        if status != "ACTIVE":
            doing = {"CREATING": "created", "UPDATING": "updated", "DELETING": "deleted"}[status]
            why = f"Attempt to change a resource which is still in use: Table is being {doing}: {name}"
            raise ErrorResponse("ResourceInUseException", why)

    def after_update_table(self, call: Call, response: Document) -> None:
        table = self._table(call)
        table.busy, table.active_at = "UPDATING", self.now + self.delays.table_updating
        self._show_status(call, response["TableDescription"])

    def before_delete_table(self, call: Call) -> Document | None:
        """Respond with DELETING, and let moto delete the table when it is due."""
        found = backend("dynamodb", call.region).tables.get(_name(call))
        if found and found.deletion_protection_enabled:
            why = "Resource cannot be deleted as it is currently protected against deletion. "
            raise ErrorResponse("ValidationException", why + "Disable deletion protection first.")
        if self.status(call.region, _name(call)) != "DELETING":
            self.before_update_table(call)
            self._table(call).gone_at = self.now + self.delays.table_deleting
        description: Document = found.describe()["TableDescription"]
        return {"TableDescription": {**description, "TableStatus": "DELETING"}}

    def after_list_tags_of_resource(self, call: Call, response: Document) -> None:
        if self.now < self._table(call).tags_at:
            response["Tags"] = list(self._table(call).tags_before)
        else:
            response["Tags"] = list(self._moto_table(call).tags)

    def before_tag_resource(self, call: Call) -> None:
        self.before_update_table(call)
        self._table(call).tags_before = list(self._moto_table(call).tags)
        self._table(call).tags_at = self.now + self.delays.table_tags

    before_untag_resource = before_tag_resource

    def after_tag_resource(self, call: Call, response: Document) -> None:
        """AWS replaces the value of a key; moto lists the key a second time."""
        found = self._moto_table(call)
        found.tags = [{"Key": key, "Value": value} for key, value in {t["Key"]: t["Value"] for t in found.tags}.items()]

    def _table(self, call: Call) -> _Table:
        return self._tables[call.region, _name(call)]

    def _moto_table(self, call: Call) -> Any:
        return backend("dynamodb", call.region).tables[_name(call)]

    def _show_status(self, call: Call, description: Document) -> None:
        description["TableStatus"] = self.status(call.region, _name(call))


def _name(call: Call) -> str:
    """A request names a table by its name or its ARN."""
    return str(call.parameters.get("TableName") or call.parameters.get("ResourceArn", "")).rpartition("/")[2]
