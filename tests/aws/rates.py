"""Rate limits of the control planes, which moto does not have.

https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html (control plane requests)
https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html (10 requests per second, burst 40, in total)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.aws.refusal import throttled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.aws.journal import Call


@dataclass(frozen=True)
class Rate:
    per_second: float
    burst: float


AWS_RATES: Mapping[str, Rate] = {
    "lambda.GetFunction": Rate(100, 100),
    "lambda.GetPolicy": Rate(15, 15),
    "lambda": Rate(15, 15),
    "apigatewayv2": Rate(10, 40),
}


class Rates:
    """One token bucket for each operation that has its own rate, and one for the rest of its service."""

    def __init__(self, rates: Mapping[str, Rate]) -> None:
        self._rates = rates
        self._buckets: dict[str, tuple[float, float]] = {}  # (tokens, when it was last filled)

    def check(self, call: Call, now: float) -> None:
        """Raise `Refusal` if the call comes too soon after the others."""
        name = call.operation if call.operation in self._rates else call.service
        if name not in self._rates:
            return
        rate = self._rates[name]
        tokens, filled_at = self._buckets.get(name, (rate.burst, now))
        tokens = min(rate.burst, tokens + (now - filled_at) * rate.per_second)
        if tokens < 1:
            self._buckets[name] = (tokens, now)
            raise throttled(call.service)
        self._buckets[name] = (tokens - 1, now)
