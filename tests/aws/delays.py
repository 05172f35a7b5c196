"""How long AWS takes, how far its responses lag behind, and how many requests it accepts.

moto responds at once and is always consistent; its `state_manager` knows neither DynamoDB, Lambda nor API Gateway v2.
The delays are what hashicorp/terraform-provider-aws and aws/chalice wait for, rounded. Sources of the rates:
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html (control plane requests)
https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html (10 requests per second, burst 40, in total)
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from tests.aws.clock import VirtualClock


@dataclass(frozen=True)
class Delays:
    """Seconds of the virtual clock."""

    latency: float = 0.05  # of every call ...
    latencies: Mapping[str, float] = field(default_factory=dict)  # ... except these: {"lambda.CreateFunction": 0.8}
    role_readable: float = 1.0  # until other IAM calls see a new role
    role_assumable: float = 8.0  # until Lambda can assume a role after its trust policy is set
    role_policies_gone: float = 0.5  # until DeleteRole sees that a policy was removed
    role_policy_effective: float = 5.0  # until DynamoDB knows a new inline policy of a role
    table_readable: float = 0.5
    table_creating: float = 6.0
    table_updating: float = 3.0
    table_deleting: float = 6.0
    table_backups: float = 2.6  # after ACTIVE, until point-in-time recovery can be turned on
    table_tags_empty: float = 1.0  # how long around ACTIVE a new table's tags are an empty list; not found before
    table_tags: float = 2.0  # until ListTagsOfResource shows what TagResource did
    table_tags_locked: float = 3.4  # after TagResource, until the table's tags can be changed again
    table_tags_lingering: float = 1.6  # after DeleteTable, until ListTagsOfResource does not find the table
    index_allocating: float = 40.0  # of an index that is added to a table, which is UPDATING
    index_backfilling: float = 600.0  # after that, with the table ACTIVE
    index_deleting: float = 5.0
    function_pending: float = 3.0
    function_updating: float = 2.0
    version_pending: float = 0.0  # of a function that is Active
    function_lingering: float = 1.0  # how long GetFunction still works after DeleteFunction
    late_log_line: float = 4.0  # after DeleteFunction, from an invocation just before it
    apis_listed: float = 0.0  # until GetApis shows a new API

    def of(self, operation: str) -> float:
        return self.latencies.get(operation, self.latency)


def _all(seconds: float) -> dict[str, Any]:
    return {f.name: seconds for f in fields(Delays) if f.name != "latencies"}


@dataclass
class Timing:
    """`delays` can be changed at any time; the new ones apply to what happens from then on."""

    clock: VirtualClock
    delays: Delays


# No waits: for tests that are about something else.
NO_DELAYS = Delays(**_all(0.0))
# Every wait happens and ends at the second look, except that GetApis is current: for tests with very many cases.
SHORT = replace(Delays(**_all(0.05)), latency=0.0, apis_listed=0.0)

# Requests per second, and at once.
AWS_RATES: Mapping[str, tuple[float, float]] = {
    "lambda.GetFunction": (100, 100),
    "lambda.GetPolicy": (15, 15),
    "lambda": (15, 15),
    "apigatewayv2": (10, 40),
}


class Rates:
    """A token bucket for each operation that has its own rate, and one for the rest of its service."""

    def __init__(self, rates: Mapping[str, tuple[float, float]]) -> None:
        self._rates = rates
        self._buckets: dict[str, tuple[float, float]] = {}  # (tokens, when it was last filled)

    def allow(self, service: str, operation: str, now: float) -> bool:
        """Count the call, unless it comes too soon after the others."""
        name = operation if operation in self._rates else service
        if name not in self._rates:
            return True
        per_second, burst = self._rates[name]
        tokens, filled_at = self._buckets.get(name, (burst, now))
        tokens = min(burst, tokens + (now - filled_at) * per_second)
        allowed = tokens >= 1
        self._buckets[name] = (tokens - allowed, now)
        return allowed
