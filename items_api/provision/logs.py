"""The log group: made before the function, so that Lambda never makes one without retention; deleted after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from items_api.provision.answers import code
from items_api.provision.step import Found, Right, Step

if TYPE_CHECKING:
    from collections.abc import Set

    from mypy_boto3_logs.type_defs import LogGroupTypeDef

    from items_api.settings import Arns


class LogGroup(Step):
    type = "AWS::Logs::LogGroup"
    title = "log group"

    @property
    def name(self) -> str:
        return self.settings.log_group_name

    @classmethod
    def rights(cls, arns: Arns) -> tuple[Right, ...]:
        # Policies name a log group with `:*` for most actions and without for tags; which of the two a tagged create
        # is checked against is not documented, so both stand here:
        # https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_LogGroup.html
        group = (arns.log_group, f"{arns.log_group}:*")
        every_group = f"{arns.log_group.removesuffix(arns.settings.log_group_name)}*"
        writes = ("logs:CreateLogGroup", "logs:PutRetentionPolicy", "logs:DeleteLogGroup", "logs:TagResource")
        return (
            Right((*writes, "logs:ListTagsForResource"), group),
            # A search by prefix is not about one group, and is refused unless it may see them all.
            Right(("logs:DescribeLogGroups",), (every_group,)),
        )

    def want(self) -> dict[str, Any]:
        return {"retention": self.settings.log_retention}

    def read(self) -> Found | None:
        group, tags = self.aws.together(self._group, self._tags)
        if group is None or tags is None:
            return None
        return Found(arn=self.arns.log_group, fields={"retention": group.get("retentionInDays")}, tags=tags)

    def _group(self) -> LogGroupTypeDef | None:
        """DescribeLogGroups matches by prefix, so the exact name is looked for on every page."""
        groups = self.aws.every(
            self.aws.logs.describe_log_groups, "logGroups", "nextToken", logGroupNamePrefix=self.name
        )
        return next((group for group in groups if group["logGroupName"] == self.name), None)

    def _tags(self) -> dict[str, str] | None:
        try:
            return self.aws.send(self.aws.logs.list_tags_for_resource, resourceArn=self.arns.log_group)["tags"]
        except ClientError as error:
            if code(error) == "ResourceNotFoundException":
                return None
            raise

    def create(self) -> Found:
        try:
            self.aws.send(self.aws.logs.create_log_group, **self.create_request())
        except ClientError as error:
            if code(error) != "ResourceAlreadyExistsException":
                raise
            return self.take_existing()
        return Found(self.arns.log_group, fields={"retention": None}, tags=self.want_tags())

    def create_request(self) -> dict[str, Any]:
        return {"logGroupName": self.name, "tags": self.want_tags()}

    def retention_request(self) -> dict[str, Any]:
        return {"logGroupName": self.name, "retentionInDays": self.settings.log_retention}

    def update(self, found: Found, parts: Set[str]) -> None:
        del found
        if "tags" in parts:
            self.aws.send(self.aws.logs.tag_resource, resourceArn=self.arns.log_group, tags=self.want_tags())
        if "retention" in parts:
            self.aws.send(self.aws.logs.put_retention_policy, **self.retention_request())

    def delete(self, found: Found) -> None:
        del found
        try:
            self.aws.send(self.aws.logs.delete_log_group, logGroupName=self.name)
        except ClientError as error:
            if code(error) != "ResourceNotFoundException":
                raise
        self.settle(self.read, until=lambda seen: seen is None, waiting="until the log group is gone")
