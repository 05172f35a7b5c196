"""Finds free ports on the loopback interface."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import TYPE_CHECKING

from items_api.local.paths import HOST

if TYPE_CHECKING:
    from collections.abc import Iterable


def listen(ports: Iterable[int | None]) -> socket.socket:
    """Listen on the first of these ports that is free, or on any free port."""
    for port in ports:
        if port and not _is_taken(port):
            with suppress(OSError):
                return socket.create_server((HOST, port))
    return socket.create_server((HOST, 0))


def _is_taken(port: int) -> bool:
    """Whether a program listens on this port. macOS would let a second one use it."""
    with suppress(OSError), socket.create_connection((HOST, port), timeout=1):
        return True
    return False
