"""The port for calls to AWS: rejects unauthorized requests, and notes which ones may have changed the state."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from items_api.local.asgi import access_key_id, header_values, respond

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from items_api.local.asgi import App, Message, Receive, Send
    from items_api.local.paths import Status

ADMIN_PATHS = ("/_ministack/", "/_localstack/")
# The data plane's reads are by far the most frequent requests that change nothing.
READS = re.compile(r"DynamoDB_\d+\.(BatchGetItem|DescribeTable|GetItem|Query|Scan|TransactGetItems)")


@dataclass(frozen=True)
class Guard:
    """Restricts ministack to its owner.

    By default, ministack does not verify the signature of the root user, whose access key can be "test" or any account
    id, and its admin API requires no authentication at all. Anyone who can reach the port, such as any web page, could
    create a function and so run code as the user. The guard requires a secret access key for the root user. It also
    allows sessions and IAM users, because ministack verifies their signatures. It blocks the admin API.

    Attributes:
        app: ministack.
        access_key: of the root user.
        is_allowed: whether a request may be signed with this access key id.
        own_api: what this server itself answers to requests with the access key, by path.
        changed: is called after each request that may have changed the state.
        naming: the `send` for a response to CreateApi.
        loaded: is called when ministack has loaded its state.
    """

    app: App
    access_key: str
    is_allowed: Callable[[str], bool]
    own_api: Mapping[str, Callable[[], Awaitable[Status]]]
    changed: Callable[[], None]
    naming: Callable[[Send], Send]
    loaded: Callable[[], None]

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close"})
        elif scope["path"] in self.own_api and header_values(scope, b"authorization") == [self.access_key]:
            await respond(send, 200, asdict(await self.own_api[scope["path"]]()))
        elif scope["path"].startswith(ADMIN_PATHS) or not self.is_allowed(access_key_id(scope)):
            # No body: its format would depend on the AWS protocol, and every SDK understands a 403 without one.
            await respond(send, 403)
        else:
            creates_api = scope["method"] == "POST" and scope["path"].strip("/") == "v2/apis"
            await self.app(scope, receive, self.naming(send) if creates_api else send)
            if not any(map(READS.fullmatch, header_values(scope, b"x-amz-target"))):
                self.changed()

    async def _lifespan(self, scope: Message, receive: Receive, send: Send) -> None:
        async def send_message(message: Message) -> None:
            if message["type"] == "lifespan.startup.complete":
                self.loaded()
            await send(message)

        await self.app(scope, receive, send_message)
