"""`items-api` as a process, as a user runs it: settings and credentials come from the environment."""

import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
OVERLAPPING = ", overlapping"
_SECONDS = 900.0  # longer than any wait of the command


class StepFailed(Exception):  # noqa: N818 - it is a result of the run
    """A command did not do what the scenario expects."""


@dataclass
class Processes:
    """Starts commands for one stack and collects their calls in `recording`."""

    recording: Path
    account: str
    started: float
    environment: Mapping[str, str]
    folder: Path  # the current folder of the commands, without an items-api.toml
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    def start(
        self, *arguments: str, environment: Mapping[str, str] | None = None, overlapping: bool = False
    ) -> "Running":
        """`overlapping` says in the recording that other processes run meanwhile or that this one is killed."""
        name = f"{next(self._numbers)} {arguments[0]}{OVERLAPPING if overlapping else ''}"
        # test_live.py sets this to a client of tests/forking.py. Killing that would not kill the command, so commands
        # that may be killed start normally.
        forked = "" if overlapping else os.environ.get("TESTS_LIVE_CLI", "")
        program = [forked] if forked else [sys.executable, "-m", "tests.live.cli"]
        process = subprocess.Popen(
            [*program, str(self.recording), name, self.account, str(self.started), *arguments, "--json"],
            cwd=self.folder,
            env=_environment({**self.environment, **(environment or {})}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        return Running(process, name, self.recording)

    def run(self, *arguments: str, expect: int = 0, environment: Mapping[str, str] | None = None) -> Any:
        """The document of a command that must exit with this code."""
        return self.start(*arguments, environment=environment).document(expect)


@dataclass
class Running:
    process: subprocess.Popen[str]
    name: str
    recording: Path

    def document(self, *expect: int) -> Any:
        """Wait for the command and return its JSON document. Raises `StepFailed` for another exit code."""
        try:
            output, errors = self.process.communicate(timeout=_SECONDS)
        except BaseException:
            self.end()
            raise
        if self.process.returncode not in expect:
            codes = " or ".join(map(str, expect))
            raise StepFailed(f"{self.name} exited with {self.process.returncode}, not {codes}.\n{output}{errors}")
        return json.loads(output)

    def kill_after(self, operation: str) -> bool:
        """Kill the command with SIGKILL once this call of it has returned. False if the command was faster."""
        while self.process.poll() is None and not self._has_called(operation):
            time.sleep(0.01)
        alive = self.process.poll() is None
        self.end()
        return alive

    def end(self) -> None:
        """Kill the command with SIGKILL, if it is still running."""
        self.process.kill()
        self.process.communicate()

    def _has_called(self, operation: str) -> bool:
        lines = self.recording.read_text().splitlines() if self.recording.exists() else []
        return any(f'"process": "{self.name}"' in line and f'"operation": "{operation}"' in line for line in lines)


def _environment(own: Mapping[str, str]) -> dict[str, str]:
    """Settings of the user would select another stack or account; credentials in `own` replace the user's profile."""
    without = ("ITEMS_API_", "AWS_PROFILE") if "AWS_SESSION_TOKEN" in own else ("ITEMS_API_",)
    user = {key: value for key, value in os.environ.items() if not key.startswith(without)}
    return {**user, "PYTHONPATH": str(ROOT), **own}
