"""What `serve` can do with one core: python benchmarks/serve.py. It needs Linux with two cores or more.

The server has the first core; the load and an in-memory DynamoDB (memory.py) have the second one. It exits with 1 if a
limit is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import resource
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from load import Measured, at_rate, get, saturate

from tests.servers import self_signed

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).resolve().parent
PROGRAMS = Path(sys.executable).parent
KEYS = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "x" * 40, "AWS_SESSION_TOKEN": "t" * 400}
UNLIMITED = ["--throttle-rate", "10000", "--throttle-burst", "5000"]
ITEM = get("/items/1")
CONNECTIONS = 32
failed = False

Address = tuple[str, int]


def check(name: str, value: float, limit: float, unit: str = "", *, most: bool = False) -> None:
    global failed  # noqa: PLW0603 - the exit code
    met = value <= limit if most else value >= limit
    failed = failed or not met
    print(f"{'met' if met else 'MISSED':<7} {name}: {value:,.2f}{unit} (limit {limit:,g}{unit})", flush=True)


@contextmanager
def started(core: int, command: list[str], **variables: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        command,
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),  # noqa: PLW1509 - there are no threads yet
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate()


@contextmanager
def memory(*pem: str) -> Iterator[str]:
    with started(1, [sys.executable, str(HERE / "memory.py"), *pem]) as process:
        assert process.stdout
        yield f"http{'s' if pem else ''}://127.0.0.1:{int(process.stdout.readline())}"


class Server:
    def __init__(self, process: subprocess.Popen[str], address: Address) -> None:
        self.process = process
        self.address = address

    def worker(self) -> int:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return next(pid for pid in map(int, children) if "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text())

    def megabytes(self) -> float:
        status = Path(f"/proc/{self.worker()}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+)", status)
        assert found
        return int(found[1]) / 1024

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.worker()}/stat").read_text().rpartition(") ")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def serving(endpoint: str, **variables: str) -> Iterator[Server]:
    options = ["--table-only", "--auth", "none", "--region", "us-east-1", "--endpoint-url", endpoint, *UNLIMITED]
    command = [str(PROGRAMS / "items-api"), "serve", *options, "--port", "0", "--json"]
    with started(0, command, **KEYS, **variables) as process:
        assert process.stdout
        parts = urlsplit(json.loads(process.stdout.readline())["endpoint"])
        yield Server(process, (str(parts.hostname), parts.port or 0))


@contextmanager
def constant() -> Iterator[Address]:
    """The server of `serve`, uvicorn with h11, as it comes, with an application that does nothing."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        address = probe.getsockname()
    options = ["--http", "h11", "--loop", "asyncio", "--no-access-log", "--log-level", "error"]
    command = [str(PROGRAMS / "uvicorn"), "constant:app", "--app-dir", str(HERE / "peers"), *options]
    with started(0, [*command, "--port", str(address[1])]):
        wait_for(address)
        yield address


def wait_for(address: Address) -> None:
    while True:
        try:
            socket.create_connection(address, 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return


def throughput(endpoint: str, turns: int) -> float:
    """Compare with a constant reply, a second each in turns, because a machine's speed changes. Returns the rate."""
    ratios, rates, bases = [], [], []
    with constant() as address, serving(endpoint) as server:
        cpu, started_at = server.cpu_seconds(), time.perf_counter()
        for _ in range(turns):
            bases.append(asyncio.run(saturate(address, ITEM, CONNECTIONS, 1)).rate)
            found = asyncio.run(saturate(server.address, ITEM, CONNECTIONS, 1))
            assert not found.failed, found.statuses
            rates.append(found.rate)
            ratios.append(found.rate / bases[-1])
        cpu = (server.cpu_seconds() - cpu) / (time.perf_counter() - started_at) * 2
    rate = median(rates)
    print(f"        GET /items/1: {rate:,.0f}/s ({cpu:.0%} of the core); constant reply: {median(bases):,.0f}/s")
    print(f"        of {turns} turns, half had a ratio from {quantiles(ratios)[0]:.2f} to {quantiles(ratios)[2]:.2f}")
    check("serve / constant reply", median(ratios), 0.5)
    print(f"        a quarter of a core: {rate / 4:,.0f}/s")
    return rate


def with_tls(endpoint: str, turns: int) -> None:
    """The same with TLS to DynamoDB, as in AWS."""
    with tempfile.TemporaryDirectory() as folder:
        pem = str(self_signed(Path(folder))[0])
        with memory(pem) as encrypted, serving(endpoint) as plain, serving(encrypted, SSL_CERT_FILE=pem) as server:
            rates = [
                [asyncio.run(saturate(one.address, ITEM, CONNECTIONS, 1)).rate for one in (plain, server)]
                for _ in range(turns)
            ]
    share = median(encrypted / plain for plain, encrypted in rates)
    print(f"        with TLS to DynamoDB: {median(rate for _, rate in rates):,.0f}/s ({share:.0%})")


def local_aws(seconds: float) -> float:
    """Requests per second of the local AWS's gateway and function."""
    with tempfile.TemporaryDirectory() as home:
        variables = {"ITEMS_API_HOME": home}

        def run(*arguments: str) -> Any:
            command = [str(PROGRAMS / "items-api"), *arguments, "--local", "--json", "--yes"]
            line = shlex.join(["taskset", "-c", "0", *command])
            done = subprocess.run(line, shell=True, env={**os.environ, **variables}, capture_output=True, check=True)
            return json.loads(done.stdout)

        parts = urlsplit(run("up", *UNLIMITED)["endpoint"])
        try:
            address = (str(parts.hostname), parts.port or 0)
            put = b"PUT /items/1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}"
            asyncio.run(saturate(address, put, 1, 0.1))
            return asyncio.run(saturate(address, ITEM, CONNECTIONS, seconds)).rate
        finally:
            run("down")


def hold_idle(server: Server, count: int, seconds: float) -> None:
    """Open connections with one request each, keep them, and use all of them again."""
    clients = []
    for _ in range(count):
        clients.append(socket.create_connection(server.address, timeout=30))
        clients[-1].sendall(ITEM)
    for client in clients:
        _read(client)
    print(f"        memory with {count:,} idle connections: {server.megabytes():.0f} MB")
    time.sleep(seconds)
    held = 0
    for client in clients:
        client.sendall(ITEM)
        held += _read(client).startswith(b"HTTP/1.1 200 ")
        client.close()
    check(f"idle connections held for {seconds:.0f} s", held, count)


def _read(client: socket.socket) -> bytes:
    received = b""
    while b"}" not in received:
        piece = client.recv(65_536)
        if not piece:
            break
        received += piece
    return received


def restarts(server: Server, count: int) -> None:
    """SIGHUP again and again, while clients send requests."""

    async def main() -> Measured:
        load = asyncio.create_task(at_rate(server.address, ITEM, 1500, 5 * count, connections=16))
        for _ in range(count):
            await asyncio.sleep(1)
            worker = server.worker()
            server.process.send_signal(signal.SIGHUP)
            while server.worker() == worker or _exists(worker):  # noqa: ASYNC110 - nothing tells it
                await asyncio.sleep(0.05)
        return await load

    found = asyncio.run(main())
    total = sum(found.statuses.values()) + found.lost
    check(f"failed of {total:,} requests in {count} graceful restarts", found.failed, 0, most=True)


def _exists(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def unfriendly_clients(server: Server, rate: float) -> None:
    """Slow and oversized requests must be closed, and other clients must not notice them."""
    closed = 0

    async def slow() -> None:
        nonlocal closed
        reader, writer = await asyncio.open_connection(*server.address)
        with suppress(ConnectionError):
            for byte in b"GET /items/1 HTTP/1.1\r\nHost: localhost\r\nX: x":
                writer.write(bytes([byte]))
                await writer.drain()
                if reader.at_eof():
                    break
                await asyncio.sleep(1)
        ended = await _has_ended(reader)
        closed += ended
        writer.close()

    async def oversized() -> None:
        nonlocal closed
        reader, writer = await asyncio.open_connection(*server.address)
        writer.write(b"PUT /items/1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20000000\r\n\r\n")
        for _ in range(200):
            writer.write(b"x" * 100_000)
            try:
                await writer.drain()
            except OSError:
                break
            await asyncio.sleep(0.01)
        head = await reader.read(12)
        closed += head == b"HTTP/1.1 413"
        writer.close()

    async def main() -> Measured:
        others = asyncio.gather(*(slow() for _ in range(100)), *(oversized() for _ in range(20)))
        found = await at_rate(server.address, ITEM, rate, 10)
        await others
        return found

    found = asyncio.run(main())
    check("p99 beside 100 slow and 20 oversized requests", found.p99(), 20, " ms", most=True)
    check("failed requests of other clients", found.failed, 0, most=True)
    check("slow and oversized requests that were ended", closed, 120)


async def _has_ended(reader: asyncio.StreamReader) -> bool:
    """Whether the server has closed the connection without a reply."""
    try:
        return await asyncio.wait_for(reader.read(), 1) == b""
    except ConnectionError:
        return True
    except TimeoutError:
        return False


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=5, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3, help="of the measurements whose median counts")
    options = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    os.sched_setaffinity(0, {1})
    with memory() as endpoint:
        rate = throughput(endpoint, 5 * options.rounds)
        with_tls(endpoint, 5 * options.rounds)
        gateway = local_aws(options.seconds)
        print(f"        the local AWS's gateway and function: {gateway:,.0f}/s")
        check("serve / local AWS", rate / gateway, 5, " x")
        with serving(endpoint) as server:
            p99 = [
                asyncio.run(at_rate(server.address, ITEM, rate / 2, options.seconds)).p99()
                for _ in range(options.rounds)
            ]
            check("p99 at half load", sorted(p99)[options.rounds // 2], 20, " ms", most=True)
            asyncio.run(saturate(server.address, ITEM, 100, 2))
            check("memory per worker at 100 connections", server.megabytes(), 80, " MB", most=True)
            unfriendly_clients(server, rate / 4)
            hold_idle(server, min(10_000, most // 2), 30)
        with serving(endpoint) as server:
            restarts(server, 5)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
