"""Listens, and runs the workers until it is told to stop."""

from __future__ import annotations

import asyncio
import errno
import socket
from functools import partial
from typing import TYPE_CHECKING

import uvicorn

from items_api.errors import CannotServe
from items_api.server.protocol import MAX_INCOMPLETE_BYTES, Protocol
from items_api.server.supervisor import Supervisor
from items_api.server.worker import application, usable_credentials

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

    from items_api.server.dynamodb import Credentials
    from items_api.server.service import Service

BACKLOG = 2048
# How many connections are accepted before the first of them is looked at: asyncio takes as many as its backlog has.
_ACCEPTED_AT_ONCE = 16
# Longer than the idle timeout of load balancers (AWS: 60 s), so that they never use a connection that is being closed.
KEEP_ALIVE_SECONDS = 75
# What a request may take: 30 s for its body and 28 s for the handler.
STOP_SECONDS = 60


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens on this address. Raises `CannotServe`."""
    what = f"Cannot listen on {host}:{port}."
    try:
        return _listening(host, port)
    except socket.gaierror as error:
        raise CannotServe(what, f"{error.strerror}.", "Correct --host.") from None
    except UnicodeError:
        raise CannotServe(what, "This is not a valid host name.", "Correct --host.") from None
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


def serve(
    service: Service,
    listener: socket.socket,
    workers: int,
    started: Callable[[], None],
    warn: Callable[[str], object],
) -> bool:
    """Serve until SIGTERM or Ctrl-C, and finish the requests that are running. SIGHUP replaces the workers.

    Args:
        service: what is served.
        listener: where.
        workers: how many processes.
        started: is called when all workers are ready.
        warn: gets a sentence about a worker that does not start.

    Returns whether it was Ctrl-C. Raises `CannotServe` if the workers cannot start.
    """
    return Supervisor(_work, (service, listener), listener, warn).run(workers, started)


def _work(service: Service, listener: socket.socket, ready: Connection) -> None:
    credentials = usable_credentials(service)
    Server(configuration(service, credentials, lambda: ready.send("ready"))).run([listener])


class Server(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listener in sockets or []:
            listener.listen(BACKLOG)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Replies from now on tell the client to close its connection."""
        self.lifespan.state["app"].draining = True
        aborting = asyncio.get_running_loop().call_later(STOP_SECONDS - 1, self._abort)
        await super().shutdown(sockets)
        aborting.cancel()

    def _abort(self) -> None:
        """Clients that are still reading a reply have had enough time. uvicorn would cancel it, with a trace."""
        for connection in [*self.server_state.connections]:
            connection.transport.abort()


def configuration(service: Service, credentials: Credentials, ready: Callable[[], object]) -> uvicorn.Config:
    return uvicorn.Config(
        partial(application, service, credentials, ready),
        factory=True,
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
        backlog=_ACCEPTED_AT_ONCE,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
        h11_max_incomplete_event_size=MAX_INCOMPLETE_BYTES,
    )
