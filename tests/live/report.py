"""What a run cost at most, and its row in docs/live.md."""

from dataclasses import dataclass, field

from items_api import __version__

# As in docs/cost.md (us-east-1, November 2026): one request with HTTP API, Lambda, DynamoDB and logs.
_DOLLARS_PER_REQUEST = 1.81e-6
# The API accepts no more than this. Smoke sends about 60 requests at once, so the burst must be well above that. The
# rate can be the lowest one, because the bucket refills between the steps.
THROTTLE_RATE, THROTTLE_BURST = 1, 200


@dataclass
class Report:
    started: str  # ISO 8601
    region: str
    seconds: dict[str, float] = field(default_factory=dict)  # of each step
    failure: str = ""
    leaks: list[str] = field(default_factory=list)
    apis: int = 0  # how many the run created

    @property
    def ok(self) -> bool:
        return not self.failure and not self.leaks

    def cost(self) -> str:
        """An upper bound: what the throttle lets through in the time of the run. Everything else is free while idle."""
        requests = self.apis * THROTTLE_BURST + sum(self.seconds.values()) * THROTTLE_RATE
        dollars = requests * _DOLLARS_PER_REQUEST
        return "under $0.01" if dollars < 0.01 else f"at most ${dollars:.2f}"

    def row(self) -> str:
        steps = ", ".join(f"{name} {seconds:.0f}" for name, seconds in self.seconds.items())
        result = "failed" if self.failure else "ok"
        leaks = ", ".join(self.leaks) or "none"
        return f"| {self.started[:10]} | {self.region} | {__version__} | {result} | {steps} | {leaks} |\n"
