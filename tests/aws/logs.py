"""CloudWatch Logs: a late log line recreates a deleted group, and overlapping writes to one group conflict.

https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DeleteLogGroup.html
"""

from tests.aws.delays import Timing
from tests.aws.faults import Call, ErrorResponse
from tests.aws.layer import Layer, arn_of, backend


class Logs(Layer):
    service = "logs"
    conflict = (
        "OperationAbortedException",
        "A conflicting operation is currently in progress against this resource. Please try again.",
        400,
    )

    def __init__(self, timing: Timing) -> None:
        super().__init__(timing)
        self._late_lines: list[tuple[float, str, str]] = []

    def expect_line(self, region: str, group: str) -> None:
        """A function that may create log groups writes one more line after it is deleted."""
        self._late_lines.append((self.now + self.delays.late_log_line, region, group))

    def catch_up(self) -> None:
        for line in [line for line in self._late_lines if line[0] <= self.now]:
            self._late_lines.remove(line)
            backend("logs", line[1]).ensure_log_group(line[2])

    def busy_with(self, call: Call) -> str | None:
        return call.parameters.get("logGroupName")

    def before_delete_log_group(self, call: Call) -> None:
        """Moto would give the tags to the next group of this name."""
        arn = arn_of("logs", call.region, f"log-group:{call.parameters['logGroupName']}")
        backend("logs", call.region).tagger.delete_all_tags_for_resource(arn)

    def before_list_tags_for_resource(self, call: Call) -> None:
        """Moto lists no tags of an unknown group. AWS takes the ARN without the `:*` that log streams need.

        https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_TagResource.html
        """
        arn = call.parameters["resourceArn"]
        if not any(group.arn == arn for group in backend("logs", call.region).groups.values()):
            raise ErrorResponse("ResourceNotFoundException", "The specified resource does not exist.")

    before_tag_resource = before_untag_resource = before_list_tags_for_resource
