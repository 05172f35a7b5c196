"""Listens, and runs the workers until it is told to stop."""

from __future__ import annotations

import errno
import socket
from functools import partial
from typing import TYPE_CHECKING

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from items_api.errors import CannotServe
from items_api.server.protocol import MAX_INCOMPLETE_BYTES, Protocol
from items_api.server.worker import application

if TYPE_CHECKING:
    from collections.abc import Callable

    from items_api.server.service import Service

BACKLOG = 2048
# Longer than the idle timeout of load balancers (AWS: 60 s), so that they never use a connection that is being closed.
KEEP_ALIVE_SECONDS = 75
# What a request may take: 30 s for its body and 28 s for the handler.
STOP_SECONDS = 60
START_SECONDS = 30.0


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens on this address. Raises `CannotServe`."""
    what = f"Cannot listen on {host}:{port}."
    try:
        return _listening(host, port)
    except socket.gaierror as error:
        raise CannotServe(what, f"{error.strerror}.", "Correct --host.") from None
    except OSError as error:
        todo = {
            errno.EADDRINUSE: "Another program uses this port. Stop it, or choose another port with --port.",
            errno.EACCES: "Ports below 1024 need privileges. Choose a higher one with --port.",
            errno.EADDRNOTAVAIL: "This computer does not have the address. Use --host 127.0.0.1 for requests from this "
            "computer only, or --host 0.0.0.0 for all of its addresses.",
        }.get(error.errno or 0, "Choose another address with --host and --port.")
        raise CannotServe(what, f"{error.strerror}.", todo) from None


def _listening(host: str, port: int) -> socket.socket:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, address = found[0]
    # asyncio sends small packets without a delay only if the socket knows that its protocol is TCP.
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def serve(service: Service, listener: socket.socket, workers: int, started: Callable[[], None]) -> bool:
    """Serve until SIGTERM or Ctrl-C, and finish the requests that are running. SIGHUP replaces the workers.

    Args:
        service: what is served.
        listener: where.
        workers: how many processes.
        started: is called when all workers are ready.

    Returns whether it was Ctrl-C. Raises `CannotServe` if the workers cannot start.
    """
    supervisor = _Supervisor(configuration(service, workers), [listener], started)
    supervisor.run()
    if any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes):
        raise CannotServe("The workers could not start.", "", "Fix the cause that is shown above.")
    return supervisor.was_interrupted


def configuration(service: Service, workers: int = 1) -> uvicorn.Config:
    return uvicorn.Config(
        partial(application, service),
        factory=True,
        workers=workers,
        http=Protocol,
        ws="none",
        loop="asyncio",
        interface="asgi3",
        lifespan="on",
        log_config=None,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
        h11_max_incomplete_event_size=MAX_INCOMPLETE_BYTES,
    )


class _Supervisor(Multiprocess):
    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket], started: Callable[[], None]) -> None:
        super().__init__(config, sockets)
        self._started = started
        self.was_interrupted = False

    def init_processes(self) -> None:
        super().init_processes()
        if all(process.wait_until_ready(START_SECONDS, self.should_exit) for process in self.processes):
            self._started()

    def terminate_all(self) -> None:
        for listener in self.sockets:
            listener.close()  # new clients are refused at once, instead of waiting for nothing
        super().terminate_all()

    def handle_int(self) -> None:
        self.was_interrupted = True
        super().handle_int()
