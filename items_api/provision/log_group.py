"""The log group. It is created before the function, so that Lambda never creates one without retention."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from items_api.aws.errors import tolerate
from items_api.provision.step import Found, Right, Step

if TYPE_CHECKING:
    from collections.abc import Set

    from mypy_boto3_logs.type_defs import LogGroupTypeDef

    from items_api.settings import Arns, Settings

_ABSENT = "ResourceNotFoundException"


def create_request(settings: Settings) -> dict[str, Any]:
    return {"logGroupName": settings.log_group_name, "tags": settings.all_tags}


def retention_request(settings: Settings) -> dict[str, Any]:
    return {"logGroupName": settings.log_group_name, "retentionInDays": settings.log_retention}


class LogGroup(Step[Found]):
    type = "AWS::Logs::LogGroup"
    title = "log group"

    @property
    def name(self) -> str:
        return self.settings.log_group_name

    @classmethod
    def rights(cls, arns: Arns) -> tuple[Right, ...]:
        # Policies name a log group with `:*` for most actions and without it for tags. Which of the two applies to a
        # create with tags is not documented, so both are listed:
        # https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_LogGroup.html
        group = (arns.log_group, f"{arns.log_group}:*")
        every_group = f"{arns.log_group.removesuffix(arns.settings.log_group_name)}*"
        tags = ("logs:TagResource", "logs:UntagResource", "logs:ListTagsForResource")
        writes = ("logs:CreateLogGroup", "logs:PutRetentionPolicy", "logs:DeleteLogGroup")
        return (
            Right((*writes, *tags), group),
            # A search by prefix is denied unless the policy covers all log groups.
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
        """DescribeLogGroups matches by prefix, so every page is searched for the exact name."""
        groups = self.aws.every(
            self.aws.logs.describe_log_groups, "logGroups", "nextToken", logGroupNamePrefix=self.name
        )
        return next((group for group in groups if group["logGroupName"] == self.name), None)

    def _tags(self) -> dict[str, str] | None:
        with tolerate(_ABSENT):
            return self.aws.send(self.aws.logs.list_tags_for_resource, resourceArn=self.arns.log_group)["tags"]
        return None

    def create(self) -> Found:
        with tolerate("ResourceAlreadyExistsException"):
            self.aws.send(self.aws.logs.create_log_group, **create_request(self.settings))
            return Found(arn=self.arns.log_group, fields={"retention": None}, tags=self.settings.all_tags)
        return self.existing()

    def update(self, found: Found, parts: Set[str]) -> None:
        if "tags" in parts:
            self.aws.send(self.aws.logs.tag_resource, resourceArn=self.arns.log_group, tags=self.want_tags())
            if unwanted := self.unwanted(found.tags or ()):
                self.aws.send(self.aws.logs.untag_resource, resourceArn=self.arns.log_group, tagKeys=unwanted)
        if "retention" in parts:
            self.aws.send(self.aws.logs.put_retention_policy, **retention_request(self.settings))

    def delete(self, found: Found) -> None:
        self.delete_until_gone(
            found, lambda: self.aws.send(self.aws.logs.delete_log_group, logGroupName=self.name), absent=_ABSENT
        )
