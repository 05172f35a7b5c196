"""The details of `status` as lines: readable sizes, and no lines for unknown values."""

from datetime import datetime

import pytest

from items_api.observe.details import Details
from items_api.observe.metrics import Metrics
from items_api.terminal.status import details_lines, sparkline
from tests.observe.test_metrics import START


def shown(details: Details, encoding: str = "utf-8") -> list[str]:
    return [line.text for line in details_lines(details, encoding=encoding)]


def test_a_busy_stack_shows_every_line() -> None:
    metrics = Metrics(
        START,
        requests=(*[100.0] * 12, *[1000.0] * 12),
        client_errors=(*[0.0] * 23, 3.0),
        server_errors=tuple([0.0] * 24),
        latency_p50=11.6,
        latency_p95=48.2,
        latency_p95_hourly=(*[None] * 22, 24.0, 48.0),
        throttles=tuple([0.0] * 24),
        function_errors=tuple([0.0] * 24),
        function_p50=4.1,
        function_p95=9.9,
    )
    details = Details(
        items=12,
        size=3400,
        updated=datetime(2026, 11, 23, 10, 24, 52).astimezone(),  # shown in this computer's time zone
        memory=256,
        metrics=metrics,
        links={"AWS::DynamoDB::Table": "https://table", "AWS::ApiGatewayV2::Api": "https://api"},
        notes=("A note.",),
    )
    assert shown(details) == [
        "  Table     12 items, 3.4 KB (DynamoDB's count, up to 6 h old)",
        "  Function  256 MB, last updated 2026-11-23 10:24:52",
        "  Last 24 hours, hourly",
        "    requests       13,200                    ▂▂▂▂▂▂▂▂▂▂▂▂████████████",
        "    4xx            3                         ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁█",
        "    5xx            0",
        "    throttles      0",
        "    Lambda errors  0",
        "    latency        p50 12 ms, p95 48 ms                            ▅█",
        "    in Lambda      p50 4 ms, p95 10 ms",
        "  A note.",
        "  Console",
        "    DynamoDB table  https://table",
        "    HTTP API        https://api",
    ]


@pytest.mark.parametrize(
    ("items", "size", "text"),
    [
        (0, 0, "0 items, 0 bytes"),
        (1, 999, "1 item, 999 bytes"),
        (1000, 1_000_000, "1,000 items, 1.0 MB"),
        (7, 5 * 10**15, "7 items, 5000.0 TB"),
        (7, None, "7 items"),
    ],
)
def test_sizes_are_readable(items: int, size: int | None, text: str) -> None:
    assert shown(Details(items=items, size=size)) == [f"  Table     {text} (DynamoDB's count, up to 6 h old)"]


def test_unknown_values_have_no_line() -> None:
    assert shown(Details()) == []
    assert shown(Details(memory=256)) == ["  Function  256 MB"]
    metrics = Metrics(START, throttles=(*[0.0] * 23, 2.0))
    assert shown(Details(metrics=metrics), "ascii") == [
        "  Last 24 hours, hourly",
        "    throttles      2                         _______________________#",
    ]


@pytest.mark.parametrize(
    ("values", "drawn"),
    [
        ([], ""),
        ([0, 0], "▁▁"),
        ([0, 1, 2, 3, 4, 5, 6, 7], "▁▂▃▄▅▆▇█"),
        ([7.0], "█"),
        ([None, 10, None, 5], " █ ▅"),
        ([None], " "),
    ],
)
def test_a_sparkline_ranges_from_zero_to_the_maximum(values: list[float | None], drawn: str) -> None:
    assert sparkline(values) == drawn


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_a_terminal_without_block_characters_gets_ascii(encoding: str) -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7], encoding) == "_.-:=+*#"
