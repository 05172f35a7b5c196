"""Commands that run at the same time, are killed or interrupted, or use a wrong endpoint: the next command repairs it."""

import json
import os
import random
import re
import signal
import sys
import time
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.local.conftest import Cli, kill, run
from tests.servers import QuietHandler, serving

# A write to it fails as on a full disk.
FULL = Path("/dev/full")
ON_LINUX = pytest.mark.skipif(not FULL.exists(), reason="only Linux has /dev/full")


def apis(cli: Cli) -> int:
    return len(cli.client("apigatewayv2").get_apis()["Items"])


def test_two_ups_at_the_same_time_create_one_stack(cli: Cli) -> None:
    cli.ok("up", "--name", "other")  # so that both commands find a running local AWS
    both = [cli.start("up") for _ in range(2)]
    outputs = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    assert apis(cli) == 1 + 1
    assert {resource["state"] for resource in cli.json("status")["resources"]} == {"ok"}


def test_up_killed_at_any_moment_is_completed_by_up_and_deleted_by_down(cli: Cli) -> None:
    cli.ok("up", "--name", "other")
    for _ in range(3):
        process = cli.start("up")
        with process:
            time.sleep(random.uniform(0.2, 1.2))
            process.kill()
        cli.ok("up")
        assert apis(cli) == 1 + 1
        cli.ok("down", "--yes")
    assert {resource["state"] for resource in cli.json("status")["resources"]} == {"missing"}


@pytest.mark.parametrize("stop_signal", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_up_reports_what_exists_and_what_to_do(cli: Cli, stop_signal: signal.Signals) -> None:
    cli.ok("up", "--name", "other")
    process = cli.start("up")
    assert process.stdout
    next(line for line in process.stdout if "created" in line)
    process.send_signal(stop_signal)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert re.search(r"Error: Interrupted\.\n  Why:  Exists: .*\n  Next: items-api up --local completes", errors)
    cli.ok("up")


@ON_LINUX
def test_up_completes_although_its_output_cannot_be_written(cli: Cli) -> None:
    with FULL.open("w") as full:
        done = cli("up", stdout=full)
    assert (done.returncode, "Could not write the output" in done.stderr) == (1, True)
    assert cli.json("status")["ok"]


class Page(QuietHandler):
    """Responds like a captive portal, another server or a broken proxy."""

    body = b""

    def do_POST(self) -> None:  # noqa: N802 - BaseHTTPRequestHandler's name
        self.send_response(200)
        self.send_header("content-length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)


@pytest.mark.parametrize("body", [b"<html><body>Sign in</body></html>", b"", b'{"Table": {}}', b"\x00\xff" * 99])
def test_an_endpoint_that_is_not_aws_is_one_error(body: bytes, tmp_path: Path) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Page,), {"body": body}))
    arguments = ["--region", "us-east-1", "--endpoint-url", f"http://127.0.0.1:{server.server_port}"]
    environment = {**os.environ, "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
    with serving(server):
        done = run([sys.executable, "-m", "items_api", "up", "--json", *arguments], cwd=tmp_path, env=environment)
    assert (done.returncode, json.loads(done.stdout)["error"]["type"]) == (1, "AwsUnreachable")
    assert "--endpoint-url" in done.stderr
    assert "Traceback" not in done.stderr
    assert "bug" not in done.stderr


def test_a_usage_error_is_a_json_document_with_json(tmp_path: Path) -> None:
    done = run([sys.executable, "-m", "items_api", "up", "--json", "--memory", "abc"], cwd=tmp_path)
    document = json.loads(done.stdout)
    assert (done.returncode, document["command"], document["error"]["type"]) == (2, "up", "InvalidSetting")
    assert "abc" in document["error"]["what"]


@ON_LINUX
def test_help_on_a_full_disk_is_an_error_without_traceback(tmp_path: Path) -> None:
    with FULL.open("w") as full:
        done = run([sys.executable, "-m", "items_api", "--help"], cwd=tmp_path, stdout=full)
    assert done.returncode == 1
    assert done.stderr == "Error: could not write the output: No space left on device.\n"


def test_a_local_aws_that_crashes_during_a_command_is_named_in_the_error(cli: Cli) -> None:
    cli.ok("up")
    process = cli.start("logs", "--follow")
    assert process.stdout
    process.stdout.readline()  # of the requests that `up` made
    kill(cli.home)
    _, errors = process.communicate(timeout=90)
    assert (process.returncode, "The local AWS stopped responding" in errors) == (1, True)


def test_a_local_aws_that_crashes_during_up_is_named_in_the_error_of_each_resource(cli: Cli) -> None:
    process = cli.start("up")
    assert process.stdout
    next(line for line in process.stdout if "created" in line)
    kill(cli.home)
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "The local AWS stopped responding." in output + errors
    assert "Run the command again; it starts the local AWS if necessary." in output + errors
    assert "--region" not in output + errors
