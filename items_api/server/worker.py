"""What runs in a worker: the application with its DynamoDB clients, from the start of the process to its end."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
import resource
import signal
import sys
import time
from contextlib import suppress
from multiprocessing.connection import wait
from typing import TYPE_CHECKING

from items_api.aws.errors import AwsError, ServiceError
from items_api.aws.keys import KeyChain
from items_api.aws.session import aws_account, local_account
from items_api.errors import Problem
from items_api.handler.connection import Connection, authority_of
from items_api.handler.dynamodb import Client, RejectedError
from items_api.handler.sigv4 import Signer
from items_api.handler.table import Table
from items_api.server.app import PROBE_ID, App
from items_api.server.dynamodb import Clients, Credentials
from items_api.server.gateway import Gateway
from items_api.server.greenlets import Greenlets
from items_api.server.log import Log
from items_api.server.tokens import Tokens

if TYPE_CHECKING:
    from collections.abc import Callable

    from uvicorn._types import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, Scope

    from items_api.server.service import Service

CHECK_SECONDS = 10.0
# Requests that the handler answers at once. Each has a connection to DynamoDB.
CONCURRENCY = 100
# Looking for garbage takes longer the more connections there are, and requests leave hardly any.
_GARBAGE_OBJECTS = 10_000
_MAX_PAUSE_SECONDS = 30.0
_MANY_FILES = 10_240


def key_chain(service: Service) -> KeyChain:
    """Where the credentials of the service come from. Raises `Problem`."""
    region, endpoint, keys = service.region, service.endpoint, service.keys
    if keys is None:
        return KeyChain(lambda: aws_account(profile=service.profile, region=region, endpoint_url=endpoint))
    return KeyChain(
        lambda: local_account(
            region=region, endpoint_url=endpoint, access_key=keys.access_key, secret_key=keys.secret_key
        )
    )


def check(service: Service) -> None:
    """Read an item, with the credentials that there are now.

    Raises:
        AwsError: there are no credentials, or AWS rejects the call.
        UnavailableError: DynamoDB does not answer.
    """
    endpoint = Connection(service.endpoint)
    signer = Signer(endpoint.authority, service.region, *key_chain(service).current())
    table = Table(service.table, Client(endpoint, signer), service.indexes)
    try:
        table.get(PROBE_ID, time.monotonic() + CHECK_SECONDS)
    except RejectedError as rejected:
        raise ServiceError(rejected.cause, rejected.message, "GetItem") from None
    finally:
        endpoint.close()


def usable_credentials(service: Service) -> Credentials:
    """Wait until there are credentials: someone may just be changing the AWS configuration."""
    last, pause = "", 1.0
    while True:
        try:
            return Credentials(key_chain(service), authority_of(service.endpoint), service.region, _warn)
        except (AwsError, Problem) as error:
            problem = f"A server process is waiting for AWS credentials: {str(error).rstrip('.')}."
        if problem != last:
            _warn(problem)
        last, pause = problem, min(2 * pause, _MAX_PAUSE_SECONDS)
        parent = multiprocessing.parent_process()
        if parent and wait([parent.sentinel], pause):
            sys.exit(1)


def application(service: Service, credentials: Credentials, ready: Callable[[], object]) -> ASGI3Application:
    """The ASGI application of a worker process, which calls `ready` when it has started."""
    greenlets, log = Greenlets(CONCURRENCY), Log(service.log)
    table = Table(service.table, Clients(service.endpoint, credentials, greenlets), service.indexes)
    rules = service.rules
    tokens = Tokens(rules.issuer, rules.audiences, _warn) if rules.issuer else None
    app = App(
        table,
        Gateway(rules, tokens),
        greenlets,
        service.seconds,
        own_hosts_only=service.own_hosts_only,
        log=log.write,
    )

    async def run(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] != "lifespan":
            await app(scope, receive, send)
            return
        await receive()
        app.max_connections = min(app.max_connections, _allow_many_files() * 5 // 8)
        # What exists now stays, so the garbage collector need not look at it again and again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(_GARBAGE_OBJECTS)
        scope["state"]["app"] = app
        credentials.start()
        _end_with_parent()
        fetching = asyncio.create_task(tokens.refresh()) if tokens else None
        await send({"type": "lifespan.startup.complete"})
        ready()
        await receive()
        credentials.stop()
        if fetching:
            fetching.cancel()
        await asyncio.to_thread(log.close)
        await send({"type": "lifespan.shutdown.complete"})

    return run


def _end_with_parent() -> None:
    """Stop when the process that supervises this one has ended without stopping it."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    loop, sentinel = asyncio.get_running_loop(), parent.sentinel

    def stop() -> None:
        loop.remove_reader(sentinel)
        os.kill(os.getpid(), signal.SIGTERM)

    loop.add_reader(sentinel, stop)


def _allow_many_files() -> int:
    """Raise the number of open files to what the system allows. The default is often 1,024 or 256. Returns it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for number in (hard, _MANY_FILES):  # macOS says that there is no limit, and has one
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (number, hard))
            return number if number >= 0 else _MANY_FILES
    return soft


def _warn(text: str) -> None:
    with suppress(OSError):
        os.write(2, f"Warning: {text}\n".encode())
