"""CloudWatch Logs: a late log line recreates a deleted group, and two writes to one group at once conflict.

https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DeleteLogGroup.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.aws.actions import ACCOUNT, partition_of
from tests.aws.backends import backend
from tests.aws.layer import Document, Layer
from tests.aws.refusal import Refusal

if TYPE_CHECKING:
    from tests.aws.clock import VirtualClock
    from tests.aws.delays import Delays
    from tests.aws.journal import Call


class LogsLag(Layer):
    service = "logs"

    def __init__(self, clock: VirtualClock, delays: Delays) -> None:
        super().__init__(clock, delays)
        self._late_lines: list[tuple[float, str, str]] = []

    def expect_line(self, region: str, group: str) -> None:
        """A function that may create log groups writes one more line after it is deleted."""
        self._late_lines.append((self.clock.now() + self.delays.late_log_line, region, group))

    def catch_up(self) -> None:
        for line in [line for line in self._late_lines if line[0] <= self.clock.now()]:
            self._late_lines.remove(line)
            backend("logs", line[1]).ensure_log_group(line[2])

    def busy_with(self, call: Call) -> str | None:
        return call.parameters.get("logGroupName")

    def overlap(self) -> Refusal:
        return Refusal(
            "OperationAbortedException",
            "A conflicting operation is currently in progress against this resource. Please try again.",
        )

    def before_delete_log_group(self, call: Call) -> None:
        """Moto would give the tags to the next group of this name."""
        arn = (
            f"arn:{partition_of(call.region)}:logs:{call.region}:{ACCOUNT}:log-group:{call.parameters['logGroupName']}"
        )
        backend("logs", call.region).tagger.delete_all_tags_for_resource(arn)

    def before_list_tags_for_resource(self, call: Call) -> Document | None:
        """Moto answers an unknown group with no tags. AWS takes the ARN without the `:*` that log streams need.

        https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_TagResource.html
        """
        arn = call.parameters["resourceArn"]
        if not any(group.arn == arn for group in backend("logs", call.region).groups.values()):
            raise Refusal("ResourceNotFoundException", "The specified resource does not exist.")
        return None

    before_tag_resource = before_untag_resource = before_list_tags_for_resource
