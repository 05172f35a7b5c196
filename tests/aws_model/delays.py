"""How slow and how far behind itself the model is. Seconds of the clock that model and product share."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Delays:
    latency: float = 0.05  # of every call ...
    latencies: Mapping[str, float] = field(default_factory=dict)  # ... but of these: {"lambda.CreateFunction": 0.8}
    role_readable: float = 1.0  # until other IAM calls see a role just created
    role_assumable: float = 8.0  # until Lambda can assume a role whose trust policy was just set
    role_policies_gone: float = 0.5  # until DeleteRole sees that a policy was taken off
    table_readable: float = 0.5
    table_creating: float = 6.0
    table_updating: float = 3.0
    table_deleting: float = 6.0
    table_tags: float = 2.0  # until ListTagsOfResource sees what TagResource did
    function_pending: float = 3.0
    function_updating: float = 2.0
    function_lingering: float = 1.0  # as long GetFunction still answers after DeleteFunction
    late_log_line: float = 4.0  # after DeleteFunction, from an invocation just before it
    apis_listed: float = 0.0  # until GetApis shows an API just created

    def of(self, operation: str) -> float:
        return self.latencies.get(operation, self.latency)


# Every wait still has to be waited for, with fewer looks: for tests that go through very many cases.
SHORT = Delays(
    role_readable=0.2,
    role_assumable=1.0,
    role_policies_gone=0.2,
    table_readable=0.2,
    table_creating=0.8,
    table_updating=0.6,
    table_deleting=0.8,
    table_tags=0.2,
    function_pending=0.6,
    function_updating=0.4,
    function_lingering=0.3,
    late_log_line=0.6,
)

# No waiting for anything, where a test is about something else.
NO_DELAYS = Delays(**{name.name: 0.0 for name in fields(Delays) if name.name != "latencies"})  # type: ignore[arg-type]


@dataclass(frozen=True)
class Rate:
    """A token bucket: so many calls a second, and so many at once."""

    per_second: float
    burst: float


# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html (control plane requests)
# https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html (10 requests a second, burst 40, over all)
AWS_RATES: Mapping[str, Rate] = {
    "lambda.GetFunction": Rate(100, 100),
    "lambda.GetPolicy": Rate(15, 15),
    "lambda": Rate(15, 15),
    "apigatewayv2": Rate(10, 40),
}
