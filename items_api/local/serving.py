"""Runs ministack until it is stopped. Import this after `server.configure`: ministack reads its settings at import."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from typing import TYPE_CHECKING

from hypercorn.asyncio import serve as run_server
from hypercorn.config import Config
from ministack import app as ministack  # type: ignore[import-untyped]
from ministack.core.persistence import save_state  # type: ignore[import-untyped]

from items_api.local.guard import Guard, Saver
from items_api.local.paths import STARTING, Paths, write_json

if TYPE_CHECKING:
    import socket

# For each service of a stack, the store in ministack's state that has its resources.
STORES = {
    "apigateway": "apis",
    "cloudwatch_logs": "log_groups",
    "dynamodb": "tables",
    "iam": "roles",
    "lambda": "functions",
}


def serve(paths: Paths, listener: socket.socket) -> None:
    """Run until SIGTERM or SIGINT. ministack saves its state before this returns."""

    def announce(phase: str) -> None:
        write_json(paths.process, {"pid": os.getpid(), "phase": phase})

    async def save() -> None:
        for service, get_state in ministack._build_persistence_save_dict().items():  # noqa: SLF001 - no public API
            state = get_state()  # a copy, so it can be written while requests are handled
            if state is not None and paths.server_lock.exists():
                await asyncio.to_thread(save_state, service, state)

    async def until_stopped() -> None:
        stop = asyncio.Event()
        for stop_signal in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(stop_signal, stop.set)
        while paths.server_lock.exists():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), timeout=2)
                return
        # The folder was deleted: no command can find this server, and the state cannot be saved.
        os.killpg(0, signal.SIGKILL)

    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.graceful_timeout = 1.0  # only idle keep-alive connections are open by then
    config.loglevel = "WARNING"

    async def run() -> None:
        guard = Guard(ministack.app, os.environ["AWS_ACCESS_KEY_ID"], Saver(save), announce, is_empty)
        await run_server(guard, config, shutdown_trigger=until_stopped)  # type: ignore[arg-type]

    announce(STARTING)
    asyncio.run(run())
    paths.process.unlink()


def is_empty() -> bool:
    states = ministack._build_persistence_save_dict()  # noqa: SLF001 - no public API
    return not any(states[service]()[store].to_dict() for service, store in STORES.items() if service in states)
