"""The local AWS: one server per home folder, found, started and stopped by any number of commands."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

import items_api
from items_api import local
from items_api.errors import LocalUnavailable
from items_api.local.control import server_environment
from items_api.local.server import listen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from items_api.local import LocalAws


SESSION = boto3.session.Session()


def eventually(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it did not come true within 20 s"
        time.sleep(0.02)


def kill(home: Path, running: LocalAws) -> None:
    os.kill(running.pid, signal.SIGKILL)
    eventually(lambda: local.find(home) is None)


def is_alive(pid: int) -> bool:
    """Whether it runs; a zombie that init has not yet collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def port() -> int:
    """A free port, so that no test takes the one that a user's own local AWS would start on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@pytest.fixture
def home(tmp_path: Path, port: int) -> Iterator[Path]:
    """A home with a port of its own; whatever runs there at the end is ended."""
    folder = tmp_path / "local-aws"
    folder.mkdir()
    (folder / "settings.json").write_text(json.dumps({"port": port}))
    yield tmp_path
    running = local.find(tmp_path)
    if running:
        kill(tmp_path, running)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    """One server for all tests that only ask and change nothing."""
    home = tmp_path_factory.mktemp("shared")
    (home / "local-aws").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        (home / "local-aws" / "settings.json").write_text(json.dumps({"port": probe.getsockname()[1]}))
    running = local.ensure_running(home)
    yield running
    kill(home, running)


def status(running: LocalAws, method: str, path: str, headers: dict[str, str]) -> int:
    connection = HTTPConnection("127.0.0.1", running.port)
    with closing(connection):
        connection.request(method, path, headers=headers)
        return connection.getresponse().status


def client(service: str, running: LocalAws, access_key: str = "") -> Any:
    return SESSION.client(
        service,  # type: ignore[call-overload]
        endpoint_url=running.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id=access_key or running.access_key,
        aws_secret_access_key=running.secret_key,
    )


def create_group(running: LocalAws, name: str) -> None:
    client("logs", running).create_log_group(logGroupName=name)


def groups(running: LocalAws) -> list[str]:
    return [group["logGroupName"] for group in client("logs", running).describe_log_groups()["logGroups"]]


def saved(home: Path, name: str) -> bool:
    state = home / "local-aws" / "state" / "cloudwatch_logs.json"
    return state.exists() and name in state.read_text()


def test_the_first_call_starts_it_and_the_second_finds_it(home: Path) -> None:
    said: list[str] = []
    first = local.ensure_running(home, said.append)
    assert local.ensure_running(home, said.append) == first
    assert local.resume(home, said.append) == first
    assert local.find(home) == first
    assert said == ["Starting the local AWS."]
    assert first.note == ""
    assert client("sts", first).get_caller_identity()["Account"] == local.ACCOUNT


def test_commands_that_come_together_get_one_server(home: Path) -> None:
    script = (
        "import sys, pathlib; from items_api import local; print(local.ensure_running(pathlib.Path(sys.argv[1])).pid)"
    )
    starters = [
        subprocess.Popen([sys.executable, "-c", script, str(home)], stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    pids = {starter.communicate(timeout=60)[0] for starter in starters}
    running = local.find(home)
    assert running is not None
    assert pids == {f"{running.pid}\n"}


def test_it_listens_on_one_port_of_the_loopback_interface_and_nowhere_else(home: Path, port: int) -> None:
    running = local.ensure_running(home)
    groups(running)
    sockets = {str(fd.readlink()) for fd in Path(f"/proc/{running.pid}/fd").iterdir() if fd.is_symlink()}
    listening = []
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path(f"/proc/{running.pid}/net/{table}").read_text().splitlines()[1:]:
            address, state, inode = (line.split()[column] for column in (1, 3, 9))
            if f"socket:[{inode}]" in sockets and (state == "0A" or table.startswith("udp")):
                listening.append(address)
    assert listening == [f"0100007F:{port:04X}"]  # 127.0.0.1 in the kernel's byte order


def test_a_restart_brings_everything_back_on_the_same_port(home: Path) -> None:
    before = local.ensure_running(home)
    create_group(before, "kept")
    local.stop(home)
    assert local.find(home) is None
    eventually(lambda: not is_alive(before.pid))
    after = local.resume(home)
    assert after is not None
    assert after.pid != before.pid
    assert (after.endpoint_url, after.access_key, after.note) == (before.endpoint_url, before.access_key, "")
    assert groups(after) == ["kept"]


def test_a_killed_one_is_started_again_with_its_last_save_and_says_what_is_lost(home: Path) -> None:
    before = local.ensure_running(home)
    create_group(before, "saved")
    eventually(lambda: saved(home, "saved"))
    create_group(before, "late")
    kill(home, before)
    after = local.resume(home)
    assert after is not None
    assert groups(after) == ["saved"]
    assert after.note.startswith("The local AWS had been killed or had crashed: what changed after its last save, 20")
    assert after.note.endswith(", is lost.")
    assert local.ensure_running(home).note == ""


def test_one_killed_before_its_first_save_says_so(home: Path) -> None:
    before = local.ensure_running(home)
    kill(home, before)
    after = local.resume(home)
    assert after is not None
    assert after.note == "The local AWS had been killed or had crashed: nothing of it was saved yet."


def test_looking_never_starts_it(home: Path, tmp_path: Path) -> None:
    assert local.find(home) is None
    assert local.resume(home) is None
    assert local.find(tmp_path / "never") is None
    assert not (tmp_path / "never").exists()


def test_one_that_ended_empty_is_forgotten(home: Path) -> None:
    first = local.ensure_running(home)
    local.stop(home, forget=True)
    assert local.resume(home) is None
    left = {path.name for path in (home / "local-aws").iterdir()}
    assert left == {"commands.lock", "server.lock", "server.log"}
    eventually(lambda: not is_alive(first.pid))


def test_stopping_what_does_not_run_is_no_error(home: Path) -> None:
    local.stop(home)
    local.stop(home, forget=True)


def test_one_that_does_not_stop_is_an_error_and_is_not_killed(home: Path) -> None:
    running = local.ensure_running(home)
    os.kill(running.pid, signal.SIGSTOP)
    # The signal is only on its way yet; "T" is a process that stands.
    eventually(lambda: Path(f"/proc/{running.pid}/stat").read_text().rpartition(") ")[2].startswith("T"))
    with pytest.raises(LocalUnavailable) as caught:
        local.stop(home, patience=0.1)
    assert str(caught.value) == (
        f"The local AWS (process {running.pid}) did not stop. It was asked to and had 0.1 s to save its state. "
        f"Look into {home}/local-aws/server.log. To give up what is unsaved: kill -9 {running.pid}"
    )
    os.kill(running.pid, signal.SIGCONT)
    eventually(lambda: local.find(home) is None)


def test_a_command_that_has_to_wait_for_another_says_so(home: Path) -> None:
    said: list[str] = []
    waiting = threading.Thread(target=lambda: local.resume(home, said.append))
    with (home / "local-aws" / "commands.lock").open("a") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        waiting.start()
        eventually(lambda: said)
        waiting.join(timeout=0.1)
        assert waiting.is_alive()
    waiting.join()
    assert said == ["Another items-api is starting or stopping the local AWS; waiting for it."]


def test_it_is_out_of_reach_of_the_terminals_ctrl_c(home: Path) -> None:
    running = local.ensure_running(home)
    assert os.getsid(running.pid) != os.getsid(0)
    assert os.getpgid(running.pid) != os.getpgid(0)


def test_a_process_id_that_now_belongs_to_another_is_not_taken_for_it(home: Path) -> None:
    """The lock decides, not the process id: this very process would die of a stop that trusts the file."""
    (home / "local-aws" / "process.json").write_text(json.dumps({"pid": os.getpid(), "phase": "ready"}))
    assert local.find(home) is None
    local.stop(home)


def test_a_kept_port_that_another_program_took_is_an_error_that_names_it(home: Path, port: int) -> None:
    with socket.create_server(("127.0.0.1", port)), pytest.raises(LocalUnavailable) as caught:
        local.ensure_running(home)
    assert str(caught.value) == (
        f"The local AWS could not start. Another program listens on its port {port}, which is part of the endpoints it "
        f"has given out. Find that program (lsof -i :{port}) and stop it. Or start afresh beside it, on a free port: "
        "set ITEMS_API_HOME to another folder."
    )


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_without_a_kept_port_a_taken_one_is_passed_over(family: socket.AddressFamily, host: str, port: int) -> None:
    """Browsers and curl may ask ::1 first for a *.localhost name, so a port taken only there is taken, too."""
    with socket.create_server((host, port), family=family):
        chosen = listen([port, 0])
    assert chosen is not None
    with chosen:
        assert chosen.getsockname()[0] == "127.0.0.1"
        assert chosen.getsockname()[1] != port


def test_without_ministack_the_error_says_how_to_get_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ministack", None)
    with pytest.raises(LocalUnavailable) as caught:
        local.ensure_running(home)
    assert "pip install 'items-api[local]'" in caught.value.todo
    assert "pipx inject items-api ministack" in caught.value.todo


def test_a_home_that_cannot_be_used_is_an_error_that_names_it(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(LocalUnavailable) as caught:
        local.ensure_running(blocked)
    assert str(caught.value) == (
        f"Could not use the folder {blocked} for the local AWS. Not a directory: {blocked}/local-aws. "
        "Set ITEMS_API_HOME to a folder that you may write to."
    )


def test_one_that_dies_at_its_start_leaves_its_last_words(home: Path) -> None:
    (home / "local-aws" / "tmp").write_text("a file where a folder belongs")
    with pytest.raises(LocalUnavailable) as caught:
        local.ensure_running(home)
    assert caught.value.what == "The local AWS could not start."
    assert caught.value.why.startswith("Its last words: FileExistsError")
    assert str(home / "local-aws" / "server.log") in caught.value.todo


def test_one_whose_folder_is_deleted_ends_and_does_not_make_it_again(home: Path) -> None:
    running = local.ensure_running(home)
    create_group(running, "gone")
    moved = home.with_name("moved")
    (home / "local-aws").rename(moved)
    eventually(lambda: not is_alive(running.pid))
    assert not (home / "local-aws").exists()


def test_the_server_sees_nothing_of_the_users_aws_or_proxy() -> None:
    user = {
        "AWS_PROFILE": "production",
        "AWS_ACCESS_KEY_ID": "AKIAREAL",
        "HTTPS_PROXY": "http://proxy.corp",
        "http_proxy": "http://proxy.corp",
        "GATEWAY_PORT": "1",
        "LD_PRELOAD": "x.so",
        "PATH": "/bin",
        "HOME": "/home/me",
        "PYTHONPATH": "/mine",
    }
    assert server_environment(user) == {
        "PATH": "/bin",
        "HOME": "/home/me",
        "PYTHONPATH": f"{Path(items_api.__file__).parent.parent}{os.pathsep}/mine",
    }


def test_its_credentials_are_a_secret_of_its_folder(home: Path) -> None:
    """The word "test" and every account id would be root to ministack, and root can run code as the user."""
    running = local.ensure_running(home)
    assert (home / "local-aws" / "settings.json").stat().st_mode & 0o777 == 0o600
    for stranger in ("test", "123456789012", "999999999999", "LOCAL"):
        with pytest.raises(ClientError) as caught:
            client("lambda", running, access_key=stranger).list_functions()
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    with pytest.raises(ClientError, match="UnrecognizedClientException"):
        client("lambda", running, access_key="AKIAUNKNOWN").list_functions()


@pytest.mark.parametrize("host", ["127.0.0.1", "0140793a.execute-api.localhost"])
@pytest.mark.parametrize("query", ["", "?X-Amz-Credential=AKIAUNKNOWN/20260101/us-east-1/s3/aws4_request"])
@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/_ministack/reset"), ("POST", "/_ministack/config"), ("GET", "/_ministack/lambda-code/items-api")],
)
def test_a_web_page_can_not_reach_its_administration(
    shared: LocalAws, method: str, path: str, query: str, host: str
) -> None:
    """Ministack would answer any of these: it asks for no signature there, and not on which host either."""
    assert status(shared, method, path + query, {"Host": f"{host}:{shared.port}"}) == 403


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/2015-03-31/functions", {}),
        ("GET", "/2015-03-31/functions?X-Amz-Credential=test/20260101/us-east-1/lambda/aws4_request", {}),
        ("GET", "/2015-03-31/functions", {"Authorization": "AWS4-HMAC-SHA256 Credential=123456789012/x/x/lambda/x"}),
        ("OPTIONS", "/", {"Origin": "https://evil.example"}),
        ("GET", "/_items-api/empty", {}),
        ("GET", "/_items-api/empty", {"Authorization": "test"}),
    ],
)
def test_a_web_page_can_not_act_as_its_owner(shared: LocalAws, method: str, path: str, headers: dict[str, str]) -> None:
    assert status(shared, method, path, headers) == 403


def test_whether_it_is_empty_is_told_over_all_regions(home: Path) -> None:
    running = local.ensure_running(home)
    assert local.is_empty(running)
    far = SESSION.client(
        "logs",
        endpoint_url=running.endpoint_url,
        region_name="eu-central-1",
        aws_access_key_id=running.access_key,
        aws_secret_access_key=running.secret_key,
    )
    far.create_log_group(logGroupName="far")
    assert not local.is_empty(running)
    assert groups(running) == []
    far.delete_log_group(logGroupName="far")
    assert local.is_empty(running)


def test_the_home_folder_is_the_users_choice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ITEMS_API_HOME", str(tmp_path))
    assert local.home() == tmp_path
    monkeypatch.setenv("ITEMS_API_HOME", "~/mine")
    assert local.home() == Path.home() / "mine"
    monkeypatch.delenv("ITEMS_API_HOME")
    assert local.home().name.lower() == "items-api"
