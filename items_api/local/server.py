"""The local AWS's own process: ministack on one port of 127.0.0.1, with what a background server needs around it.

`control` starts it as `python -m items_api.local.server FOLDER` and they meet in that folder (`Place`). This process
holds a lock on `server.lock` for as long as it lives, so whether it runs is a question to the kernel: no stale
process id, no reused one and no stranger on the port can pass for it.

ministack saves its state on a clean stop only. Here it is also saved within seconds of a change, so that a crash or a
power cut costs those seconds and not everything since the last stop.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import shutil
import signal
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from items_api.local.guard import Guarded, Saver
from items_api.local.place import ACCOUNT, HOST, PORT_TAKEN, STARTING, Place, read_json, write_json

if TYPE_CHECKING:
    from collections.abc import Iterable

SERVICES = "apigateway,dynamodb,iam,lambda,logs,monitoring,sts,tagging"
# What a stack is made of: per service, the store in ministack's state that holds it.
STORES = {
    "apigateway": "apis",
    "cloudwatch_logs": "log_groups",
    "dynamodb": "tables",
    "iam": "roles",
    "lambda": "functions",
}
USUAL_PORTS = range(4566, 4600)  # 4566 is where AWS emulators live; a fixed range stays clear of outgoing connections


def answers(port: int) -> bool:
    """Whether anybody serves this port on loopback. `*.localhost` may mean IPv6, so both are asked."""
    for family, host in ((socket.AF_INET, HOST), (socket.AF_INET6, "::1")):
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                probe.settimeout(1)
                probe.connect((host, port))
                return True
        except OSError:
            continue
    return False


def listen(ports: Iterable[int]) -> socket.socket | None:
    """The first of the ports that is free, already listening: nobody can take it before the server is up."""
    for port in ports:
        if port and answers(port):
            continue
        server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind((HOST, port))
            server.listen()
        except OSError:
            server.close()
            continue
        return server
    return None


def serve(place: Place, listener: socket.socket) -> None:
    """Runs until SIGTERM or SIGINT; ministack saves its state before this returns."""
    # ministack reads its settings from the environment at import.
    from hypercorn.asyncio import serve as run_server  # noqa: PLC0415
    from hypercorn.config import Config  # noqa: PLC0415
    from ministack import app as ministack  # type: ignore[import-untyped]  # noqa: PLC0415
    from ministack.core.persistence import save_state  # type: ignore[import-untyped]  # noqa: PLC0415

    def announce(phase: str) -> None:
        write_json(place.process, {"pid": os.getpid(), "phase": phase})

    async def save() -> None:
        for service, state_of in ministack._build_persistence_save_dict().items():  # noqa: SLF001 - no public way
            state = state_of()  # a copy, so writing it may take its time beside the requests
            if state is not None and place.lock.exists():
                await asyncio.to_thread(save_state, service, state)

    def is_empty() -> bool:
        states = ministack._build_persistence_save_dict()  # noqa: SLF001 - no public way
        return not any(states[service]()[store].to_dict() for service, store in STORES.items() if service in states)

    async def until_stopped() -> None:
        stop = asyncio.Event()
        for end in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(end, stop.set)
        while place.lock.exists():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), timeout=2)
                return
        # Somebody deleted the folder: nobody can find this server any more, and there is nothing to save to.
        os.killpg(0, signal.SIGKILL)

    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.graceful_timeout = 1.0  # idle keep-alive connections are all that is left by then
    config.loglevel = "WARNING"

    async def run() -> None:
        guarded = Guarded(ministack.app, os.environ["AWS_ACCESS_KEY_ID"], Saver(save), announce, is_empty)
        await run_server(guarded, config, shutdown_trigger=until_stopped)  # type: ignore[arg-type]

    announce(STARTING)
    asyncio.run(run())
    place.process.unlink()


def configure(place: Place, port: int, access_key: str, secret_key: str) -> None:
    """The whole configuration of ministack, in this process's environment."""
    os.environ.pop("PYTHONPATH", None)  # it found this module; the functions that ministack runs shall not have it
    os.environ.update(
        ACCOUNT_ENVIRONMENT
        | {
            "GATEWAY_PORT": str(port),
            "AWS_ACCESS_KEY_ID": access_key,
            "AWS_SECRET_ACCESS_KEY": secret_key,
            "STATE_DIR": str(place.state),
            "TMPDIR": str(place.scratch),
        }
    )


ACCOUNT_ENVIRONMENT = {
    "AUTH": "true",  # signatures are verified and IAM policies enforced
    "MINISTACK_ACCOUNT_ID": ACCOUNT,
    "MINISTACK_HOST": "localhost",
    "BIND_HOST": HOST,
    "SERVICES": SERVICES,
    "PERSIST_STATE": "1",
    "LOG_LEVEL": "WARNING",
    # Listeners and helpers that this needs none of; the Docker one would remove containers that are not ours.
    "IOT_MTLS_ENABLED": "0",
    "SFTP_ENABLED": "0",
    "DOCKER_HOST": "unix:///nonexistent",
    # Inherited by the functions: nothing of the user's own AWS set-up, no instance metadata, no proxy.
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
    "NO_PROXY": "*",
}


def hold(place: Place) -> int | None:
    """Locks the place for this process's life; None if another server has it."""
    lock = os.open(place.lock, os.O_RDWR | os.O_CREAT, 0o600)
    for _ in range(50):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.02)  # a command that looks whether a server runs holds it for an instant
        else:
            return lock
    os.close(lock)
    return None


def main() -> int:
    place = Place(Path(sys.argv[1]))
    os.umask(0o077)
    if hold(place) is None:
        return 0  # another one runs, and that is all that was asked for
    settings = read_json(place.settings) or {}
    kept = settings.get("port")
    listener = listen([kept] if kept is not None else [*USUAL_PORTS, 0])
    if listener is None:
        return PORT_TAKEN
    port = listener.getsockname()[1]
    write_json(place.settings, settings | {"port": port})
    # The caller waits for this process to end and leaves no zombie; its child, an orphan, is the server.
    if os.fork():
        return 0
    os.setsid()  # out of reach of the terminal's Ctrl-C, in a process group of its own
    shutil.rmtree(place.scratch, ignore_errors=True)
    place.scratch.mkdir()
    configure(place, port, settings["access_key"], settings["secret_key"])
    serve(place, listener)
    # No function outlives the server: they are all that is left of its process group.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.killpg(0, signal.SIGTERM)
    shutil.rmtree(place.scratch, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
