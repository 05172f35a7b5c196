"""Runs ministack until it is stopped. Import this after `server.configure`: ministack reads its settings at import."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import time
from typing import TYPE_CHECKING

from ministack import app as ministack  # type: ignore[import-untyped]

from items_api.local.asgi import serve
from items_api.local.corrections import correct_ministack
from items_api.local.endpoints import Endpoints, http_apis
from items_api.local.gate import Gate
from items_api.local.guard import Guard
from items_api.local.paths import LOGS, READY, SAVE_PATH, STARTING, STATUS_PATH, STOPPING, Paths, Status, write_json
from items_api.local.saving import Saver, delete_unused_code
from items_api.local.scanning import scan_quickly

if TYPE_CHECKING:
    import socket

    from items_api.local.saving import States

# For each service of a stack, the variable in ministack's module that has its resources.
STORES = {
    "apigateway": "_apis",
    "cloudwatch_logs": "_log_groups",
    "dynamodb": "_tables",
    "iam": "_roles",
    "lambda_svc": "_functions",
}
SECONDS_BETWEEN_CHECKS = 0.5


class Server:
    """ministack with its ports and its saved state.

    `access_key` is that of the root user, and `lock` is the descriptor of the server lock.
    """

    def __init__(self, paths: Paths, access_key: str, lock: int) -> None:
        self._paths = paths
        self._access_key = access_key
        self._lock = os.fstat(lock)
        self._started = time.time()
        # The log grows with each request, and losing a part of it is no great loss. So that it delays neither requests
        # nor saving the items, it is saved separately and less often.
        self._items = Saver(paths.state, lambda: states(logs=False), self._has_folder, share=1 / 3)
        self._logs = Saver(paths.state, lambda: states(logs=True), self._has_folder, share=1 / 20)
        gate = Gate(ministack.app)
        self._endpoints = Endpoints(gate, self._is_allowed, paths.folder, self._logs.changed)
        self._load_errors = LoadErrors()
        self._saving: list[asyncio.Task[None]] = []

    async def run(self, listener: socket.socket) -> None:
        """Run until SIGTERM or SIGINT, then save."""
        self._announce(STARTING)
        correct_ministack()
        scan_quickly()
        guard = Guard(
            app=ministack.app,
            access_key=self._access_key,
            is_allowed=self._is_allowed,
            own_api={STATUS_PATH: self._status, SAVE_PATH: self._save},
            changed=self._changed,
            naming=self._endpoints.naming,
            loaded=self._loaded,
        )
        await serve(guard, listener, self._until_stopped)
        await self._save()
        self._paths.process.unlink(missing_ok=True)

    def _loaded(self) -> None:
        self._load_errors.exit_if_any()
        ministack.PERSIST_STATE = False  # at the end, this server saves the state, not ministack
        delete_unused_code()
        self._endpoints.update()
        self._saving = [asyncio.create_task(saver.run()) for saver in (self._items, self._logs)]
        self._announce(READY)

    async def _until_stopped(self) -> None:
        stop = asyncio.Event()
        for stop_signal in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(stop_signal, stop.set)
        while self._has_folder():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), timeout=SECONDS_BETWEEN_CHECKS)
                stop.clear()
                if not (await self._save()).save_error:
                    self._announce(STOPPING)
                    await self._endpoints.close()
                    return
        # The folder was deleted: no command can find this server, and the state cannot be saved.
        os.killpg(0, signal.SIGKILL)

    def _has_folder(self) -> bool:
        """Whether the folder still has the lock that this process holds. Another server holds a recreated one."""
        try:
            return os.path.samestat(self._paths.server_lock.stat(), self._lock)
        except FileNotFoundError:
            return False

    def _announce(self, phase: str) -> None:
        write_json(self._paths.process, {"pid": os.getpid(), "phase": phase})

    def _is_allowed(self, key: str) -> bool:
        """Whether a request may be signed with this key. ministack itself checks those of users and sessions."""
        return key == self._access_key or key.startswith(("ASIA", "AKIA"))

    def _changed(self) -> None:
        self._endpoints.update()
        self._items.changed()
        self._logs.changed()

    async def _save(self) -> Status:
        await self._items.save()
        await self._logs.save()
        return await self._status()

    async def _status(self) -> Status:
        modules = {name: sys.modules.get(f"ministack.services.{name}") for name in STORES}  # loaded when first used
        return Status(
            started=self._started,
            resources=sum(len(getattr(module, STORES[name]).to_dict()) for name, module in modules.items() if module),
            apis=[
                {"name": api["name"], "region": region, "endpoint": api["apiEndpoint"], "tags": api["tags"]}
                for (_, region, _), api in http_apis()
            ],
            moved=self._endpoints.moved,
            size=self._items.size + self._logs.size,
            saved=self._items.saved,
            save_interval=self._items.interval,
            log_save_interval=self._logs.interval,
            save_error=self._items.error or self._logs.error,
        )


class LoadErrors(logging.Handler):
    """Records what ministack logs if it cannot load its state. It would continue without, and overwrite it."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self._messages: list[str] = []
        self._loggers = [logging.getLogger(name) for name in ("persistence", "ministack")]
        for logger in self._loggers:
            logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self._messages.append(record.getMessage())

    def exit_if_any(self) -> None:
        for logger in self._loggers:
            logger.removeHandler(self)
        if self._messages:
            os.write(2, f"The saved state cannot be used: {self._messages[0]}\n".encode())
            os._exit(1)


def states(*, logs: bool) -> States:
    """For each service of ministack that has a state, the function that returns it: only logs, or all others."""
    functions = ministack._build_persistence_save_dict().items()  # noqa: SLF001 - no public API
    return {name: get_state for name, get_state in functions if logs == (name == LOGS)}
