"""What stands before ministack: who may ask it for what, and when its state is saved."""

from __future__ import annotations

import asyncio
import re
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from items_api.local.place import EMPTY_PATH, READY, STOPPING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    App = Callable[[Message, Receive, Send], Awaitable[None]]

# The two ways to call an HTTP API, exactly as ministack tells them from calls to AWS.
API_HOST = re.compile(r"[a-f0-9]{8}\.execute-api\.localhost(:\d+)?")
API_PATH = re.compile(r"/_aws/execute-api/[a-f0-9]{8}/")
ADMINISTRATION = ("/_ministack/", "/_localstack/")


class Saver:
    """Runs `save` soon after a request, again and again, and spends at most a twentieth of the time on it."""

    def __init__(self, save: Callable[[], Awaitable[None]]) -> None:
        self._save = save
        self._changed = asyncio.Event()
        self._saving = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Ends between two saves: whoever saves next, writes the same files."""
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
                began = time.perf_counter()
                try:
                    await self._save()
                except RuntimeError:
                    self.changed()  # a function's thread changed what was being copied
                pause = max(1.0, 20 * (time.perf_counter() - began))


class Guarded:
    """ministack, for its owner alone.

    It checks no signature of its root caller, whose access key may also be "test" or any account id; its
    administration needs none at all, on any host name. Whoever reaches the port, any web page included, could create
    a function and so run code as the user. Here the root access key is a secret of the folder and no other is accepted;
    sessions and IAM users, whose signatures ministack does verify, pass, and so does whoever calls an HTTP API.
    Nobody reaches the administration; the owner may ask at `EMPTY_PATH` whether anything is left, in any region.
    """

    def __init__(
        self, app: App, access_key: str, saver: Saver, announce: Callable[[str], None], is_empty: Callable[[], bool]
    ) -> None:
        self._app = app
        self._access_key = access_key
        self._saver = saver
        self._announce = announce
        self._is_empty = is_empty

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, self._hear(receive), self._tell(send))
        elif scope["type"] != "http":
            await send({"type": "websocket.close"})
        elif scope["path"] == EMPTY_PATH and (b"authorization", self._access_key.encode()) in scope["headers"]:
            await _answer(send, 204 if self._is_empty() else 409)
        elif scope["path"].startswith(ADMINISTRATION) or not self._welcome(scope):
            # No body: each AWS protocol would want its own, and every SDK reads a bare 403.
            await _answer(send, 403)
        else:
            await self._app(scope, receive, send)
            self._saver.changed()

    def _welcome(self, scope: Message) -> bool:
        # The key as ministack itself will read it.
        from ministack.core.router import extract_access_key_id  # type: ignore[import-untyped]  # noqa: PLC0415

        headers = [(name.lower(), value.decode("latin-1")) for name, value in scope["headers"]]
        authorization = ", ".join(value for name, value in headers if name == b"authorization")
        key = extract_access_key_id({"authorization": authorization}, parse_qs(scope["query_string"].decode("latin-1")))
        if key:
            return bool(key == self._access_key or key.startswith(("ASIA", "AKIA")))
        host = next((value for name, value in headers if name == b"host"), "")
        return bool(API_HOST.fullmatch(host) or API_PATH.match(scope["path"]))

    def _hear(self, receive: Receive) -> Receive:
        async def hear() -> Message:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                self._announce(STOPPING)
                await self._saver.stop()
            return message

        return hear

    def _tell(self, send: Send) -> Send:
        async def tell(message: Message) -> None:
            await send(message)
            if message["type"] == "lifespan.startup.complete":
                self._saver.start()
                self._announce(READY)

        return tell


async def _answer(send: Send, status: int) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})
