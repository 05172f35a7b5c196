"""Whether callers notice a deploy: python benchmarks/deploy.py.

Clients with persistent connections request the list from a stack on a local AWS, while `up` changes its memory and its
code and `rollback` undoes the last change. Every request must succeed.
"""

from __future__ import annotations

import http.client
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
CLIENTS = 8
REQUESTS = 2_000
HARMLESS = "\n# Changed.\n"


class Client(threading.Thread):
    """Sends one request after the other until it is stopped. Counts the statuses and errors."""

    def __init__(self, endpoint: str, stop: threading.Event) -> None:
        super().__init__()
        self._host = urlsplit(endpoint).netloc
        self._stop_event = stop
        self.results: Counter[str] = Counter()
        self.slowest = 0.0

    def run(self) -> None:
        connection = http.client.HTTPConnection(self._host, timeout=35)
        while not self._stop_event.is_set():
            started = time.perf_counter()
            try:
                connection.request("GET", "/items?limit=1")
                reply = connection.getresponse()
                reply.read()
                self.results[str(reply.status)] += 1
            except (OSError, http.client.HTTPException) as error:
                self.results[type(error).__name__] += 1
                connection.close()
            self.slowest = max(self.slowest, time.perf_counter() - started)
        connection.close()


def command(folder: Path, home: Path, *arguments: str) -> Any:
    """Run `items-api` from a copy of the package, on the local AWS of this home. Returns its JSON document."""
    environment = {**os.environ, "ITEMS_API_HOME": str(home), "PYTHONPATH": str(folder)}
    program = [sys.executable, "-m", "items_api", *arguments, "--local", "--yes", "--json"]
    pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
    done = subprocess.run(program, cwd=folder, env=environment, check=False, stdout=pipe, stderr=nothing, text=True)
    assert done.returncode == 0, done.stdout
    return json.loads(done.stdout)


def deploy(copy: Path, home: Path, clients: list[Client]) -> dict[str, list[float]]:
    """Deploy and roll back until the clients have sent enough requests. Returns the seconds of each step."""
    seconds: dict[str, list[float]] = defaultdict(list)
    index = copy / "items_api" / "handler" / "index.py"

    def timed(title: str, *arguments: str) -> None:
        started = time.perf_counter()
        command(copy, home, *arguments)
        seconds[title].append(time.perf_counter() - started)

    for memory in itertools.cycle((512, 256)):
        timed("up with other memory", "up", "--memory", str(memory))
        index.write_text(index.read_text() + HARMLESS)
        timed("up with other code", "up")
        timed("rollback", "rollback")
        if sum(client.results.total() for client in clients) >= REQUESTS:
            return seconds
    raise AssertionError


def main() -> int:
    with tempfile.TemporaryDirectory() as temporary:
        home, copy = Path(temporary, "home"), Path(temporary, "copy")
        shutil.copytree(ROOT / "items_api", copy / "items_api")
        limits = ("--throttle-rate", "10000", "--throttle-burst", "5000")
        endpoint = command(copy, home, "up", *limits)["endpoint"]
        stop = threading.Event()
        clients = [Client(endpoint, stop) for _ in range(CLIENTS)]
        for client in clients:
            client.start()
        try:
            seconds = deploy(copy, home, clients)
        finally:
            stop.set()
            for client in clients:
                client.join()
            command(copy, home, "down")
    results: Counter[str] = Counter()
    for client in clients:
        results += client.results
    failed = results.total() - results["200"]
    for title, each in seconds.items():
        print(f"{title:<24}{', '.join(f'{second:.2f}' for second in each)} s")
    print(f"slowest request         {max(client.slowest for client in clients):.2f} s\n")
    print(f"{results.total()} requests, {failed} failed: {dict(results)}   limit 0   {'EXCEEDED' if failed else 'ok'}")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
