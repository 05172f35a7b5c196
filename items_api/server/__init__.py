"""Serves the API over HTTP without Lambda and API Gateway: the deployed handler behind uvicorn.

service.py    what a worker needs to know about a stack
run.py        listens, and configures the workers
supervisor.py runs the workers until it is told to stop
worker.py     what runs in a worker
protocol.py   uvicorn's connections, with limits for slow clients
app.py        the ASGI application of a worker
gateway.py    what API Gateway does before it calls the function: CORS, routes, throttle, tokens
tokens.py     verifies tokens with the keys of their issuer
bodies.py     reads bodies, within limits
events.py     requests and replies in the format of an HTTP API
greenlets.py  lets many requests wait at once in one thread, although the handler's code blocks
dynamodb.py   the handler's DynamoDB clients, one for each waiting request
log.py        the log
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

    from items_api.server import run as run
    from items_api.server import worker as worker


def __getattr__(name: str) -> ModuleType:
    """Load a module on first use (PEP 562): uvicorn and others are optional dependencies."""
    if name in ("run", "worker"):
        return importlib.import_module(f"items_api.server.{name}")
    raise AttributeError(name)
