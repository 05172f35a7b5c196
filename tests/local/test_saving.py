"""The state is saved while the local AWS runs, so little is lost if it is killed."""

import io
import json
import os
import resource
import shutil
import signal
import sys
import threading
import time
import zipfile
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest

from items_api import local
from items_api.errors import LocalUnavailable
from items_api.local import LocalAws
from tests.local.conftest import Cli, client, eventually, kill, resumed

ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux can limit the files of another process")


def create_role(running: LocalAws, name: str) -> None:
    client(running, "iam").create_role(RoleName=name, AssumeRolePolicyDocument="{}")


def roles(running: LocalAws) -> list[str]:
    return [role["RoleName"] for role in client(running, "iam").list_roles()["Roles"]]


def saving_process(home: Path, running: LocalAws) -> int:
    """The process that is saving a new role; its files have its process id in their names.

    It runs for milliseconds. If it was missed, there is another role to save.
    """
    for number in range(20):
        create_role(running, f"saved-{time.monotonic_ns()}-{number}")
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline:
            for path in (home / "local-aws" / "state").glob("iam.*.new"):
                return int(path.name.split(".")[1])
    raise AssertionError("no save was seen")


def roles_saved(home: Path) -> str:
    file = home / "local-aws" / "state" / "iam.json"
    return file.read_text() if file.exists() else ""


def is_saved(home: Path, role: str) -> bool:
    return role in roles_saved(home)


def limit_files(running: LocalAws, size: int) -> None:
    """Let the server write only files up to this size, like a full disk."""
    process: Any = psutil.Process(running.pid)
    process.rlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def put_items(endpoint: str, stop: threading.Event, acknowledged: dict[str, float]) -> None:
    """Write items until the server dies. Records when each was acknowledged."""
    parts = urlsplit(endpoint)
    connection = HTTPConnection(str(parts.hostname), parts.port, timeout=20)
    with suppress(OSError, HTTPException):
        while not stop.is_set():
            item_id = f"item-{len(acknowledged)}"
            connection.request("PUT", f"/items/{item_id}", "{}", {"Content-Type": "application/json"})
            response = connection.getresponse()
            response.read()
            assert response.status == 201
            acknowledged[item_id] = time.time()
    connection.close()


def test_a_killed_local_aws_has_every_item_that_was_acknowledged_before_its_last_save(cli: Cli) -> None:
    endpoint = cli.json("up")["endpoint"]
    acknowledged: dict[str, float] = {}
    writer = threading.Thread(target=put_items, args=(endpoint, threading.Event(), acknowledged))
    writer.start()
    eventually(lambda: "item-0" in acknowledged)
    eventually(lambda: (local.status(cli.running()).saved or 0) > acknowledged["item-0"])
    os.kill(cli.running().pid, signal.SIGKILL)
    writer.join()
    saved = local.last_save(local.paths_in(cli.home))
    assert saved
    restarted = cli("status")
    shown = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(saved))
    assert f"Changes after its last save ({shown}) are lost." in restarted.stdout
    pages = cli.client("dynamodb").get_paginator("scan").paginate(TableName="Items")
    found = {item["itemId"]["S"] for page in pages for item in page["Items"]}
    expected = {item_id for item_id, moment in acknowledged.items() if moment < saved}
    assert expected
    assert expected <= found


def test_a_kill_at_any_moment_of_a_save_leaves_a_complete_state(home: Path, running: LocalAws) -> None:
    create_role(running, "kept")
    local.stop(home)
    for _ in range(3):
        running = resumed(home)
        saving_process(home, running)
        os.kill(running.pid, signal.SIGKILL)
        assert "kept" in roles(resumed(home))


@ON_LINUX
def test_an_error_when_saving_is_shown_until_a_save_succeeds(cli: Cli) -> None:
    cli.ok("up")
    eventually(lambda: local.status(cli.running()).saved)
    limit_files(cli.running(), 100)
    cli.client("logs").create_log_group(logGroupName="unsaved")
    eventually(lambda: local.status(cli.running()).save_error)
    assert cli.json("local", "status")["state"]["save_error"].startswith("File too large (")
    assert "  Save error     File too large (" in cli.ok("local", "status")
    note = "The local AWS cannot save its state: File too large ("
    assert note in cli.ok("status")
    with pytest.raises(LocalUnavailable) as caught:
        local.stop(cli.home)
    assert caught.value.why.startswith("It cannot save its state: File too large (")
    limit_files(cli.running(), resource.RLIM_INFINITY)
    eventually(lambda: not local.status(cli.running()).save_error)
    assert note not in cli.ok("status")
    kill(cli.home)
    assert "unsaved" in json.dumps(client(resumed(cli.home), "logs").describe_log_groups()["logGroups"])


@ON_LINUX
def test_a_failed_save_does_not_delete_the_code_that_the_last_save_needs(cli: Cli) -> None:
    endpoint = cli.json("up")["endpoint"]
    cli.ok("local", "stop")
    cli.ok("local", "start")
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("index.py", "")
    limit_files(cli.running(), 1000)  # the new code is smaller, and the list of functions is larger
    cli.client("lambda").update_function_code(FunctionName="items-api", ZipFile=zipped.getvalue())
    eventually(lambda: local.status(cli.running()).save_error)
    kill(cli.home)
    cli("status")
    assert cli.shell(f"curl --fail {endpoint}/items") == "[]"


@ON_LINUX
def test_a_stop_signal_does_not_end_it_before_it_can_save(home: Path, running: LocalAws) -> None:
    limit_files(running, 100)
    create_role(running, "new")
    os.kill(running.pid, signal.SIGTERM)
    eventually(lambda: local.status(running).save_error)
    assert local.find(home) == running
    limit_files(running, resource.RLIM_INFINITY)
    os.kill(running.pid, signal.SIGTERM)
    eventually(lambda: local.find(home) is None)
    assert roles(resumed(home)) == ["new"]


def test_a_save_whose_process_is_killed_is_repeated(home: Path, running: LocalAws) -> None:
    """For example by the kernel, if the computer runs out of memory."""
    folder, died = home / "local-aws", "The state cannot be saved: The process that saves the state died. Trying again."
    for number in range(20):  # a save takes milliseconds, so some end before they can be killed
        with suppress(ProcessLookupError):
            os.kill(saving_process(home, running), signal.SIGKILL)
        create_role(running, f"new-{number}")
        eventually(partial(is_saved, home, f"new-{number}"))
        if died in (folder / "server.log").read_text():
            break
    else:
        raise AssertionError("every save ended before it could be killed")
    assert list((folder / "state").glob("*.new")) == []


def paused_save(home: Path, running: LocalAws) -> int:
    """The process of a save that does not end."""
    for _ in range(20):
        pid = saving_process(home, running)
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            process.suspend()
            while process.status() != psutil.STATUS_ZOMBIE:
                if process.status() == psutil.STATUS_STOPPED:
                    return pid
    raise AssertionError("every save ended before it could be paused")


def test_a_save_that_outlives_a_killed_server_does_not_block_the_next_one(home: Path, running: LocalAws) -> None:
    pid = paused_save(home, running)
    try:
        os.kill(running.pid, signal.SIGKILL)
        eventually(lambda: not psutil.pid_exists(running.pid))
        assert local.find(home) is None
        after = resumed(home)
        assert after.port == running.port
        create_role(after, "after")
        local.stop(home)
    finally:
        os.kill(pid, signal.SIGCONT)
    eventually(lambda: not psutil.pid_exists(pid))
    assert "after" in roles(resumed(home))


def test_a_state_file_that_cannot_be_loaded_is_never_overwritten(home: Path, running: LocalAws) -> None:
    """Ministack by itself would start without it."""
    create_role(running, "kept")
    local.stop(home)
    file = home / "local-aws" / "state" / "iam.json"
    complete = file.read_text()
    file.write_text(complete[:-10])
    with pytest.raises(LocalUnavailable) as caught:
        local.resume(home)
    assert "The saved state cannot be used: Persistence: failed to load iam" in caught.value.why
    assert "items-api local reset" in caught.value.todo
    assert file.read_text() == complete[:-10]
    file.write_text(complete)
    assert roles(resumed(home)) == ["kept"]


@pytest.mark.parametrize("change", [shutil.rmtree, lambda folder: folder.rename(folder.with_name("moved"))])
def test_one_whose_folder_is_replaced_ends_and_leaves_the_new_one_alone(
    home: Path, running: LocalAws, change: Callable[[Path], object]
) -> None:
    create_role(running, "old")
    change(home / "local-aws")
    after = local.ensure_running(home)
    assert after.pid != running.pid
    assert roles(after) == []
    eventually(lambda: not psutil.pid_exists(running.pid))
    create_role(after, "new")
    local.stop(home)
    assert roles(resumed(home)) == ["new"]
