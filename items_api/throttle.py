"""The throttle of an HTTP API, for the two places that stand in for API Gateway: the local AWS and `serve`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Bucket:
    """The token bucket of one throttle: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-throttling.html.

    `tokens` is what is left of the burst, and `filled` when that was, in monotonic seconds.
    """

    tokens: float
    filled: float

    def take(self, rate: float, burst: float, now: float) -> bool:
        """Whether a request is allowed. The rate is in requests per second."""
        self.tokens = min(burst, self.tokens + (now - self.filled) * rate)
        self.filled = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True
