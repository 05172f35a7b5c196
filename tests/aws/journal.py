"""Every call of every process, in the order of arrival. Calls that the test makes itself are not recorded."""

from tests.aws.faults import Call
from tests.aws.permissions import actions_of


class Journal(list[Call]):
    def of(self, operation: str) -> list[Call]:
        return [call for call in self if call.operation == operation]

    def writes(self) -> list[Call]:
        return [call for call in self if call.is_write]

    def actions(self) -> set[str]:
        """Every IAM action that the calls needed."""
        return {action for call in self for action, _ in actions_of(call)}

    def depth(self) -> int:
        """The longest chain of calls in which each starts after the one before has ended. Needs a latency above 0.

        The greedy solution of https://en.wikipedia.org/wiki/Interval_scheduling.
        """
        rounds, free = 0, float("-inf")
        for call in sorted(self, key=lambda call: call.end):
            if call.start >= free:
                rounds, free = rounds + 1, call.end
        return rounds
