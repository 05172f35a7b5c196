"""Writes what the docs take from the code: python docs/generate.py. `make test` checks that it is current.

In a Markdown file, the text between `<!-- generated: KEY ARGUMENTS -->` and `<!-- end -->` is generated here. The
picture in the README shows a real run on the local AWS.
"""

from __future__ import annotations

import io
import json
import math
import os
import pty
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import pyte
from click.testing import CliRunner
from moto import mock_aws
from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from items_api.cli import cli  # noqa: E402
from items_api.commands.options import file_options  # noqa: E402
from items_api.commands.sources import long_name, variable_of  # noqa: E402
from items_api.observe.cost import DATE, PRICES, Price, estimate  # noqa: E402
from items_api.settings import Settings  # noqa: E402
from items_api.smoke.run import Check  # noqa: E402
from items_api.terminal.result import Result, to_json  # noqa: E402
from tests.aws import MOTO, NO_DELAYS, Account, Process  # noqa: E402
from tests.screens import watch  # noqa: E402

ENDPOINT = "https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com"
PICTURE = ROOT / "docs" / "terminal.svg"
COLUMNS, MOST_LINES = 100, 18  # of the picture
MONTHS = (0.1e6, 1e6, 10e6, 100e6)  # requests
WIDEST = 300  # of the terminal: nothing is wrapped, so that the picture can shorten lines
_BLOCK = re.compile(r"(<!-- generated: (?P<key>[^>]*?) -->\n).*?(<!-- end -->)", re.DOTALL)


def commands(group: click.Group = cli, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command by its path, ("export", "sam") for example."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command  # noqa: S101
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, *path, name)


def command_help(*path: str) -> str:
    shown = CliRunner().invoke(cli, ["help", *path], prog_name="items-api", env={"COLUMNS": "82"})
    return _fenced("text", shown.stdout)


def option_sources() -> str:
    """Which options have an environment variable, and which a key in items-api.toml."""
    options = {
        long_name(param): param
        for _, command in commands()
        for param in command.params
        if isinstance(param, click.Option) and param.is_eager is False
    }
    in_file = list(file_options())
    rows = ["| option | variable | key in the file |", "|---|---|---|"]
    for name in [*in_file, *(name for name in options if name not in in_file)]:
        variable = variable_of(options[name])
        rows.append(
            f"| `--{name}` | {f'`{variable}`' if variable else ''} | {f'`{name}`' if name in in_file else ''} |"
        )
    return "\n".join(rows) + "\n"


def json_sample(command: str) -> str:
    """A document as the command prints it, shortened to its first resource."""
    if command == "smoke":
        check = Check("GET returns an item", ok=True, status=200, ms=12.3, curl="curl -i https://…/items/1", detail="")
        known = {"account": "123456789012", "region": "us-east-1", "endpoint": ENDPOINT}
        return _fenced("json", to_json(Result(document={**known, "checks": [vars(check)]}).envelope("smoke", "items")))
    with mock_aws(config=MOTO), Account(delays=NO_DELAYS) as account, account.running(Process("docs")):
        if command == "status":
            CliRunner().invoke(cli, ["up", "--region", "us-east-1"])
        document: dict[str, Any] = json.loads(
            CliRunner().invoke(cli, [command, "--json", "--region", "us-east-1"]).stdout
        )
    if command == "status":
        document["details"]["function"]["updated"] = "2026-11-24T10:24:52+00:00"
    document["resources"] = [{**document["resources"][0], "seconds": 0.0}]
    api_id = document["endpoint"].removeprefix("https://").partition(".")[0]
    return _fenced("json", json.dumps(document, indent=2).replace(api_id, "a1b2c3d4e5"))


def access_costs() -> str:
    """What 100,000 items of 1 KB cost to read, by DynamoDB's rules for eventually consistent reads.

    Half a unit for each 4 KB of a page, rounded up. A page of the API is a Scan or a Query of up to 1 MB.
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
    """
    items, size, found, page = 100_000, 1024, 50, 1000
    pages = items // page

    def units(count: int) -> float:
        return math.ceil(count * size / 4096) / 2

    def dollars(reads: float, requests: int) -> str:
        total = reads * PRICES["DynamoDB reads"].dollars + requests * PRICES["HTTP API"].dollars
        return f"{total / 1_000_000:.7f}".rstrip("0")

    rows = [
        ("every item, with `GET /items`", items, pages, pages * units(page + 1)),  # see `Api._collect`
        (
            "the 50 items of alice, with `GET /items` and a filter in your program",
            items,
            pages,
            pages * units(page + 1),
        ),
        ("the 50 items of alice, with `GET /items?owner=alice`", found, 1, units(found)),
    ]
    lines = ["| to get | items read | requests | read units | dollars |", "|---|---|---|---|---|"]
    lines += [f"| {what} | {read:,} | {n:,} | {u:,g} | {dollars(u, n)} |" for what, read, n, u in rows]
    where = f"For a table with {items:,} items of 1 KB, at the prices of {DATE} in us-east-1"
    return "\n".join([f"{where} for DynamoDB and the HTTP API:", "", *lines, ""])


# Of other ways to run the same API, also of us-east-1.
HOSTING_PRICES = {
    "Fargate vCPU": Price(0.03238, "hour (arm64)", "https://aws.amazon.com/fargate/pricing/"),
    "Fargate memory": Price(0.00356, "GB-hour (arm64)", "https://aws.amazon.com/fargate/pricing/"),
    "load balancer": Price(0.0225, "hour", "https://aws.amazon.com/elasticloadbalancing/pricing/"),
    "load balancer capacity": Price(0.008, "LCU-hour", "https://aws.amazon.com/elasticloadbalancing/pricing/"),
    "public IPv4 address": Price(0.005, "hour", "https://aws.amazon.com/vpc/pricing/"),
    "EC2 t4g.small": Price(0.0168, "hour", "https://aws.amazon.com/ec2/pricing/on-demand/"),
    "EBS gp3": Price(0.08, "GB-month", "https://aws.amazon.com/ebs/pricing/"),
}
HOURS = 730  # of a month
_LOG_GB = 0.15e-6  # of a request: the handler's line
_RESPONSE_GB = 2e-6  # of a request, in both directions
_REQUESTS_PER_CONNECTION = 10


def _hours(*prices: str) -> float:
    return sum(HOSTING_PRICES[price].dollars for price in prices) * HOURS


def _lambda(requests: float) -> float:
    return estimate(requests, Settings()).total


def _table(requests: float) -> float:
    services = estimate(requests, Settings()).services
    return services["DynamoDB reads"] + services["DynamoDB writes"]


def _fargate(requests: float) -> float:
    """One task with a quarter of a vCPU and half a GB, behind a load balancer in two zones.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html
    """
    task = (0.25 * HOSTING_PRICES["Fargate vCPU"].dollars + 0.5 * HOSTING_PRICES["Fargate memory"].dollars) * HOURS
    rate = requests / HOURS / 3600
    capacity = max(rate / _REQUESTS_PER_CONNECTION / 25, rate * _RESPONSE_GB * 3600)  # 25 connections/s, or 1 GB/h
    balancer = _hours("load balancer") + capacity * _hours("load balancer capacity")
    addresses = 3 * _hours("public IPv4 address")
    logs = requests * _LOG_GB * PRICES["CloudWatch logs"].dollars
    return task + balancer + addresses + logs + _table(requests)


def _ec2(requests: float) -> float:
    """One instance with a public address and a small disk, which also has the log and a proxy for TLS."""
    disk = 8 * HOSTING_PRICES["EBS gp3"].dollars
    return _hours("EC2 t4g.small", "public IPv4 address") + disk + _table(requests)


def hosting_costs() -> str:
    ways = {"Lambda": _lambda, "a container on Fargate": _fargate, "EC2": _ec2}
    columns = " | ".join(f"{requests / 1e6:g} M" for requests in MONTHS)
    lines = [f"| dollars per month, at requests per month of | {columns} |", "|---|" + "---|" * len(MONTHS)]
    for way, cost in ways.items():
        lines.append(f"| {way} | {' | '.join(f'{cost(requests):,.2f}' for requests in MONTHS)} |")
    container, instance = (f"{_crossing(cost) / 1e6:.0f} million" for cost in (_fargate, _ec2))
    where = f"Lambda is cheaper than the container up to about {container} requests per month"
    return "\n".join([*lines, "", f"{where}, and cheaper than EC2 up to about {instance}.", ""])


def _crossing(other: Callable[[float], float]) -> float:
    """At how many requests the other way costs as much as Lambda: the costs are lines."""
    per_request = (_lambda(1e6) - _lambda(0) - other(1e6) + other(0)) / 1e6
    return (other(0) - _lambda(0)) / per_request


GENERATORS: dict[str, Callable[..., str]] = {
    "help": command_help,
    "variables": option_sources,
    "json": json_sample,
    "access": access_costs,
    "hosting": hosting_costs,
}


def _fenced(language: str, text: str) -> str:
    return f"```{language}\n{text.rstrip()}\n```\n"


def current(text: str) -> str:
    """A Markdown file's text with its blocks regenerated."""

    def block(match: re.Match[str]) -> str:
        key, *arguments = match["key"].split()
        return match[1] + GENERATORS[key](*arguments) + match[3]

    return _BLOCK.sub(block, text)


def markdown_files() -> Sequence[Path]:
    return [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]


def picture() -> str:
    """What a terminal shows of up, smoke and down, as an SVG that rich exports."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    with tempfile.TemporaryDirectory() as home:
        for line in ("up --local", "smoke --local", "down --local --yes"):
            console.print(Text.assemble(("$ ", "bold green"), (f"items-api {line}", "bold")))
            shown = _run_in_terminal(line, home)
            for text in shown if len(shown) <= MOST_LINES else [*shown[:8], Text("  …"), *shown[-3:]]:
                console.print(text, overflow="ellipsis", no_wrap=True)
            console.print()
    return console.export_svg(title="items-api")


def _run_in_terminal(line: str, home: str) -> list[Text]:
    """What a terminal shows in the end, line by line."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "items_api", *line.split()],
        env={
            "COLUMNS": str(WIDEST),
            "HOME": home,
            "ITEMS_API_HOME": home,
            "PATH": os.defpath,
            "PYTHONPATH": str(ROOT),
            "TERM": "xterm",
        },
        cwd=home,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    screen = watch(ours, WIDEST)
    assert process.wait() == 0  # noqa: S101
    rows = [(screen.buffer[row], len(line.rstrip())) for row, line in enumerate(screen.display[: screen.cursor.y])]
    return [Text.assemble(*((row[column].data, _style(row[column])) for column in range(width))) for row, width in rows]


def _style(cell: pyte.screens.Char) -> str:
    color = {"default": "", "brown": "yellow"}.get(cell.fg, cell.fg)
    return f"{'bold ' if cell.bold else ''}{color}".strip()


def main() -> None:
    for path in markdown_files():
        path.write_text(current(path.read_text()))
    PICTURE.write_text(picture())


if __name__ == "__main__":
    main()
