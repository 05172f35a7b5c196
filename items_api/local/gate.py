"""What an HTTP API of AWS refuses and ministack does not: wrong signatures, and more requests than the throttle allows.

ministack accepts every signature of the root user, signatures for other services, and any other Authorization header on
a route with IAM authorization. It stores the throttle without enforcing it. Its 401 lacks a header. The bodies here are
those of AWS.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from ministack.core import sigv4  # type: ignore[import-untyped]
from ministack.services import apigateway  # type: ignore[import-untyped]

from items_api.local.asgi import header_values, respond

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from items_api.local.asgi import App, Message, Receive, Send

STAGE = "$default"
_UNAUTHORIZED = 401


@dataclass
class Bucket:
    """The token bucket of one throttle: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-throttling.html."""

    tokens: float
    filled: float

    def take(self, rate: float, burst: float, now: float) -> bool:
        """Whether a request is allowed. The rate is in requests per second."""
        self.tokens = min(burst, self.tokens + (now - self.filled) * rate)
        self.filled = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


class Gate:
    """Stands between an endpoint and ministack.

    Args:
        app: ministack.
        secrets: secret access keys, by access key id, whose signatures ministack does not verify.
        clock: monotonic seconds.
    """

    def __init__(self, app: App, secrets: Mapping[str, str], clock: Callable[[], float] = time.monotonic) -> None:
        self._app = app
        self._secrets = secrets
        self._clock = clock
        self._buckets: dict[str, Bucket] = {}

    async def __call__(self, api_id: str, path: str, scope: Message, receive: Receive, send: Send) -> None:
        """Pass on a request for a path of the API, unless API Gateway would refuse it."""
        if scope["method"] != "OPTIONS" and self._is_throttled(api_id):
            await respond(send, 429, {"message": "Too Many Requests"})
            return
        kind = apigateway.route_authorization_type(api_id, STAGE, scope["method"], path)
        if kind == "AWS_IAM":
            body = await _body(receive)
            if not self._is_signed(api_id, scope, body):
                await respond(send, 403, {"message": "Forbidden"})
                return
            receive = _replaying(body, receive)
        await self._app(scope, receive, _naming_the_scheme(scope, send) if kind == "JWT" else send)

    def _is_throttled(self, api_id: str) -> bool:
        found = apigateway.find_api_scope(api_id)
        stage = apigateway._stages.get_scoped(*found, api_id, {}).get(STAGE, {}) if found else {}  # noqa: SLF001
        limits = stage.get("defaultRouteSettings", {})
        rate, burst = limits.get("throttlingRateLimit"), limits.get("throttlingBurstLimit")
        if rate is None or burst is None:
            return False
        now = self._clock()
        bucket = self._buckets.setdefault(api_id, Bucket(burst, now))
        return not bucket.take(rate, burst, now)

    def _is_signed(self, api_id: str, scope: Message, body: bytes) -> bool:
        """Whether the request has a signature for this service and region; ministack verifies those of other users."""
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        in_query = "authorization" not in headers
        signature = _signature(scope, headers, query)
        account = apigateway.find_api_scope(api_id)
        if signature is None or account is None or signature.region != account[1]:
            return False
        secret = self._secrets.get(signature.access_key_id)
        if secret is None:
            return True
        if _has_expired(signature, query) if in_query else sigv4.request_time_failure(signature):
            return False
        # Clients need not send the hash of the body, and what they send need not be true.
        headers["x-amz-content-sha256"] = hashlib.sha256(body).hexdigest()
        path = scope["raw_path"].decode("ascii")
        return not sigv4.header_signature_failure(
            signature, secret, scope["method"], path, query, headers, body, presigned=in_query
        )


def _signature(
    scope: Message, headers: Mapping[str, str], query: Mapping[str, list[str]]
) -> sigv4.HeaderSignature | None:
    """The request's signature for this service, if it is well-formed."""
    authorization = header_values(scope, b"authorization")
    # Of two headers, ministack would read another one than this gate.
    if len(authorization) > 1 or not all(value.startswith("AWS4-HMAC-SHA256 ") for value in authorization):
        return None
    found = sigv4.parse_header_signature(headers) if authorization else sigv4.parse_query_signature(query)
    if isinstance(found, tuple) or found.service != "execute-api" or not found.signature.isascii():
        return None
    return found


def _has_expired(signature: sigv4.HeaderSignature, query: Mapping[str, list[str]]) -> bool:
    """Whether a signature in the query is too old, or does not say how long it is valid."""
    try:
        return bool(sigv4.presigned_request_is_expired(signature.amz_date, query.get("X-Amz-Expires", [""])[0]))
    except ValueError:
        return True


async def _body(receive: Receive) -> bytes:
    parts, more = [], True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


def _replaying(body: bytes, receive: Receive) -> Receive:
    sent = False

    async def receive_again() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again


def _naming_the_scheme(scope: Message, send: Send) -> Send:
    """Add the header with which API Gateway tells a client without a valid token what it needs."""
    has_token = any(name.lower() == b"authorization" for name, _ in scope["headers"])
    wrong = b'Bearer scope="" error="invalid_token" error_description="the token is invalid"'

    async def send_message(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == _UNAUTHORIZED:
            scheme: Any = (b"www-authenticate", wrong if has_token else b"Bearer")
            message = {**message, "headers": [*message["headers"], scheme]}
        await send(message)

    return send_message
