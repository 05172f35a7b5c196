"""The DynamoDB table: on demand, partition key `itemId`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from items_api.provision.answers import code, says
from items_api.provision.step import Found, Right, Step

if TYPE_CHECKING:
    from collections.abc import Set

    from mypy_boto3_dynamodb.type_defs import TableDescriptionTypeDef

    from items_api.settings import Arns

PARTITION_KEY = {"itemId (S)": "HASH"}


class Table(Step):
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

    def read(self) -> Found | None:
        try:
            description, tags = self.aws.together(self._describe, self._tags)
        except ClientError as error:
            if code(error) == "ResourceNotFoundException":
                return None
            raise
        # A table on its way out is described without them.
        types = {a["AttributeName"]: a["AttributeType"] for a in description.get("AttributeDefinitions", [])}
        return Found(
            arn=description["TableArn"],
            fields={
                "key": {
                    f"{k['AttributeName']} ({types[k['AttributeName']]})": k["KeyType"]
                    for k in description.get("KeySchema", [])
                },
                # A table that was always provisioned has no summary.
                "billing": description.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED"),
                "status": description["TableStatus"],
            },
            tags=tags,
            leaving=description["TableStatus"] == "DELETING",
            ids={"items": description.get("ItemCount", 0), "bytes": description.get("TableSizeBytes", 0)},
        )

    def _describe(self) -> TableDescriptionTypeDef:
        return self.aws.send(self.aws.dynamodb.describe_table, TableName=self.name)["Table"]

    def _tags(self) -> dict[str, str]:
        tags = self.aws.every(self.aws.dynamodb.list_tags_of_resource, "Tags", ResourceArn=self.arns.table)
        return {tag["Key"]: tag["Value"] for tag in tags}

    def count_items(self) -> tuple[int, bool] | None:
        """Items on the first megabyte of the table, counted now, and whether there are more; None if it is not ACTIVE.

        DescribeTable's own count is up to six hours old, which is no basis for a decision to delete.
        """
        try:
            page = self.aws.send(self.aws.dynamodb.scan, TableName=self.name, Select="COUNT")
        except ClientError as error:
            if code(error) == "ResourceNotFoundException":
                return None
            raise
        return page["Count"], "LastEvaluatedKey" in page

    def create(self) -> Found:
        try:
            # A table of that name may still be on its way out.
            self.settle(
                lambda: self.aws.send(self.aws.dynamodb.create_table, **self.create_request()),
                passing=says("ResourceInUseException", text="is being deleted"),
                waiting="until the old table is gone",
            )
        except ClientError as error:
            if code(error) != "ResourceInUseException":
                raise
            return self.take_existing()
        fields = {**self.want(), "status": "CREATING"}
        return Found(self.arns.table, fields=fields, tags=self.want_tags())

    def create_request(self) -> dict[str, Any]:
        return {
            "TableName": self.name,
            "AttributeDefinitions": [{"AttributeName": "itemId", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "itemId", "KeyType": "HASH"}],
            "BillingMode": "PAY_PER_REQUEST",
            "Tags": self._tag_list(),
        }

    def _tag_list(self) -> list[dict[str, str]]:
        return [{"Key": key, "Value": value} for key, value in self.want_tags().items()]

    def update(self, found: Found, parts: Set[str]) -> None:
        if found.fields["status"] != "ACTIVE":
            self._wait_until_active()
        if "tags" in parts:
            self.aws.send(
                self.aws.dynamodb.tag_resource,
                ResourceArn=self.arns.table,
                Tags=self._tag_list(),  # type: ignore[arg-type]
            )
            # ListTagsOfResource lags behind by seconds, and the next command should not take that for drift.
            want = self.want_tags().items()
            self.settle(self._tags, until=lambda tags: want <= tags.items(), waiting="until the table shows its tags")
        if "billing" in parts:
            self.aws.send(self.aws.dynamodb.update_table, TableName=self.name, BillingMode="PAY_PER_REQUEST")
            self._wait_until_active()

    def _wait_until_active(self) -> None:
        # Right after a create DynamoDB's answers disagree with each other, so it is believed the second time.
        seen = 0

        def is_active(status: str) -> bool:
            nonlocal seen
            seen = seen + 1 if status == "ACTIVE" else 0
            return seen > 1

        self.settle(
            lambda: self._describe()["TableStatus"],
            until=is_active,
            passing=says("ResourceNotFoundException"),
            waiting="until the table is ACTIVE",
        )

    def delete(self, found: Found) -> None:
        if not found.leaving:
            try:
                self.settle(
                    lambda: self.aws.send(self.aws.dynamodb.delete_table, TableName=self.name),
                    passing=lambda error: code(error) == "ResourceInUseException",
                    waiting="until the table can be deleted",
                )
            except ClientError as error:
                if code(error) != "ResourceNotFoundException":
                    raise
        self.settle(self._is_gone, until=bool, waiting="until the table is gone")

    def _is_gone(self) -> bool:
        try:
            self._describe()
        except ClientError as error:
            if code(error) == "ResourceNotFoundException":
                return True
            raise
        return False
