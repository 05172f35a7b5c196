"""What requests cost, from AWS's published prices. docs/cost.md explains the assumptions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from items_api.settings import Settings


class Price(NamedTuple):
    """`dollars` per `unit`, in us-east-1 and without free tiers."""

    dollars: float
    unit: str
    source: str


# The date of the table. Prices of other regions can differ by tens of percent.
DATE = "2026-11"
PRICES = {
    "HTTP API": Price(1.00, "million requests", "https://aws.amazon.com/api-gateway/pricing/"),
    "Lambda requests": Price(0.20, "million requests", "https://aws.amazon.com/lambda/pricing/"),
    "Lambda duration": Price(0.0000133334, "GB-second (arm64)", "https://aws.amazon.com/lambda/pricing/"),
    "DynamoDB reads": Price(0.125, "million read units", "https://aws.amazon.com/dynamodb/pricing/on-demand/"),
    "DynamoDB writes": Price(0.625, "million write units", "https://aws.amazon.com/dynamodb/pricing/on-demand/"),
    "CloudWatch logs": Price(0.50, "GB", "https://aws.amazon.com/cloudwatch/pricing/"),
}
DAYS = 30
_MILLION = 1_000_000
_SECONDS_PER_REQUEST, _SECONDS_PER_COLD_START, _COLD_STARTS = 0.010, 0.2, 0.01
_READS = 0.5  # the share of requests
_LOG_GB_PER_REQUEST = 0.4e-6


@dataclass(frozen=True)
class Estimate:
    """What `requests` in a month cost, in dollars by service."""

    requests: float
    services: dict[str, float]

    @property
    def total(self) -> float:
        return sum(self.services.values())

    def as_json(self) -> dict[str, Any]:
        """For the JSON document. The keys are a contract."""
        services = {service: round(dollars, 6) for service, dollars in self.services.items()}
        return {
            "requests": self.requests,
            "services": services,
            "total": round(self.total, 6),
            "prices_of": DATE,
        }


def estimate(requests: float, settings: Settings) -> Estimate:
    return Estimate(requests, dict(_services(requests, settings)))


def worst_case(settings: Settings) -> Estimate:
    """As many requests as the throttle allows, for a whole month."""
    return estimate(settings.throttle_rate * DAYS * 86_400, settings)


def _services(requests: float, settings: Settings) -> Iterator[tuple[str, float]]:
    seconds = requests * (_SECONDS_PER_REQUEST + _COLD_STARTS * _SECONDS_PER_COLD_START)
    quantities = {
        "HTTP API": requests / _MILLION,
        "Lambda requests": requests / _MILLION,
        "Lambda duration": seconds * settings.memory / 1024,
        "DynamoDB reads": requests * _READS / _MILLION,
        # An index has a copy of each item.
        "DynamoDB writes": requests * (1 - _READS) * (1 + len(settings.indexes)) / _MILLION,
        "CloudWatch logs": requests * _LOG_GB_PER_REQUEST,
    }
    for service, quantity in quantities.items():
        yield service, quantity * PRICES[service].dollars
