"""The supervisor starts, replaces and stops processes, whatever happens to them and to itself."""

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from items_api.errors import CannotServe
from items_api.server.supervisor import Supervisor
from tests.server.conftest import eventually
from tests.server.working import work


@dataclass
class Found:
    """What a supervisor did."""

    warnings: list[str] = field(default_factory=list)
    has_started: bool = False
    interrupted: bool = False


Run = Callable[..., Found]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """Runs some processes, and in a thread what a test does meanwhile."""

    def running(number: int, meanwhile: Callable[[], None], *, what: str = "works") -> Found:
        found = Found()
        (tmp_path / "next").write_text(what)

        def stops_if_it_fails() -> None:
            try:
                meanwhile()
            except BaseException:
                send(signal.SIGTERM)
                raise

        def has_started() -> None:
            found.has_started = True
            (tmp_path / "all have started").touch()

        def warn(text: str) -> None:
            found.warnings.append(text)
            (tmp_path / "warned").touch()

        with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:
            supervisor = Supervisor(work, (tmp_path,), listener, warn)
            doing = pool.submit(stops_if_it_fails)
            found.interrupted = supervisor.run(number, has_started)
            doing.result()
        return found

    yield running
    for path in tmp_path.glob("*.*"):
        with suppress(psutil.NoSuchProcess):
            psutil.Process(int(path.suffix[1:])).kill()


def wait_until_all_have_started(folder: Path) -> None:
    eventually((folder / "all have started").exists)


def started(folder: Path) -> list[int]:
    """The ids of all processes that have been started, in this order."""
    return [int(path.suffix[1:]) for path in sorted(folder.glob("*.*"))]


def send(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_a_signal_stops_all_processes(run: Run, tmp_path: Path, number: signal.Signals) -> None:
    def meanwhile() -> None:
        wait_until_all_have_started(tmp_path)
        send(number)

    found = run(2, meanwhile)
    assert (found.has_started, found.interrupted) == (True, number == signal.SIGINT)
    assert not any(psutil.pid_exists(pid) for pid in started(tmp_path))


def test_a_process_that_does_not_start_is_an_error(run: Run, tmp_path: Path) -> None:
    with pytest.raises(CannotServe, match="A server process could not start"):
        run(2, lambda: None, what="ends")
    assert not any(psutil.pid_exists(pid) for pid in started(tmp_path))


def test_ctrl_c_while_processes_start_stops_them(run: Run, tmp_path: Path) -> None:
    def meanwhile() -> None:
        eventually(lambda: started(tmp_path))
        send(signal.SIGINT)

    found = run(2, meanwhile, what="starts slowly")
    assert (found.has_started, found.interrupted) == (False, True)


def test_a_second_ctrl_c_ends_processes_that_do_not_stop(run: Run, tmp_path: Path) -> None:
    def meanwhile() -> None:
        wait_until_all_have_started(tmp_path)
        send(signal.SIGINT)
        eventually((tmp_path / "warned").exists)
        (pid,) = started(tmp_path)
        assert psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
        send(signal.SIGINT)
        eventually(lambda: not psutil.pid_exists(pid))

    found = run(1, meanwhile, what="stops slowly")
    assert found.interrupted
    assert found.warnings == ["Requests are still running. Press Ctrl-C again to end them."]


def test_a_process_that_ends_again_and_again_is_restarted_less_and_less_often(run: Run, tmp_path: Path) -> None:
    def meanwhile() -> None:
        wait_until_all_have_started(tmp_path)
        (tmp_path / "next").write_text("ends")
        os.kill(started(tmp_path)[0], signal.SIGKILL)
        eventually(lambda: len(started(tmp_path)) == 5)  # twice at once, after 1 s, after another 2 s
        send(signal.SIGTERM)

    warnings = run(1, meanwhile).warnings
    pids = [int(path.suffix[1:]) for path in sorted(tmp_path.glob("*.*"))]
    assert warnings == [
        f"Process {pids[0]} was ended by SIGKILL, so another one replaces it.",
        *(f"Process {pid} ended with exit code 0, so another one replaces it." for pid in pids[1:-1]),
    ]
    _, first, *_, last = sorted(int(path.stem) for path in tmp_path.glob("*.*"))
    assert last - first >= 2_000_000_000


def test_a_restart_replaces_all_processes(run: Run, tmp_path: Path) -> None:
    def meanwhile() -> None:
        wait_until_all_have_started(tmp_path)
        send(signal.SIGHUP)
        eventually(lambda: len(started(tmp_path)) == 4)
        eventually(lambda: not any(psutil.pid_exists(pid) for pid in started(tmp_path)[:2]))
        assert all(psutil.pid_exists(pid) for pid in started(tmp_path)[2:])
        send(signal.SIGTERM)

    assert run(2, meanwhile).warnings == []


def test_a_restart_whose_processes_do_not_start_keeps_the_old_ones(run: Run, tmp_path: Path) -> None:
    def meanwhile() -> None:
        wait_until_all_have_started(tmp_path)
        (tmp_path / "next").write_text("ends")
        send(signal.SIGHUP)
        eventually(lambda: len(started(tmp_path)) == 2)
        time.sleep(0.5)
        assert psutil.pid_exists(started(tmp_path)[0])
        send(signal.SIGTERM)

    assert run(1, meanwhile).warnings == ["A new process did not start, so the old ones continue."]


def test_a_stop_ends_a_restart(run: Run, tmp_path: Path) -> None:
    def meanwhile() -> None:
        wait_until_all_have_started(tmp_path)
        (tmp_path / "next").write_text("starts slowly")
        send(signal.SIGHUP)
        eventually(lambda: len(started(tmp_path)) == 2)
        send(signal.SIGTERM)

    assert run(1, meanwhile).warnings == []
    assert not any(psutil.pid_exists(pid) for pid in started(tmp_path))
