"""`dump` and `load` as processes, on the real emulator, and killed at any moment."""

import gzip
import json
import random
import signal
import subprocess
import time
from contextlib import suppress
from typing import Any

import psutil
import pytest

from tests.local.conftest import Cli

ITEMS = 3000


@pytest.fixture
def filled(cli: Cli) -> Cli:
    """A stack with an index and items of every type."""
    cli.ok("up", "--index", "owner")
    lines = [json.dumps(typed(number)) for number in range(ITEMS)]
    (cli.home / "items.jsonl").write_text("\n".join(lines))
    assert f"Wrote {ITEMS:,} items" in cli.ok("load", "--typed", "items.jsonl")
    return cli


def typed(number: int) -> dict[str, Any]:
    return {
        "itemId": {"S": f"item {number} ü"},
        "owner": {"S": f"owner-{number % 7}"},
        "number": {"N": f"{number}.000000000000000000000000000001"},
        "binary": {"B": "AP8="},
        "tags": {"SS": ["a", "b"]},
        "numbers": {"NS": ["1", "2.5"]},
        "text": {"S": "x" * 1000},
    }


def content(cli: Cli, name: str) -> list[str]:
    """The lines of a dump in a fixed order, without header and trailer."""
    return sorted((cli.home / name).read_text().splitlines()[1:-1])


def test_the_round_trip_is_equal_item_by_item(filled: Cli) -> None:
    filled.ok("dump", "--typed", "first.jsonl")
    table = filled.client("dynamodb")
    for line in content(filled, "first.jsonl")[:100]:
        table.delete_item(TableName="Items", Key={"itemId": json.loads(line)["itemId"]})
    filled.ok("load", "first.jsonl")
    filled.ok("dump", "--typed", "second.jsonl")
    assert content(filled, "first.jsonl") == content(filled, "second.jsonl")
    assert len(content(filled, "first.jsonl")) == ITEMS
    assert json.loads(content(filled, "first.jsonl")[0])["number"]["N"].endswith(".000000000000000000000000000001")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_commands_that_are_killed_continue_with_nothing_twice_and_nothing_missing(filled: Cli, seed: int) -> None:
    moments = random.Random(seed)
    filled.ok("dump", "--typed", "whole.jsonl")
    whole, cut = content(filled, "whole.jsonl"), filled.home / "cut.jsonl.gz"
    killed(filled, moments, "dump", "--typed", "--rate", "4000", cut.name)
    if not cut.exists():  # otherwise, it was complete
        filled.ok("dump", "--typed", cut.name)
    assert sorted(gzip.decompress(cut.read_bytes()).decode().splitlines()[1:-1]) == whole
    empty(filled)
    killed(filled, moments, "load", "whole.jsonl")
    filled.ok("load", "whole.jsonl")
    filled.ok("dump", "--typed", "after.jsonl")
    assert content(filled, "after.jsonl") == whole


def killed(cli: Cli, moments: random.Random, *arguments: str) -> None:
    """Start the command and kill it, twice."""
    for _ in range(2):
        process = cli.start(*arguments)
        time.sleep(moments.uniform(0.3, 1.5))
        process.send_signal(signal.SIGKILL)
        process.communicate()


def empty(cli: Cli) -> None:
    table = cli.client("dynamodb")
    pages = table.get_paginator("scan").paginate(TableName="Items", ProjectionExpression="itemId")
    keys = [item for page in pages for item in page["Items"]]
    assert len(keys) == ITEMS
    for start in range(0, len(keys), 25):
        requests: list[Any] = [{"DeleteRequest": {"Key": key}} for key in keys[start : start + 25]]
        table.batch_write_item(RequestItems={"Items": requests})


def test_an_item_of_401_kb_is_one_rejected_line(filled: Cli) -> None:
    lines = [{"itemId": "small"}, {"itemId": "large", "text": "x" * 410_000}, {"itemId": "other"}]
    (filled.home / "mine.jsonl").write_text("\n".join(map(json.dumps, lines)))
    done = filled("load", "mine.jsonl")
    assert (done.returncode, "Wrote 2 items" in done.stdout, "Rejected 1 line" in done.stdout) == (1, True, True)
    (rejected,) = (filled.home / "mine.jsonl.rejected").read_text().splitlines()
    assert (json.loads(rejected)["line"], json.loads(rejected)["reason"]) == (
        2,
        "Item size has exceeded the maximum allowed size",
    )


def test_a_full_pipe_is_no_error(filled: Cli) -> None:
    done = filled.shell(f"ITEMS_API_HOME={filled.home} {filled.command} dump --typed --local | head -2")
    assert len(done.splitlines()) == 2


def peak_of(process: subprocess.Popen[str]) -> int:
    """The memory of a process, in bytes, until it ends."""
    peak = 0
    while process.poll() is None:
        with suppress(psutil.NoSuchProcess):
            peak = max(peak, psutil.Process(process.pid).memory_info().rss)
        time.sleep(0.005)
    return peak


@pytest.mark.parametrize(
    ("lines", "value"),
    [
        (12, rb'"%s"' % (rb"\u0041" * 640_000)),  # almost as long as the longest line, but too large for an item
        (30, rb'"%s"' % (rb"\n" * 190_000)),  # almost the largest item
        (3, rb"[%s]" % b",".join([b'""'] * 190_000)),  # an item with almost as many values as it can have
    ],
    ids=["long lines", "large items", "many values"],
)
@pytest.mark.parametrize("source", ["file", "pipe"])
def test_long_lines_need_less_than_120_mb_of_memory(cli: Cli, lines: int, value: bytes, source: str) -> None:
    cli.ok("up")
    path = cli.home / "long.jsonl"
    path.write_bytes(b"".join(b'{"itemId":"%d","value":%s}\n' % (number, value) for number in range(lines)))
    with path.open("rb") as stdin:
        process = cli.start("load", path.name if source == "file" else "-", stdin=stdin)
        peak = peak_of(process)
    written, _ = process.communicate()
    accepted = b"\\u0041" not in value
    assert (f"Wrote {lines} items" if accepted else f"Rejected {lines} lines") in written
    assert 20_000_000 < peak < 120_000_000
    if accepted and source == "file":
        process = cli.start("dump", "--typed", "dump.jsonl")
        assert 20_000_000 < peak_of(process) < 120_000_000
        process.communicate()
        assert process.returncode == 0
