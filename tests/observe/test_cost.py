"""What requests cost: the figures of docs/cost.md."""

import re
from pathlib import Path

import pytest

from items_api.observe.cost import DATE, PRICES, estimate, worst_case
from items_api.settings import Settings
from items_api.terminal.status import dollars, estimate_lines

COST = (Path(__file__).parents[2] / "docs" / "cost.md").read_text()
ROWS = {row[0].strip(): row[-1].strip() for row in re.findall(r"^\| (.+?) \| .+ \| (.+?) \|$", COST, re.MULTILINE)}

TOTAL = re.findall(r"^\| \*\*total\*\* \| .* \| \*\*(.+)\*\* \|$", COST, re.MULTILINE)[0]


def test_a_million_requests_cost_what_the_docs_say() -> None:
    found = estimate(1_000_000, Settings()).services
    documented = {
        "HTTP API": ROWS["HTTP API"],
        "Lambda requests": ROWS["Lambda requests"],
        "DynamoDB reads": ROWS["DynamoDB reads"],
        "DynamoDB writes": ROWS["DynamoDB writes"],
        "CloudWatch logs": ROWS["logs"],
    }
    assert {service: f"{found[service]:.2f}" for service in documented} == documented
    assert found["Lambda duration"] == pytest.approx(0.034 + 0.0067, rel=0.02)
    assert f"{estimate(1_000_000, Settings()).total:.2f}" == TOTAL


def test_cost_grows_with_requests_and_memory() -> None:
    assert estimate(2_000_000, Settings()).total == pytest.approx(2 * estimate(1_000_000, Settings()).total)
    small, large = (estimate(1_000_000, Settings(memory=memory)).services for memory in (256, 1024))
    assert large["Lambda duration"] == pytest.approx(4 * small["Lambda duration"])
    assert large["HTTP API"] == small["HTTP API"]
    assert estimate(0, Settings()).total == 0


def test_each_index_adds_the_cost_of_a_write_to_each_write() -> None:
    without, with_two = (estimate(1_000_000, Settings(indexes=names)).services for names in ((), ("a", "b")))
    assert with_two["DynamoDB writes"] == pytest.approx(3 * without["DynamoDB writes"])
    assert with_two["DynamoDB reads"] == without["DynamoDB reads"]


def test_the_worst_case_is_a_month_at_the_throttle() -> None:
    assert worst_case(Settings(throttle_rate=100)).requests == 259_200_000
    assert dollars(worst_case(Settings()).total) == "$470"


def test_each_price_has_its_source_and_the_table_its_date() -> None:
    assert {price.source for price in PRICES.values()} <= {*re.findall(r"\((https://aws\.amazon\.com/[^)]+)\)", COST)}
    assert DATE in COST


def test_an_estimate_has_a_line_for_each_service_and_a_total() -> None:
    lines = [line.text for line in estimate_lines(estimate(1_000_000, Settings()))]
    assert lines[0] == f"Estimate for 1,000,000 requests per month, at prices of {DATE} in us-east-1:"
    assert lines[1] == "  HTTP API               $1.00"
    assert [line.split("$")[0].strip() for line in lines[1:]] == [*PRICES, "total"]


@pytest.mark.parametrize(
    ("amount", "text"), [(0, "$0.00"), (0.001, "<$0.01"), (0.3, "$0.30"), (99.5, "$99.50"), (65_000, "$65,000")]
)
def test_dollars(amount: float, text: str) -> None:
    assert dollars(amount) == text
