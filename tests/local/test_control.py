"""One server per home folder, found, started and stopped by any number of commands."""

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

import items_api
from items_api import local
from items_api.errors import LocalUnavailable
from items_api.local import LocalAws
from items_api.local.ports import listen
from items_api.local.starting import server_environment
from tests.local.conftest import client, eventually, kill, resumed


def is_running(pid: int) -> bool:
    """Whether the process has not ended yet. A zombie has."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def failed_start(home: Path) -> LocalUnavailable:
    with pytest.raises(LocalUnavailable) as caught:
        local.ensure_running(home)
    return caught.value


def create_group(running: LocalAws, name: str) -> None:
    client(running, "logs").create_log_group(logGroupName=name)


def groups(running: LocalAws) -> list[str]:
    return [group["logGroupName"] for group in client(running, "logs").describe_log_groups()["logGroups"]]


def test_the_first_call_starts_it_and_the_next_ones_find_it(home: Path) -> None:
    messages: list[str] = []
    first = local.ensure_running(home, messages.append)
    assert local.ensure_running(home, messages.append) == first
    assert local.resume(home, messages.append) == first
    assert local.find(home) == first
    assert messages == ["Starting the local AWS."]
    assert first.note == ""
    assert client(first, "sts").get_caller_identity()["Account"] == local.ACCOUNT


def test_commands_at_the_same_time_share_one_server(home: Path) -> None:
    script = (
        f"import pathlib; from items_api import local; print(local.ensure_running(pathlib.Path({str(home)!r})).pid)"
    )
    processes = [subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) for _ in range(3)]
    pids = {process.communicate(timeout=60)[0] for process in processes}
    assert pids == {f"{resumed(home).pid}\n"}


def test_it_listens_only_on_one_port_of_the_loopback_interface(home: Path, port: int) -> None:
    running = local.ensure_running(home)
    groups(running)
    process = psutil.Process(running.pid)
    sockets = process.net_connections("tcp") + process.net_connections("udp")
    listening = [one.laddr for one in sockets if one.type == socket.SOCK_DGRAM or one.status == psutil.CONN_LISTEN]
    assert listening == [("127.0.0.1", port)]


def test_a_restart_restores_everything_on_the_same_port(home: Path) -> None:
    before = local.ensure_running(home)
    create_group(before, "saved")
    local.stop(home)
    assert local.find(home) is None
    eventually(lambda: not is_running(before.pid))
    after = resumed(home)
    assert after.pid != before.pid
    assert (after.endpoint_url, after.access_key, after.note) == (before.endpoint_url, before.access_key, "")
    assert groups(after) == ["saved"]


def test_after_a_crash_it_restarts_from_the_last_save_and_reports_the_data_loss(home: Path) -> None:
    before = local.ensure_running(home)
    create_group(before, "saved")
    state = home / "local-aws" / "state" / "cloudwatch_logs.json"
    eventually(lambda: state.exists() and "saved" in state.read_text())
    create_group(before, "unsaved")
    kill(home)
    after = resumed(home)
    assert groups(after) == ["saved"]
    assert after.note.startswith("The local AWS crashed or was killed. Changes after its last save (20")
    assert after.note.endswith(") are lost.")
    assert local.ensure_running(home).note == ""


def test_a_crash_before_the_first_save_is_reported(home: Path) -> None:
    local.ensure_running(home)
    kill(home)
    for saved in (home / "local-aws" / "state").glob("*.json"):  # on a slow computer, it had the time to save
        saved.unlink()
    after = resumed(home)
    why = "The local AWS crashed or was killed before it first saved its state."
    assert after.note == f"{why} All of its resources are lost."


def test_find_resume_and_stop_do_nothing_if_it_never_ran(home: Path, tmp_path: Path) -> None:
    local.stop(home)
    local.stop(home, forget=True)
    assert local.find(home) is None
    assert local.resume(home) is None
    assert local.find(tmp_path / "missing") is None
    assert not (tmp_path / "missing").exists()


def test_forget_deletes_the_state_and_the_settings(home: Path) -> None:
    first = local.ensure_running(home)
    local.stop(home, forget=True)
    assert local.resume(home) is None
    files = {path.name for path in (home / "local-aws").iterdir()}
    assert files == {"commands.lock", "server.lock", "server.log"}
    eventually(lambda: not is_running(first.pid))


def test_one_that_does_not_stop_in_time_is_an_error_and_is_not_killed(home: Path) -> None:
    running = local.ensure_running(home)
    os.kill(running.pid, signal.SIGSTOP)
    eventually(lambda: psutil.Process(running.pid).status() == psutil.STATUS_STOPPED)
    with pytest.raises(LocalUnavailable) as caught:
        local.stop(home, timeout=0.1)
    assert str(caught.value) == (
        f"Could not stop the local AWS (process {running.pid}). It was still running 0.1 s after SIGTERM. "
        f"See {home}/local-aws/server.log. To stop it without saving its state, run: kill -9 {running.pid}"
    )
    os.kill(running.pid, signal.SIGCONT)
    eventually(lambda: local.find(home) is None)


def test_a_command_that_waits_for_another_reports_it(home: Path) -> None:
    messages: list[str] = []
    waiting = threading.Thread(target=lambda: local.resume(home, messages.append))
    with (home / "local-aws" / "commands.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        waiting.start()
        eventually(lambda: messages)
        waiting.join(timeout=0.1)
        assert waiting.is_alive()
    waiting.join()
    assert messages == ["Waiting for another items-api process that is starting or stopping the local AWS."]


def test_ctrl_c_in_the_terminal_does_not_reach_it(home: Path) -> None:
    running = local.ensure_running(home)
    assert os.getsid(running.pid) != os.getsid(0)
    assert os.getpgid(running.pid) != os.getpgid(0)


def test_a_process_id_that_now_belongs_to_another_program_is_ignored(home: Path) -> None:
    """Otherwise `stop` would end this test."""
    (home / "local-aws" / "process.json").write_text(json.dumps({"pid": os.getpid(), "phase": "ready"}))
    assert local.find(home) is None
    local.stop(home)


def test_if_another_program_uses_its_port_it_takes_another_and_reports_it_once(home: Path, port: int) -> None:
    """Also after a crash."""
    before = local.ensure_running(home)
    create_group(before, "saved")
    local.stop(home)
    with socket.create_server(("127.0.0.1", port)):
        after = resumed(home)
        assert after.port != port
        assert after.note == (
            f"Another program uses port {port}, so the AWS endpoint is now http://127.0.0.1:{after.port}. "
            "Set AWS_ENDPOINT_URL again in shells that have the old one."
        )
    assert groups(after) == ["saved"]
    assert local.ensure_running(home).note == ""
    local.stop(home)
    assert json.loads((home / "local-aws" / "settings.json").read_text())["port"] == after.port
    assert resumed(home).note == ""


def test_the_first_free_port_is_used(port: int) -> None:
    with socket.create_server(("127.0.0.1", port)), listen([port, None]) as listener:
        address, chosen = listener.getsockname()
    assert address == "127.0.0.1"
    assert chosen != port


def test_without_ministack_the_error_explains_how_to_install_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ministack", None)
    assert failed_start(home).todo.startswith("Install it with this command:\n")


def test_a_home_that_cannot_be_used_is_an_error(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert str(failed_start(blocked)) == (
        f"Could not use the folder {blocked} for the local AWS. Not a directory: {blocked}/local-aws. "
        "Fix the cause, or set ITEMS_API_HOME to another folder."
    )


def test_an_error_at_the_start_shows_the_end_of_the_log(home: Path) -> None:
    (home / "local-aws" / "tmp").write_text("a file instead of a folder")
    error = failed_start(home)
    assert error.what == "The local AWS could not start."
    assert error.why.startswith("The last line of its log: FileExistsError")
    assert str(home / "local-aws" / "server.log") in error.todo


def test_one_whose_folder_is_deleted_stops_and_does_not_recreate_it(home: Path) -> None:
    running = local.ensure_running(home)
    create_group(running, "lost")
    (home / "local-aws").rename(home.with_name("moved"))
    eventually(lambda: not is_running(running.pid))
    assert not (home / "local-aws").exists()


def test_the_server_does_not_inherit_the_users_aws_settings_or_proxy() -> None:
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


def test_the_status_counts_the_resources_of_all_regions(home: Path) -> None:
    running = local.ensure_running(home)
    assert local.status(running).resources == 0
    other_region = client(running, "logs", region="eu-central-1")
    other_region.create_log_group(logGroupName="other")
    assert local.status(running).resources == 1
    assert groups(running) == []
    other_region.delete_log_group(logGroupName="other")
    assert local.status(running).resources == 0


def test_the_home_folder_can_be_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ITEMS_API_HOME", str(tmp_path))
    assert local.home() == tmp_path
    monkeypatch.setenv("ITEMS_API_HOME", "~/mine")
    assert local.home() == Path.home() / "mine"
    monkeypatch.delenv("ITEMS_API_HOME")
    assert local.home().name.lower() == "items-api"
