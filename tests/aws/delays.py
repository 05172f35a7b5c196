"""How long AWS takes and how far its answers lag behind, in seconds of the virtual clock.

moto answers at once and is always consistent; its `state_manager` knows neither DynamoDB, Lambda nor API Gateway v2.
The figures are what hashicorp/terraform-provider-aws and aws/chalice wait for, rounded.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Delays:
    latency: float = 0.05  # of every call ...
    latencies: Mapping[str, float] = field(default_factory=dict)  # ... except these: {"lambda.CreateFunction": 0.8}
    role_readable: float = 1.0  # until other IAM calls see a new role
    role_assumable: float = 8.0  # until Lambda can assume a role after its trust policy is set
    role_policies_gone: float = 0.5  # until DeleteRole sees that a policy was removed
    table_readable: float = 0.5
    table_creating: float = 6.0
    table_updating: float = 3.0
    table_deleting: float = 6.0
    table_tags: float = 2.0  # until ListTagsOfResource shows what TagResource did
    function_pending: float = 3.0
    function_updating: float = 2.0
    function_lingering: float = 1.0  # how long GetFunction still answers after DeleteFunction
    late_log_line: float = 4.0  # after DeleteFunction, from an invocation just before it
    apis_listed: float = 0.0  # until GetApis shows a new API

    def of(self, operation: str) -> float:
        return self.latencies.get(operation, self.latency)


def _all(seconds: float) -> dict[str, Any]:
    return {f.name: seconds for f in fields(Delays) if f.name != "latencies"}


# No waits: for tests that are about something else.
NO_DELAYS = Delays(**_all(0.0))
# Every wait happens and ends at the second look, except that GetApis is current: for tests with very many cases.
SHORT = replace(Delays(**_all(0.05)), latency=0.0, apis_listed=0.0)
