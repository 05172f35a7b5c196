"""How fast dump and load move 100,000 items of 1 KB: python benchmarks/items.py.

Side by side with loops of `aws dynamodb scan` and `batch-write-item`, of which a part is measured, on the local AWS and
on an in-memory DynamoDB that throttles like a new on-demand table (throttled.py). Then it kills dumps and loads at
random moments, continues them, and compares the result item by item.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PROGRAMS = Path(sys.executable).parent
ITEMS_API, AWS = str(PROGRAMS / "items-api"), str(PROGRAMS / "aws")
THROTTLE = 4000  # writes per second
PAGES, BATCHES = 6, 12  # of the loops
MAX_MEMORY = 120  # MB
failed = False


def item(number: int) -> dict[str, Any]:
    """About 1 KB, with values of every type that DynamoDB has."""
    return {
        "itemId": {"S": f"item-{number:07}"},
        "owner": {"S": f"owner-{number % 100}"},
        "price": {"N": f"{number}.0000000000000000000000000001"},
        "photo": {"B": "AP8="},
        "tags": {"SS": ["blue", "green"]},
        "sizes": {"NS": ["1", "2.5"]},
        "history": {"L": [{"M": {"at": {"S": "2026-11-24"}, "ok": {"BOOL": True}}}, {"NULL": True}]},
        "text": {"S": "x" * 800},
    }


class Place:
    """Where the table is: the options of items-api, the environment of both programs, and the folder."""

    def __init__(self, folder: Path, options: list[str], environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.options = options
        self.environment = {**os.environ, **environment}

    def start(self, command: str, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [ITEMS_API, command, *arguments, *self.options],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, command: str, *arguments: str) -> tuple[float, float]:
        """Seconds, and megabytes of memory at most."""
        started = time.monotonic()
        process = self.start(command, *arguments)
        memory = 0.0
        while process.poll() is None:
            memory = max(memory, _memory(process.pid))
            time.sleep(0.02)
        if process.returncode:
            sys.exit(f"items-api {command} failed: {process.stderr and process.stderr.read()}")
        return time.monotonic() - started, memory

    def aws(self, operation: str, *arguments: str) -> Any:
        line = [AWS, "dynamodb", operation, "--region", "us-east-1", *arguments]
        done = subprocess.run(line, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=True)
        return json.loads(done.stdout or "{}")


def _memory(pid: int) -> float:
    """Megabytes at most so far: the resource usage of a child would include that of its parent before exec."""
    found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def check(name: str, value: float, limit: float, unit: str = "", *, most: bool = False) -> None:
    global failed  # noqa: PLW0603 - the exit code
    met = value <= limit if most else value >= limit
    failed = failed or not met
    print(f"{'met' if met else 'MISSED':<7} {name}: {value:,.2f}{unit} (limit {limit:,g}{unit})", flush=True)


def aws_scan_rate(place: Place) -> float:
    """Items per second of a loop, one page per command."""
    count, token, started = 0, "", time.monotonic()
    for _ in range(PAGES):
        more = ["--starting-token", token] if token else []
        page = place.aws("scan", "--table-name", "Items", "--max-items", "1000", *more)
        count += len(page["Items"])
        token = page.get("NextToken", "")
        if not token:
            break
    return count / (time.monotonic() - started)


def aws_write_rate(place: Place) -> float:
    started = time.monotonic()
    for batch in range(BATCHES):
        requests = [{"PutRequest": {"Item": item(batch * 25 + number)}} for number in range(25)]
        (place.folder / "batch.json").write_text(json.dumps({"Items": requests}))
        place.aws("batch-write-item", "--request-items", "file://batch.json")
    return BATCHES * 25 / (time.monotonic() - started)


def content(path: Path) -> list[str]:
    """The lines of the items, in a fixed order."""
    return sorted(path.read_text().splitlines()[1:-1])


def measure(title: str, place: Place, count: int, *, throttle: float | None = None) -> None:
    print(f"\n{title}")
    written = aws_write_rate(place)
    for name in ("first.jsonl", "second.jsonl"):
        (place.folder / name).unlink(missing_ok=True)
    if throttle:
        _request(throttle, "DELETE")
    load_seconds, load_memory = place.run("load", "--typed", "source.jsonl")
    print(f"        load: {load_seconds:.1f} s, {count / load_seconds:,.0f} items/s, {load_memory:.0f} MB")
    print(f"        aws dynamodb batch-write-item: {written:,.0f} items/s")
    check("load / aws loop", count / load_seconds / written, 5, " x")
    check("memory of load", load_memory, MAX_MEMORY, " MB", most=True)
    if throttle:
        found = _request(throttle, "GET")
        rate = found["writes"] / found["seconds"]
        print(f"        accepted: {rate:,.0f} writes/s, {found['throttled']:,} throttled")
        check("load / throttle", rate / THROTTLE, 0.9)
    dump_seconds, dump_memory = place.run("dump", "--typed", "first.jsonl")
    read = aws_scan_rate(place)
    print(f"        dump: {dump_seconds:.1f} s, {count / dump_seconds:,.0f} items/s, {dump_memory:.0f} MB")
    print(f"        aws dynamodb scan: {read:,.0f} items/s")
    check("dump / aws loop", count / dump_seconds / read, 5, " x")
    check("memory of dump", dump_memory, MAX_MEMORY, " MB", most=True)
    expected = [json.dumps(item(number), separators=(",", ":")) for number in range(count)]
    equal = [json.loads(line) for line in content(place.folder / "first.jsonl")] == [
        json.loads(e) for e in sorted(expected)
    ]
    check("items equal after the round trip", count if equal else 0, count)
    if throttle:
        _request(throttle, "DELETE")
        seconds, _ = place.run("load", "first.jsonl")
        found = _request(throttle, "GET")
        print(f"        load of the dump: {seconds:.1f} s")
        check("load of a dump / throttle", found["writes"] / found["seconds"] / THROTTLE, 0.9)


def kill_and_continue(place: Place, kills: int, seconds: Mapping[str, float]) -> None:
    """Each command is killed at random moments and continued, until it is complete."""
    print("\nKill -9 at random moments, then continue")
    whole = content(place.folder / "first.jsonl")
    moments = random.Random(7)
    for command, name in (("dump", "killed.jsonl"), ("dump", "killed.jsonl.gz"), ("load", "first.jsonl")):
        arguments = ["--typed", name] if command == "dump" else [name]
        rounds = 0
        if command == "load":  # into an empty table
            place.run("down", "--yes")
            place.run("up")
        while rounds < kills:
            process = place.start(command, *arguments)
            time.sleep(moments.uniform(0.2, seconds[command]))
            process.send_signal(signal.SIGKILL)
            _, said = process.communicate()
            rounds += 1
            if process.returncode > 0:
                sys.exit(f"items-api {command} failed: {said}")
            if command == "dump":  # start again, if it is complete
                (place.folder / name).unlink(missing_ok=True)
        if command == "load" or not (place.folder / name).exists():
            place.run(command, *arguments)
        if name.endswith(".gz"):
            subprocess.run(["gunzip", "-kf", name], cwd=place.folder, check=True)
        elif command == "load":
            (place.folder / "killed.jsonl").unlink()
            place.run("dump", "--typed", "killed.jsonl")
        found = content(place.folder / "killed.jsonl")
        twice = len(found) - len({*found})
        check(f"{command} {name}, killed {rounds} times: missing", len({*whole} - {*found}), 0, most=True)
        check(f"{command} {name}: twice in the file", twice, 0, most=True)


def _request(port: float, method: str) -> Any:
    with urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port:.0f}/", method=method)) as answer:
        return json.load(answer)


@contextmanager
def throttled(folder: Path) -> Iterator[tuple[Place, int]]:
    program = [sys.executable, str(Path(__file__).with_name("throttled.py"))]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        port = int(process.stdout.readline())
        url = f"http://127.0.0.1:{port}"
        keys = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "x", "AWS_ENDPOINT_URL": url}
        yield Place(folder, ["--region", "us-east-1", "--endpoint-url", url], keys), port
        process.kill()


@contextmanager
def local(folder: Path) -> Iterator[Place]:
    home = {"ITEMS_API_HOME": str(folder)}
    place = Place(folder, ["--local"], home)
    (folder / "local-aws").mkdir()
    (folder / "local-aws" / "settings.json").write_text(json.dumps({"port": 4599}))
    place.run("up")
    shown = subprocess.run(
        [ITEMS_API, "local", "env"], env=place.environment, capture_output=True, text=True, check=True
    )
    variables = dict(re.findall(r"^export (\w+)='?([^'\n]*)'?$", shown.stdout, re.MULTILINE))
    place.environment |= variables
    yield place
    subprocess.run([ITEMS_API, "local", "stop"], env=place.environment, stdout=subprocess.DEVNULL, check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (folder / "source.jsonl").open("w") as file:
            for number in range(options.items):
                file.write(json.dumps(item(number)) + "\n")
        with throttled(folder) as (place, port):
            measure(
                "An in-memory DynamoDB with 4,000 writes/s, 1,000 per partition", place, options.items, throttle=port
            )
        with local(folder) as place:
            measure("The local AWS", place, options.items)
            kill_and_continue(place, options.kills, {"dump": 4.0, "load": 4.0})
    sys.exit(failed)


if __name__ == "__main__":
    main()
