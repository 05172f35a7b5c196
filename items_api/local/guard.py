"""ASGI middleware for ministack that rejects unauthorized requests and saves the state after changes."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from ministack.core.router import extract_access_key_id  # type: ignore[import-untyped]

from items_api.local.paths import EMPTY_PATH, READY, STOPPING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    App = Callable[[Message, Receive, Send], Awaitable[None]]

# ministack handles requests with this host or path as calls of an HTTP API instead of calls to AWS.
API_HOST = re.compile(r"[a-f0-9]{8}\.execute-api\.localhost(:\d+)?")
API_PATH = re.compile(r"/_aws/execute-api/[a-f0-9]{8}/")
ADMIN_PATHS = ("/_ministack/", "/_localstack/")


class Saver:
    """Runs `save` soon after each change, but for at most a twentieth of the time."""

    def __init__(self, save: Callable[[], Awaitable[None]]) -> None:
        self._save = save
        self._changed = asyncio.Event()
        self._saving = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Stop after the current save, because ministack's own save on shutdown writes the same files."""
        async with self._saving:
            if self._task:
                self._task.cancel()

    def changed(self) -> None:
        self._changed.set()

    async def _run(self) -> None:
        pause = 1.0
        while True:
            await self._changed.wait()
            await asyncio.sleep(pause)
            async with self._saving:
                self._changed.clear()
                start = time.perf_counter()
                try:
                    await self._save()
                except RuntimeError:
                    self.changed()  # another thread changed the state while it was copied
                pause = max(1.0, 20 * (time.perf_counter() - start))


@dataclass(frozen=True)
class Guard:
    """Restricts ministack to its owner.

    By default, ministack does not verify the signature of the root user, whose access key can be "test" or any account
    id, and its admin API requires no authentication at all. Anyone who can reach the port, such as any web page, could
    create a function and so run code as the user. The guard requires a secret access key for the root user. It also
    allows sessions and IAM users, because ministack verifies their signatures, and calls of HTTP APIs. It blocks the
    admin API. With the secret key, `EMPTY_PATH` returns whether there are any resources, in any region.
    """

    app: App
    access_key: str
    saver: Saver
    announce: Callable[[str], None]
    is_empty: Callable[[], bool]

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close"})
        elif scope["path"] == EMPTY_PATH and (b"authorization", self.access_key.encode()) in scope["headers"]:
            await _respond(send, 204 if self.is_empty() else 409)
        elif scope["path"].startswith(ADMIN_PATHS) or not self._is_allowed(scope):
            # No body: its format would depend on the AWS protocol, and every SDK understands a 403 without one.
            await _respond(send, 403)
        else:
            await self.app(scope, receive, send)
            self.saver.changed()

    def _is_allowed(self, scope: Message) -> bool:
        headers = [(name.lower(), value.decode("latin-1")) for name, value in scope["headers"]]
        authorization = ", ".join(value for name, value in headers if name == b"authorization")
        key = extract_access_key_id({"authorization": authorization}, parse_qs(scope["query_string"].decode("latin-1")))
        if key:
            return bool(key == self.access_key or key.startswith(("ASIA", "AKIA")))
        host = next((value for name, value in headers if name == b"host"), "")
        return bool(API_HOST.fullmatch(host) or API_PATH.match(scope["path"]))

    async def _lifespan(self, scope: Message, receive: Receive, send: Send) -> None:
        async def receive_message() -> Message:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                self.announce(STOPPING)
                await self.saver.stop()
            return message

        async def send_message(message: Message) -> None:
            await send(message)
            if message["type"] == "lifespan.startup.complete":
                self.saver.start()
                self.announce(READY)

        await self.app(scope, receive_message, send_message)


async def _respond(send: Send, status: int) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})
