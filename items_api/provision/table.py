"""The DynamoDB table: on demand, partition key `itemId`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from items_api.aws.errors import says, tolerate
from items_api.provision.step import Found, Right, Step

if TYPE_CHECKING:
    from collections.abc import Set

    from mypy_boto3_dynamodb.type_defs import TableDescriptionTypeDef

    from items_api.settings import Arns, Settings

PARTITION_KEY = {"itemId (S)": "HASH"}
_ABSENT = "ResourceNotFoundException"


def create_request(settings: Settings) -> dict[str, Any]:
    return {
        "TableName": settings.table_name,
        "AttributeDefinitions": [{"AttributeName": "itemId", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "itemId", "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
        "Tags": settings.tag_list,
    }


@dataclass(frozen=True, kw_only=True)
class FoundTable(Found):
    """`items` and `size` (bytes) are DynamoDB's own count, which is up to six hours old."""

    items: int = 0
    size: int = 0


class Table(Step[FoundTable]):
    type = "AWS::DynamoDB::Table"
    title = "DynamoDB table"
    fixed = frozenset({"key"})

    @property
    def name(self) -> str:
        return self.settings.table_name

    @property
    def documents(self) -> frozenset[str]:
        return self.fixed

    @classmethod
    def rights(cls, arns: Arns) -> tuple[Right, ...]:
        writes = ("dynamodb:CreateTable", "dynamodb:UpdateTable", "dynamodb:DeleteTable", "dynamodb:TagResource")
        reads = ("dynamodb:DescribeTable", "dynamodb:ListTagsOfResource", "dynamodb:Scan")
        return (Right((*writes, *reads), (arns.table,)),)

    def want(self) -> dict[str, Any]:
        return {"key": PARTITION_KEY, "billing": "PAY_PER_REQUEST", "status": "ACTIVE"}

    def read(self) -> FoundTable | None:
        with tolerate(_ABSENT):
            description = self._describe()
            tags = self._tags()
            # The description of a table that is being deleted lacks its attributes and key.
            types = {a["AttributeName"]: a["AttributeType"] for a in description.get("AttributeDefinitions", [])}
            return FoundTable(
                arn=description["TableArn"],
                fields={
                    "key": {
                        f"{k['AttributeName']} ({types[k['AttributeName']]})": k["KeyType"]
                        for k in description.get("KeySchema", [])
                    },
                    # A table that has always been provisioned has no summary.
                    "billing": description.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED"),
                    "status": description["TableStatus"],
                },
                tags=tags,
                deleting=description["TableStatus"] == "DELETING",
                items=description.get("ItemCount", 0),
                size=description.get("TableSizeBytes", 0),
            )
        return None

    def _describe(self) -> TableDescriptionTypeDef:
        return self.aws.send(self.aws.dynamodb.describe_table, TableName=self.name)["Table"]

    def _tags(self) -> dict[str, str]:
        tags = self.aws.every(self.aws.dynamodb.list_tags_of_resource, "Tags", ResourceArn=self.arns.table)
        return {tag["Key"]: tag["Value"] for tag in tags}

    def count_items(self) -> tuple[int, bool] | None:
        """Items in the first megabyte of the table, counted now, and whether there are more; None if it does not exist.

        DescribeTable's count is up to six hours old, too old to base a deletion on.
        """
        with tolerate(_ABSENT):
            page = self.aws.send(self.aws.dynamodb.scan, TableName=self.name, Select="COUNT")
            return page["Count"], "LastEvaluatedKey" in page
        return None

    def create(self) -> FoundTable:
        with tolerate("ResourceInUseException"):
            self.settle(
                lambda: self.aws.send(self.aws.dynamodb.create_table, **create_request(self.settings)),
                transient=says("ResourceInUseException", text="is being deleted"),
                waiting="for the old table to be deleted",
            )
            fields = {**self.want(), "status": "CREATING"}
            return FoundTable(arn=self.arns.table, fields=fields, tags=self.settings.all_tags)
        return self.existing()

    def update(self, found: FoundTable, parts: Set[str]) -> None:
        if found.fields["status"] != "ACTIVE":
            self._wait_until_active()
        if "tags" in parts:
            tags: Any = self.settings.tag_list
            self.aws.send(self.aws.dynamodb.tag_resource, ResourceArn=self.arns.table, Tags=tags)
            # ListTagsOfResource lags behind by seconds, and the next command must not report that as drift.
            want = self.want_tags().items()
            self.settle(self._tags, until=lambda tags: want <= tags.items(), waiting="for the table's tags to appear")
        if "billing" in parts:
            self.aws.send(self.aws.dynamodb.update_table, TableName=self.name, BillingMode="PAY_PER_REQUEST")
            self._wait_until_active()

    def _wait_until_active(self) -> None:
        # Right after a create, DynamoDB's responses contradict each other, so ACTIVE must be seen twice in a row.
        seen = 0

        def is_active(status: str) -> bool:
            nonlocal seen
            seen = seen + 1 if status == "ACTIVE" else 0
            return seen > 1

        self.settle(
            lambda: self._describe()["TableStatus"],
            until=is_active,
            transient=says(_ABSENT),
            waiting="for the table to become ACTIVE",
        )

    def delete(self, found: FoundTable) -> None:
        if not found.deleting:
            with tolerate(_ABSENT):
                self.settle(
                    lambda: self.aws.send(self.aws.dynamodb.delete_table, TableName=self.name),
                    transient=says("ResourceInUseException"),
                    waiting="for DynamoDB to accept the deletion of the table",
                )
        self.settle(self._is_gone, until=bool, waiting="for the table to be deleted")

    def _is_gone(self) -> bool:
        with tolerate(_ABSENT):
            self._describe()
            return False
        return True
