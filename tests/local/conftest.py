"""Each test has its own home and port, and the local AWS that runs there is killed at the end."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import boto3
import psutil
import pytest

from items_api import local
from items_api.local import LocalAws
from tests.forking import forking

# Settings that a user may have in the environment. They must not affect a local AWS.
USER_ENVIRONMENT = {
    "AWS_PROFILE": "production",
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "real",
    "AWS_SESSION_TOKEN": "real",
    "AWS_REGION": "eu-central-1",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "HTTP_PROXY": "http://127.0.0.1:9",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "http_proxy": "http://127.0.0.1:9",
    "GATEWAY_PORT": "9",
    "PERSIST_STATE": "0",
}
COMMAND = str(Path(sys.executable).with_name("items-api"))
SESSION = boto3.session.Session()


def eventually(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "timed out after 20 s"
        time.sleep(0.02)


def prepare_home(home: Path) -> int:
    """Choose a free port for the local AWS in this home, so that it does not use the port of the user's own."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    (home / "local-aws").mkdir(parents=True)
    (home / "local-aws" / "settings.json").write_text(json.dumps({"port": port}))
    return port


def kill(home: Path) -> None:
    running = local.find(home)
    if running:
        os.kill(running.pid, signal.SIGKILL)
        eventually(lambda: local.find(home) is None)


@pytest.fixture
def port(tmp_path: Path, quick_local_aws: None) -> int:
    return prepare_home(tmp_path)


@pytest.fixture
def home(tmp_path: Path, port: int) -> Iterator[Path]:
    """A folder whose local AWS has a port of its own, and is killed at the end."""
    yield tmp_path
    kill(tmp_path)


@pytest.fixture
def running(home: Path) -> LocalAws:
    return local.ensure_running(home)


def resumed(home: Path) -> LocalAws:
    running = local.resume(home)
    assert running is not None
    return running


def client(running: LocalAws, service: str, *, region: str = "us-east-1", access_key: str = "") -> Any:
    return SESSION.client(
        service,  # type: ignore[call-overload]
        endpoint_url=running.endpoint_url,
        region_name=region,
        aws_access_key_id=access_key or running.access_key,
        aws_secret_access_key=running.secret_key,
    )


def run(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.run(command, stdin=subprocess.DEVNULL, text=True, timeout=120, check=False, **options)


@dataclass(frozen=True)
class Cli:
    """Runs `items-api … --local` or `items-api local …` as a process."""

    home: Path
    port: int
    forked: Path  # starts faster than the real program

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, **USER_ENVIRONMENT, "ITEMS_API_HOME": str(self.home)}

    def __call__(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        program = COMMAND if options else str(self.forked)
        return run([program, *self._arguments(arguments)], cwd=self.home, env=self.environment, **options)

    def ok(self, *arguments: str) -> str:
        """Run a command that must succeed, and return its output."""
        done = self(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def json(self, *arguments: str) -> Any:
        """Run a command with `--json` and return its document, regardless of the exit code."""
        return json.loads(self(*arguments, "--json").stdout)

    def start(self, *arguments: str, stdin: int | IO[bytes] = subprocess.DEVNULL) -> subprocess.Popen[str]:
        command, pipe = [COMMAND, *self._arguments(arguments)], subprocess.PIPE
        return subprocess.Popen(
            command, cwd=self.home, env=self.environment, stdin=stdin, stdout=pipe, stderr=pipe, text=True
        )

    def _arguments(self, arguments: tuple[str, ...]) -> list[str]:
        return [*arguments, *([] if arguments[0] == "local" else ["--local"])]

    def shell(self, line: str) -> str:
        """Run a line in a shell without proxy settings, as a user would paste it."""
        environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
        done = run(["sh", "-c", line], env=environment)
        assert done.returncode == 0, f"{line}\n{done.stderr}"
        return done.stdout

    @property
    def command(self) -> str:
        return COMMAND

    def session(self) -> boto3.Session:
        """Of the root user."""
        running = self.running()
        return boto3.Session(running.access_key, running.secret_key, region_name="us-east-1")

    def running(self) -> LocalAws:
        running = local.find(self.home)
        assert running is not None
        return running

    def client(self, service: str, **options: str) -> Any:
        """A client for changes to the stack by other means."""
        return client(self.running(), service, **options)

    def processes(self) -> list[psutil.Process]:
        """The server and all functions in this home, found by their command lines and folders."""
        folder = str(self.home / "local-aws")
        found = psutil.process_iter(["cmdline", "cwd"])
        return [p for p in found if any(folder in text for text in (*(p.info["cmdline"] or ()), p.info["cwd"] or ""))]


@pytest.fixture(scope="session")
def forked(tmp_path_factory: pytest.TempPathFactory, quick_local_aws: None) -> Iterator[Path]:
    modules = ["boto3", *(f"items_api.commands.{name}" for name in ("up", "down", "status", "smoke", "local"))]
    folder = tmp_path_factory.mktemp("cli")
    with forking(folder, "items-api", "items_api.cli:main", *modules, "tests.local.quick") as program:
        yield program


@pytest.fixture
def cli(tmp_path: Path, forked: Path) -> Iterator[Cli]:
    cli = Cli(tmp_path, prepare_home(tmp_path), forked)
    yield cli
    kill(tmp_path)
    _, left = psutil.wait_procs(cli.processes(), timeout=20)
    assert left == []
