"""An `Aws` that sends nothing, for dry runs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar, cast

from items_api.aws.client import Aws, strict
from items_api.aws.line import VARIABLES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")


class Rehearsal(Aws):
    """Passes every write to `watch` and answers each call as if all writes had taken effect immediately.

    The IDs in its answers are variables of the shell, as in `VARIABLES`.
    """

    is_rehearsal = True

    def _send(
        self, attempt: Callable[[], T], call: Callable[..., T], parameters: Mapping[str, Any], *, unclear_attempts: int
    ) -> T:
        del attempt, unclear_attempts
        self._announce(call, parameters)
        operation = call.__name__
        return cast("T", strict(_answer(operation), operation))

    def settle(self, attempt: Callable[[], T], **_conditions: Any) -> T:
        return attempt()


def _answer(operation: str) -> dict[str, Any]:
    """What the steps use of the response."""
    if operation in VARIABLES:
        variable, member = VARIABLES[operation]
        return {member: f"${variable}", "ApiEndpoint": ""}
    answers: dict[str, dict[str, Any]] = {
        "create_role": {"Role": {"CreateDate": datetime.now(UTC)}},
        "describe_table": {"Table": {"TableStatus": "ACTIVE"}},
        "list_tags_of_resource": {"Tags": []},
        "list_aliases": {"Aliases": []},
    }
    return answers.get(operation, {})
