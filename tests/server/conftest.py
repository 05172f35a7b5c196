"""`items-api serve` as a process, in front of moto's DynamoDB behind real HTTP."""

import gc
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest

from items_api.server import run
from items_api.server.service import Rules, Service
from items_api.server.worker import usable_credentials
from tests.handler.conftest import REGION, Exchange, FakeDynamoDB, Harness, dynamodb, harness, new_harness
from tests.issuers import Issuer, issuing

__all__ = ["dynamodb", "harness", "new_harness"]

COMMAND = str(Path(sys.executable).with_name("items-api"))
KEYS = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_EC2_METADATA_DISABLED": "1",
}


def eventually(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "timed out after 20 s"
        time.sleep(0.02)


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Server:
    """A running `serve`. `messages` is the file with its standard error: the log, and what people read."""

    process: subprocess.Popen[str]
    url: str
    messages: Path

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.url)
        assert parts.hostname
        assert parts.port
        return parts.hostname, parts.port

    def __call__(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None, **options: Any
    ) -> Reply:
        """Send a request on a connection of its own. `body` is a document or bytes."""
        content = body if body is None or not isinstance(body, dict | list) else json.dumps(body).encode()
        connection = http.client.HTTPConnection(*self.address, timeout=20)
        try:
            connection.request(method, path, content, headers or {}, **options)
            reply = connection.getresponse()
            found = {name.lower(): value for name, value in reply.getheaders()}
            return Reply(reply.status, found, reply.read())
        finally:
            connection.close()

    def workers(self) -> list[int]:
        """The process ids of the workers, without the helper process of multiprocessing."""
        found = []
        for child in psutil.Process(self.process.pid).children():
            with suppress(psutil.ZombieProcess, psutil.NoSuchProcess):
                if "resource_tracker" not in " ".join(child.cmdline()):
                    found.append(child.pid)
        return sorted(found)

    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.messages.read_text().splitlines() if line.startswith('{"method"')]

    def stop(self, with_signal: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(with_signal)
        return self.process.wait(30)


def arguments(dynamodb: FakeDynamoDB, *options: str) -> list[str]:
    target = ["--endpoint-url", dynamodb.url, "--region", "eu-central-1", "--name", "items0"]
    return [COMMAND, "serve", "--table-only", *target, "--port", "0", *options]


def environment(**variables: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "ITEMS_API_"))}
    return {**inherited, **KEYS, **variables}


@contextmanager
def serving(folder: Path, command: list[str], **variables: str) -> Iterator[Server]:
    """The command as a process, when it answers requests."""
    messages = folder / "messages"
    with messages.open("w") as stderr:
        process = subprocess.Popen(
            [*command, "--json"],
            cwd=folder,
            env=environment(**variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
    assert process.stdout
    try:
        line = process.stdout.readline()
        assert line, messages.read_text()
        yield Server(process, json.loads(line)["endpoint"], messages)
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(30)
        process.stdout.close()


@contextmanager
def running(dynamodb: FakeDynamoDB, harness: Harness, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A worker in a thread of this process, so that its limits can be short."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    service = Service(harness.table.name, {}, REGION, dynamodb.url, Rules())
    thresholds = gc.get_threshold()
    worker = run.Server(run.configuration(service, usable_credentials(service), lambda: None))
    with run.listen("127.0.0.1", 0) as listener:
        host, port = listener.getsockname()
        thread = threading.Thread(target=worker.run, args=([listener],))
        thread.start()
        eventually(lambda: worker.started)
        yield Server(None, f"http://{host}:{port}", None)  # type: ignore[arg-type]
        worker.should_exit = True
        thread.join()
    gc.set_threshold(*thresholds)


@pytest.fixture
def server(dynamodb: FakeDynamoDB, harness: Harness, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A worker for what does not depend on the command or on processes."""
    with running(dynamodb, harness, monkeypatch) as server:
        yield server


def received(client: socket.socket) -> bytes:
    """Everything until the server closes the connection."""
    pieces = []
    try:
        while piece := client.recv(65_536):
            pieces.append(piece)
    except ConnectionResetError:
        pieces.append(b"(reset)")
    return b"".join(pieces)


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with issuing() as running:
        yield running


Serve = Callable[..., Server]


@pytest.fixture
def serve(dynamodb: FakeDynamoDB, harness: Harness, tmp_path: Path) -> Iterator[Serve]:
    """Starts a server for the harness's table with some options and variables."""
    running: list[Any] = []

    def start(*options: str, **variables: str) -> Server:
        chosen = options if "--auth" in options else ("--auth", "none", *options)
        running.append(serving(tmp_path, arguments(dynamodb, *chosen), **variables))
        server: Server = running[-1].__enter__()
        return server

    yield start
    for context in running:
        context.__exit__(None, None, None)


class Slow:
    """A write of DynamoDB that takes until it is released."""

    def __init__(self) -> None:
        self.arrived, self.released = threading.Event(), threading.Event()

    def __call__(self, exchange: Exchange) -> None:
        self.arrived.set()
        self.released.wait(20)
        exchange.succeeds()


def is_closed(server: Server) -> bool:
    try:
        socket.create_connection(server.address, timeout=1).close()
    except OSError:
        return True
    return False


def failing(command: list[str], **variables: str) -> str:
    """What the command says before it ends with 1."""
    done = subprocess.run(
        command, env=environment(**variables), capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    return done.stderr
