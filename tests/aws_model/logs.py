"""CloudWatch Logs: groups, found by prefix, and the late log line that makes one again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.aws_model.refusal import Refusal
from tests.aws_model.service import Document, Place, Service

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass
class LogGroup:
    name: str
    created_ms: int
    tags: dict[str, str]
    retention: int | None = None


class Logs(Service):
    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.groups: dict[str, LogGroup] = {}
        self._late_lines: list[tuple[float, str]] = []

    def busy_with(self, operation: str, parameters: Mapping[str, Any]) -> str | None:
        del operation
        name = parameters.get("logGroupName")
        return str(name) if name else None

    def overlap(self) -> Refusal:
        return Refusal(
            "OperationAbortedException",
            "A conflicting operation is currently in progress against this resource. Please try again.",
        )

    def expect_line(self, group: str) -> None:
        """A function that may create log groups still has something to say."""
        self._late_lines.append((self.place.now() + self.place.delays.late_log_line, group))

    def catch_up(self) -> None:
        now = self.place.now()
        for _, name in [line for line in self._late_lines if line[0] <= now]:
            self.groups.setdefault(name, self._new(name, {}))
        self._late_lines = [line for line in self._late_lines if line[0] > now]

    def create_log_group(self, p: Document) -> None:
        name = p["logGroupName"]
        if name in self.groups:
            raise Refusal("ResourceAlreadyExistsException", "The specified log group already exists")
        self.groups[name] = self._new(name, dict(p.get("tags", {})))

    def describe_log_groups(self, p: Document) -> Document:
        prefix = p.get("logGroupNamePrefix", "")
        names = sorted(name for name in self.groups if name.startswith(prefix))
        page, token = self.place.page([self._described(self.groups[name]) for name in names], p.get("nextToken"))
        return {"logGroups": page, **({"nextToken": token} if token else {})}

    def put_retention_policy(self, p: Document) -> None:
        self._there(p["logGroupName"]).retention = p["retentionInDays"]

    def delete_retention_policy(self, p: Document) -> None:
        self._there(p["logGroupName"]).retention = None

    def delete_log_group(self, p: Document) -> None:
        del self.groups[self._there(p["logGroupName"]).name]

    def list_tags_for_resource(self, p: Document) -> Document:
        return {"tags": dict(self._of_arn(p["resourceArn"]).tags)}

    def tag_resource(self, p: Document) -> None:
        self._of_arn(p["resourceArn"]).tags.update(p["tags"])

    def untag_resource(self, p: Document) -> None:
        group = self._of_arn(p["resourceArn"])
        group.tags = {key: value for key, value in group.tags.items() if key not in p["tagKeys"]}

    def _new(self, name: str, tags: dict[str, str]) -> LogGroup:
        return LogGroup(name, int(self.place.time().timestamp() * 1000), tags)

    def _there(self, name: str) -> LogGroup:
        if name not in self.groups:
            raise Refusal("ResourceNotFoundException", "The specified log group does not exist.")
        return self.groups[name]

    def _of_arn(self, arn: str) -> LogGroup:
        """The tag operations take the ARN without the `:*` that log streams need.

        https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_TagResource.html
        """
        group = self.groups.get(arn.partition(":log-group:")[2])
        if group is None:
            raise Refusal("ResourceNotFoundException", "The specified resource does not exist.")
        return group

    def _described(self, group: LogGroup) -> Document:
        arn = self.place.arn("logs", f"log-group:{group.name}")
        return {
            "logGroupName": group.name,
            "creationTime": group.created_ms,
            **({"retentionInDays": group.retention} if group.retention else {}),
            "metricFilterCount": 0,
            "arn": f"{arn}:*",
            "storedBytes": 0,
            "logGroupClass": "STANDARD",
            "logGroupArn": arn,
        }
