"""The real command, run as a process against a local AWS of its own: own home, own port, gone at the end."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from items_api import local

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from items_api.local import LocalAws

# What a user may well have set, and what must not matter to a local AWS.
USERS_OWN = {
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


@dataclass(frozen=True)
class Cli:
    """`items-api … --local` in a shell of its own."""

    home: Path
    port: int

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, **USERS_OWN, "ITEMS_API_HOME": str(self.home)}

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [COMMAND, *arguments, "--local"],
            cwd=self.home,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def ok(self, *arguments: str) -> str:
        """Its output; it must succeed."""
        done = self(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def json(self, *arguments: str) -> Any:
        """Its one JSON document, whatever the exit code."""
        return json.loads(self(*arguments, "--json").stdout)

    def shell(self, line: str) -> str:
        """A line that the command printed, in a shell as a user would paste it. No proxy: curl would ask it."""
        quiet = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
        done = subprocess.run(["sh", "-c", line], env=quiet, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, f"{line}\n{done.stderr}"
        return done.stdout

    @property
    def aws(self) -> LocalAws:
        running = local.find(self.home)
        assert running is not None
        return running

    def client(self, service: str) -> Any:
        """By hand: what somebody with another tool could do to the stack."""
        return SESSION.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.aws.endpoint_url,
            region_name="us-east-1",
            aws_access_key_id=self.aws.access_key,
            aws_secret_access_key=self.aws.secret_key,
        )

    def kill(self) -> None:
        os.kill(self.aws.pid, signal.SIGKILL)
        eventually(lambda: local.find(self.home) is None)

    def processes(self) -> list[str]:
        """The command lines of everything that runs from this home: server and functions."""
        lines = []
        for process in Path("/proc").iterdir():
            try:
                line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except (OSError, ValueError):
                continue
            if process.name.isdigit() and str(self.home) in line:
                lines.append(line)
        return lines


def eventually(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it did not come true within 20 s"
        time.sleep(0.02)


@pytest.fixture
def cli(tmp_path: Path) -> Iterator[Cli]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    folder = tmp_path / "local-aws"
    folder.mkdir()
    (folder / "settings.json").write_text(json.dumps({"port": port}))
    cli = Cli(tmp_path, port)
    yield cli
    if local.find(tmp_path):
        cli.kill()
    eventually(lambda: not cli.processes())
