"""Real processes that meet, are killed or interrupted, and endpoints that are none: the next command finishes the job."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.local.conftest import Cli


def begin(cli: Cli, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "items_api", *arguments, "--local"],
        cwd=cli.home,
        env=cli.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def apis(cli: Cli) -> int:
    return len(cli.client("apigatewayv2").get_apis()["Items"])


def test_two_ups_at_once_make_one_stack(cli: Cli) -> None:
    cli.ok("up", "--name", "other")  # so that both find the local AWS and meet on it
    both = [begin(cli, "up") for _ in range(2)]
    for process in both:
        output, errors = process.communicate(timeout=60)
        assert process.returncode == 0, output + errors
    assert apis(cli) == 1 + 1
    assert {resource["state"] for resource in cli.json("status")["resources"]} == {"ok"}


def test_up_killed_at_any_moment_is_finished_by_up_and_removed_by_down(cli: Cli) -> None:
    cli.ok("up", "--name", "other")
    for _ in range(3):
        process = begin(cli, "up")
        with process:
            time.sleep(random.uniform(0.2, 1.2))
            process.kill()
        cli.ok("up")
        assert apis(cli) == 1 + 1
        cli.ok("down", "--yes")
    assert {resource["state"] for resource in cli.json("status")["resources"]} == {"missing"}


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_says_what_there_is_and_what_to_do(cli: Cli, ending: signal.Signals) -> None:
    cli.ok("up", "--name", "other")
    process = begin(cli, "up")
    assert process.stdout
    for line in process.stdout:
        if "created" in line:
            process.send_signal(ending)
            break
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert re.search(r"Error: Interrupted\.\n  Why:  There: .*\n  Next: items-api up --local finishes", errors)
    cli.ok("up")


def test_logs_show_every_request_of_smoke(cli: Cli) -> None:
    cli.ok("up")
    cli.ok("smoke")
    document = cli.json("logs")
    statuses = {event["request"]["status"] for event in document["events"] if event["request"]}
    assert statuses >= {200, 201, 204, 400, 404, 412}
    assert re.search(r"POST +/items +201", cli.ok("logs"))


def test_output_that_can_not_be_written_is_said_and_stops_nothing(cli: Cli) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "items_api", "up", "--local"],
            cwd=cli.home,
            env=cli.environment,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert (done.returncode, "could not be written" in done.stderr) == (1, True)
    assert cli.json("status")["ok"]


class Page(BaseHTTPRequestHandler):
    """Answers as a captive portal, a wrong server or a broken proxy does."""

    body = b""

    def do_POST(self) -> None:
        self.send_response(200)
        self.send_header("content-length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def server(body: bytes) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Page,), {"body": body})) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()


@pytest.mark.parametrize("body", [b"<html><body>Sign in</body></html>", b"", b'{"Table": {}}', b"\x00\xff" * 99])
def test_an_endpoint_that_is_not_aws_ends_in_one_block(body: bytes, tmp_path: Path) -> None:
    with server(body) as endpoint:
        done = subprocess.run(
            [sys.executable, "-m", "items_api", "up", "--json", "--region", "us-east-1", "--endpoint-url", endpoint],
            cwd=tmp_path,
            env={**os.environ, "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert (done.returncode, json.loads(done.stdout)["error"]["type"]) == (1, "AwsUnreachable")
    assert "--endpoint-url" in done.stderr
    assert "Traceback" not in done.stderr
    assert "bug" not in done.stderr


def test_wrong_usage_is_a_document_too_where_one_is_asked_for(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "items_api", "up", "--json", "--memory", "abc"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    document = json.loads(done.stdout)
    assert (done.returncode, document["command"], document["error"]["type"]) == (2, "up", "InvalidSetting")
    assert "abc" in document["error"]["what"]


def test_help_into_a_full_disk_is_no_traceback(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "items_api", "--help"],
            cwd=tmp_path,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stderr) == (
        1,
        "Error: the output could not be written: No space left on device.\n",
    )


def test_a_local_aws_that_dies_under_a_command_is_named(cli: Cli) -> None:
    cli.ok("up")
    process = begin(cli, "logs", "--follow")
    time.sleep(1.5)
    cli.kill()
    _, errors = process.communicate(timeout=90)
    assert (process.returncode, "The local AWS has stopped answering" in errors) == (1, True)
