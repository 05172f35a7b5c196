"""DynamoDB takes seconds to create, update and delete a table, and shows tags later still.

moto's tables are ACTIVE at once and gone at once. What AWS does in between was measured by others: aws-controllers-k8s/
dynamodb-controller, `docs/api-quirks/table.md` and `service.md` at 4534c4f (DDB-TABLE-001 to -441 and DDB-TABLE-103).
"""

import math
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from tests.aws.delays import Timing
from tests.aws.dynamodb_indexes import Indexes
from tests.aws.faults import Call, ErrorResponse
from tests.aws.layer import Document, Layer, backend

_IN_USE = "Attempt to change a resource which is still in use"
_DOING = {"CREATING": "created", "UPDATING": "updated", "DELETING": "deleted"}


@dataclass
class _Table:
    """`*_at` are times of the clock."""

    readable_at: float = 0.0
    active_at: float = 0.0
    busy: str = "CREATING"  # the status until `active_at`
    deleted_at: float = math.inf  # set by DeleteTable
    tags_found_at: float = 0.0  # until then, ListTagsOfResource does not find a new table
    tags_at: float = 0.0
    tags_before: list[dict[str, str]] = field(default_factory=list)  # what ListTagsOfResource shows until `tags_at`
    tags_locked_until: float = 0.0  # a write of tags rejects the next one for a while


class DynamoDb(Layer):
    service = "dynamodb"

    def __init__(self, timing: Timing) -> None:
        super().__init__(timing)
        self._tables: dict[tuple[str, str], _Table] = defaultdict(_Table)
        self._indexes = Indexes(self)

    def status(self, region: str, name: str) -> str:
        table = self._tables[region, name]
        if table.deleted_at < math.inf:
            return "DELETING"
        if self.now < table.active_at:
            return table.busy
        return "UPDATING" if self._indexes.is_updating(region, name) else "ACTIVE"

    def index_status(self, region: str, name: str, index: str) -> str:
        return self._indexes.status(region, name, index)

    def catch_up(self) -> None:
        gone_at = self.now - self.delays.table_deleting
        for region, name in [key for key, table in self._tables.items() if table.deleted_at <= gone_at]:
            del self._tables[region, name]
            backend("dynamodb", region).delete_table(name)
            self._indexes.forget(region, name)
        self._indexes.catch_up()

    def before_create_table(self, call: Call) -> None:
        """A table that is being deleted exists, so moto's own check would do, but it does not know the message."""
        if _name(call) in backend("dynamodb", call.region).tables:
            if self.status(call.region, _name(call)) == "CREATING":
                raise self._in_use(call)
            raise ErrorResponse("ResourceInUseException", f"Table already exists: {_name(call)}")

    def after_create_table(self, call: Call, response: Document) -> None:
        active_at = self.now + self.delays.table_creating
        self._tables[call.region, _name(call)] = _Table(
            readable_at=self.now + self.delays.table_readable,
            active_at=active_at,
            tags_found_at=active_at - self.delays.table_tags_empty / 2,
            tags_at=active_at + self.delays.table_tags_empty / 2,
        )
        self._indexes.created_with_table(call, active_at)
        self._show_status(call, response["TableDescription"])

    def before_describe_table(self, call: Call) -> None:
        """Not found "if you issue it immediately after CreateTable".

        https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_DescribeTable.html
        """
        if self.now < self._table(call).readable_at:
            raise _not_found(call)

    before_scan = before_describe_table
    before_put_item = before_describe_table

    def before_update_continuous_backups(self, call: Call) -> None:
        """Not available until a moment after the table is ACTIVE."""
        if _name(call) not in backend("dynamodb", call.region).tables:
            raise ErrorResponse("TableNotFoundException", f"Table not found: {_name(call)}")
        if self.now < self._table(call).active_at + self.delays.table_backups:
            why = f"Backups are being enabled for the table: {_name(call)}. Please retry later"
            raise ErrorResponse("ContinuousBackupsUnavailableException", why)

    def after_describe_table(self, call: Call, response: Document) -> None:
        self._show_status(call, response["Table"])

    def before_update_table(self, call: Call) -> Document | None:
        indexes = self._indexes.before_update(call) if self._exists(call) else None
        if indexes is None:
            self._check_idle(call)
        return indexes

    def _exists(self, call: Call) -> bool:
        return _name(call) in backend("dynamodb", call.region).tables

    def _check_idle(self, call: Call) -> None:
        """A write sees a new table at once, and a busy table rejects it."""
        if not self._exists(call):
            raise _not_found(call)
        if self.status(call.region, _name(call)) != "ACTIVE":
            raise self._in_use(call)

    def after_update_table(self, call: Call, response: Document) -> None:
        table = self._table(call)
        if "TableSizeBytes" in response["TableDescription"] and not self._indexes.after_update(call):
            table.busy, table.active_at = "UPDATING", self.now + self.delays.table_updating
        self._show_status(call, response["TableDescription"])

    def before_delete_table(self, call: Call) -> Document | None:
        """Respond with DELETING, and let moto delete the table when it is due."""
        found = backend("dynamodb", call.region).tables.get(_name(call))
        if found and found.deletion_protection_enabled:
            why = "Resource cannot be deleted as it is currently protected against deletion. "
            raise ErrorResponse("ValidationException", why + "Disable deletion protection first.")
        self._check_idle(call)
        self._indexes.check_deletion_of_table(call.region, _name(call))
        if self.now < self._table(call).tags_locked_until:
            raise ErrorResponse("ResourceInUseException", f"{_IN_USE}: Table tags are being updated: {_name(call)}")
        self._table(call).deleted_at = self.now
        description: Document = found.describe()["TableDescription"]
        return {"TableDescription": {**description, "TableStatus": "DELETING"}}

    def before_list_tags_of_resource(self, call: Call) -> None:
        table = self._table(call)
        if not table.tags_found_at <= self.now < table.deleted_at + self.delays.table_tags_lingering:
            raise _not_found(call)

    def after_list_tags_of_resource(self, call: Call, response: Document) -> None:
        table = self._table(call)
        response["Tags"] = list(table.tags_before if self.now < table.tags_at else self._moto_table(call).tags)

    def before_tag_resource(self, call: Call) -> Document | None:
        """A second write within seconds is rejected, unless it changes nothing."""
        if _name(call) not in backend("dynamodb", call.region).tables:
            raise _not_found(call)
        if self.status(call.region, _name(call)) in ("CREATING", "DELETING"):
            raise self._in_use(call)
        table, tags = self._table(call), list(self._moto_table(call).tags)
        if all(tag in tags for tag in call.parameters.get("Tags", [])) and call.action_name == "TagResource":
            return {}
        if self.now < table.tags_locked_until:
            raise ErrorResponse("LimitExceededException", "Subscriber limit exceeded: Table tags are being updated")
        table.tags_before, table.tags_at = tags, self.now + self.delays.table_tags
        table.tags_locked_until = self.now + self.delays.table_tags_locked
        return None

    before_untag_resource = before_tag_resource

    def after_tag_resource(self, call: Call, response: Document) -> None:
        """AWS replaces the value of a key; moto lists the key a second time."""
        found = self._moto_table(call)
        found.tags = [{"Key": key, "Value": value} for key, value in {t["Key"]: t["Value"] for t in found.tags}.items()]

    def _table(self, call: Call) -> _Table:
        return self._tables[call.region, _name(call)]

    def _moto_table(self, call: Call) -> Any:
        return backend("dynamodb", call.region).tables[_name(call)]

    def _in_use(self, call: Call) -> ErrorResponse:
        doing = _DOING[self.status(call.region, _name(call))]
        return ErrorResponse("ResourceInUseException", f"{_IN_USE}: Table is being {doing}: {_name(call)}")

    def _show_status(self, call: Call, description: Document) -> None:
        description["TableStatus"] = self.status(call.region, _name(call))
        self._indexes.show(call, description)


def _name(call: Call) -> str:
    """A request names a table by its name or its ARN."""
    return str(call.parameters.get("TableName") or call.parameters.get("ResourceArn", "")).rpartition("/")[2]


def _not_found(call: Call) -> ErrorResponse:
    arn = call.parameters.get("ResourceArn")
    what = f"ResourcArn: {arn}" if arn else f"Table: {_name(call)}"  # AWS's own spelling
    return ErrorResponse("ResourceNotFoundException", f"Requested resource not found: {what} not found")
