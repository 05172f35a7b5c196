"""`serve` ends, and replaces its workers, without losing a request."""

import http.client
import os
import pty
import re
import signal
import socket
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil

from tests.handler.conftest import FakeDynamoDB, Harness
from tests.server.conftest import Serve, Slow, arguments, environment, eventually, is_closed


def test_sigterm_during_a_write_lets_it_finish(serve: Serve, dynamodb: FakeDynamoDB, harness: Harness) -> None:
    server, slow = serve(), Slow()
    dynamodb.operations.clear()
    dynamodb.faults = [slow]
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(server, "PUT", "/items/1", {"n": 1})
        slow.arrived.wait(10)
        server.process.terminate()
        eventually(lambda: is_closed(server))
        slow.released.set()
        reply = writing.result()
    assert (reply.status, reply.headers["connection"]) == (201, "close")
    assert server.process.wait(30) == 0
    assert dynamodb.operations == ["PutItem"]
    assert harness.gateway.item("GET", "1").json == {"itemId": "1", "n": 1}


def test_a_client_that_keeps_its_connection_is_told_to_close_it_when_the_server_stops(serve: Serve) -> None:
    server = serve()
    connection = http.client.HTTPConnection(*server.address, timeout=20)
    connection.request("GET", "/items/1")
    first = connection.getresponse()
    first.read()
    server.process.terminate()
    eventually(lambda: is_closed(server))
    connection.request("GET", "/items/1")  # on the same connection
    second = connection.getresponse()
    assert (first.getheader("connection"), second.status, second.getheader("connection")) == (None, 404, "close")
    second.read()
    connection.close()
    assert server.process.wait(30) == 0


def test_clients_that_are_idle_do_not_delay_the_end(serve: Serve) -> None:
    server = serve()
    with socket.create_connection(server.address), socket.create_connection(server.address) as client:
        client.sendall(b"GET /items/1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert client.recv(65_536).startswith(b"HTTP/1.1 404 ")
        assert server.stop() == 0


def test_ctrl_c_ends_it_with_130(serve: Serve) -> None:
    assert serve().stop(signal.SIGINT) == 130


def test_sighup_replaces_the_workers_without_losing_a_request(serve: Serve) -> None:
    server = serve("--workers", "2", "--throttle-rate", "10000", "--throttle-burst", "5000")
    before, done = server.workers(), threading.Event()
    assert len(before) == 2

    def ask_again_and_again() -> list[int]:
        connection = http.client.HTTPConnection(*server.address, timeout=20)
        statuses = []
        while not done.is_set():
            connection.request("GET", "/items/1")
            reply = connection.getresponse()
            reply.read()
            statuses.append(reply.status)
            done.wait(0.01)
        connection.close()
        return statuses

    with ThreadPoolExecutor(4) as pool:
        clients = [pool.submit(ask_again_and_again) for _ in range(4)]
        server.process.send_signal(signal.SIGHUP)
        try:
            eventually(lambda: len(server.workers()) == 2 and not {*before} & {*server.workers()})
        finally:
            done.set()
        statuses = [status for client in clients for status in client.result()]
    assert {*statuses} == {404}


def test_a_worker_that_dies_is_replaced(serve: Serve) -> None:
    server = serve()
    (first,) = server.workers()
    os.kill(first, signal.SIGKILL)
    eventually(lambda: server.workers() not in ([], [first]))
    eventually(lambda: server("GET", "/healthz").status == 200)
    said = f"Warning: Process {first} was ended by SIGKILL, so another one replaces it.\n"
    assert said in server.messages.read_text()


def test_workers_end_with_their_parent(serve: Serve) -> None:
    server = serve()
    (worker,) = server.workers()
    server.process.kill()
    eventually(lambda: not psutil.pid_exists(worker))


def test_ctrl_c_in_a_terminal_ends_it_without_a_trace(dynamodb: FakeDynamoDB, harness: Harness, tmp_path: Path) -> None:
    """The terminal sends the signal to all processes, at any moment."""
    for pause in (0.3, 0.9, 1.5, 2.5):
        process = subprocess.Popen(
            arguments(dynamodb, "--auth", "none", "--workers", "2"),
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        time.sleep(pause)
        os.killpg(process.pid, signal.SIGINT)
        out, said = process.communicate(timeout=30)
        assert process.returncode in (130, -signal.SIGINT), said
        # While Python still imports the command, the trace is Python's own.
        assert "Traceback" not in out + said or "from items_api.cli import main" in said


def in_a_terminal(command: list[str]) -> tuple[int, int]:
    """Start a command whose controlling terminal is a new one. Returns its process id, and the other side."""
    pid, terminal = pty.fork()
    if not pid:
        os.execve(command[0], command, environment())
    return pid, terminal


def read_until(terminal: int, text: str) -> str:
    said = ""
    while text not in said:
        said += os.read(terminal, 1024).decode()
    return said


def test_it_stops_when_its_terminal_is_closed(dynamodb: FakeDynamoDB, harness: Harness) -> None:
    pid, terminal = in_a_terminal(arguments(dynamodb, "--auth", "none"))
    read_until(terminal, "http://127.0.0.1:")
    workers = psutil.Process(pid).children()
    os.close(terminal)
    os.waitpid(pid, 0)
    eventually(lambda: not any(worker.is_running() for worker in workers))


def test_it_survives_its_terminal_with_nohup(dynamodb: FakeDynamoDB, harness: Harness, tmp_path: Path) -> None:
    output = tmp_path / "output"
    in_background = ["/bin/sh", "-c", 'exec nohup "$@" >"$0" 2>&1', str(output)]
    pid, terminal = in_a_terminal([*in_background, *arguments(dynamodb, "--auth", "none")])
    eventually(lambda: output.exists() and "http://127.0.0.1:" in output.read_text())
    os.close(terminal)
    time.sleep(0.5)
    port, *_ = re.findall(r"http://127.0.0.1:(\d+)", output.read_text())
    socket.create_connection(("127.0.0.1", int(port)), timeout=10).close()
    os.kill(pid, signal.SIGTERM)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_a_worker_that_dies_while_the_configuration_is_broken_waits_for_it(serve: Serve, tmp_path: Path) -> None:
    keys = "[profile app]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = secret\n"
    config = tmp_path / "config"
    config.write_text(keys)
    server = serve("--profile", "app", AWS_CONFIG_FILE=str(config), AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
    config.write_text("[profile other]\n")
    os.kill(server.workers()[0], signal.SIGKILL)
    eventually(lambda: "A server process is waiting for AWS credentials: " in server.messages.read_text())
    config.write_text(keys)
    assert server("GET", "/items/1").status == 404
    said = server.messages.read_text()
    assert said.count("Warning: ") == 2  # also that a process has ended
    assert "Traceback" not in said
