"""What runs in a worker: the application with its DynamoDB clients, from the start of the process to its end."""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from items_api.aws.errors import ServiceError
from items_api.aws.keys import KeyChain
from items_api.aws.session import aws_account, local_account
from items_api.handler.connection import Connection
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
    from uvicorn._types import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, Scope

    from items_api.server.service import Service

CHECK_SECONDS = 10.0
_PARENT_SECONDS = 1.0


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


def application(service: Service) -> ASGI3Application:
    """The ASGI application of a worker process."""
    endpoint = Connection(service.endpoint)
    credentials = Credentials(key_chain(service), endpoint.authority, service.region, _warn)
    greenlets, log = Greenlets(), Log(service.log)
    table = Table(service.table, Clients(endpoint, credentials, greenlets), service.indexes)
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
        _allow_many_connections()
        # What exists now stays, so the garbage collector need not look at it again and again.
        gc.collect()
        gc.freeze()
        scope["state"]["app"] = app
        credentials.start()
        background = [asyncio.create_task(_end_with(os.getppid()))]
        if tokens:
            background.append(asyncio.create_task(tokens.refresh()))
        await send({"type": "lifespan.startup.complete"})
        await receive()
        credentials.stop()
        log.close()
        for task in background:
            task.cancel()
        await send({"type": "lifespan.shutdown.complete"})

    return run


async def _end_with(parent: int) -> None:
    """Stop when the process that supervises this one has ended without stopping it."""
    while os.getppid() == parent:  # noqa: ASYNC110 - the system tells no one about it
        await asyncio.sleep(_PARENT_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)


def _allow_many_connections() -> None:
    """Raise the number of open files to what the system allows. The default is often 1,024 or 256."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _warn(text: str) -> None:
    with suppress(OSError):
        os.write(2, f"Warning: {text}\n".encode())
