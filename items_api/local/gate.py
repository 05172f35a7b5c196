"""What an HTTP API of AWS refuses and ministack does not: wrong signatures, and more requests than the throttle allows.

ministack accepts every signature of the root user, signatures for other services, a false hash of the body, and any
other Authorization header on a route with IAM authorization. It stores the throttle without enforcing it. It fails at
tokens whose parts have other types. Its 401 lacks a header, and its 403 has another body. The bodies here are those of
AWS.
"""

from __future__ import annotations

import hashlib
import math
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from ministack.core import sigv4  # type: ignore[import-untyped]
from ministack.core.iam_evaluator import ResolvedCredential, resolve_credential  # type: ignore[import-untyped]
from ministack.services import apigateway  # type: ignore[import-untyped]

from items_api.local.asgi import header_values, respond
from items_api.oidc.token import parts_of
from items_api.throttle import Bucket

if TYPE_CHECKING:
    from collections.abc import Callable

    from items_api.local.asgi import App, Message, Receive, Send

STAGE = "$default"
_UNAUTHORIZED = 401
_DENIED = 403
_FORBIDDEN = {"message": "Forbidden"}


class Gate:
    """Stands between an endpoint and ministack.

    Args:
        app: ministack.
        clock: monotonic seconds.
    """

    def __init__(self, app: App, clock: Callable[[], float] = time.monotonic) -> None:
        self._app = app
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
            if not _is_signed(api_id, scope, body):
                await respond(send, _DENIED, _FORBIDDEN)
                return
            await self._app(scope, _replaying(body, receive), _forbidding(send))
        elif kind == "JWT":
            send = _naming_the_scheme(scope, send)
            if _is_malformed(header_values(scope, b"authorization")):
                await respond(send, _UNAUTHORIZED, {"message": "Unauthorized"})
                return
            await self._app(scope, receive, send)
        else:
            await self._app(scope, receive, send)

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


def _is_signed(api_id: str, scope: Message, body: bytes) -> bool:
    """Whether the request has a header with a valid signature for this service and region.

    ministack accepts no signatures in the URL.
    """
    authorization = header_values(scope, b"authorization")
    # Of several headers, ministack would read another one than this gate.
    if len(authorization) != 1 or not authorization[0].startswith("AWS4-HMAC-SHA256 "):
        return False
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    signature = sigv4.parse_header_signature(headers)
    found = apigateway.find_api_scope(api_id)
    if isinstance(signature, tuple) or found is None or not signature.signature.isascii():
        return False
    if (signature.service, signature.region) != ("execute-api", found[1]) or sigv4.request_time_failure(signature):
        return False
    credential = resolve_credential(signature.access_key_id, found[0], headers.get("x-amz-security-token", ""))
    if not isinstance(credential, ResolvedCredential):
        return False
    # Clients need not send the hash of the body, and what they send need not be true.
    headers["x-amz-content-sha256"] = hashlib.sha256(body).hexdigest()
    path = scope["raw_path"].decode("ascii")
    query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    secret = credential.secret_access_key
    return not sigv4.header_signature_failure(signature, secret, scope["method"], path, query, headers, body)


def _is_malformed(authorization: list[str]) -> bool:
    """Whether ministack would fail at a token, because a part of it has another type."""
    if not authorization:
        return False
    parts = parts_of(authorization[0].rpartition(" ")[2])
    if parts is None or len(authorization) > 1:
        return True
    _, claims = parts
    times = [claims[name] for name in ("exp", "nbf", "iat") if name in claims]
    return not all(type(moment) in (int, float) and math.isfinite(moment) for moment in times)


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


def _forbidding(send: Send) -> Send:
    """Replace the body with which ministack says what the caller's policy does not allow."""
    denied = False

    async def send_message(message: Message) -> None:
        nonlocal denied
        if message["type"] == "http.response.start" and message["status"] == _DENIED:
            denied = any(name.lower() == b"x-amzn-errortype" for name, _ in message["headers"])
            if denied:
                await respond(send, _DENIED, _FORBIDDEN)
        if not denied:
            await send(message)

    return send_message


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
