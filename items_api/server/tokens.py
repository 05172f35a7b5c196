"""Verifies tokens as the JWT authorizer of an HTTP API does.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import jwt

from items_api import oidc
from items_api.errors import InvalidIssuer

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

_ALGORITHMS = ("RS256", "RS384", "RS512")
_REQUIRED = ("exp", "iss")
# `aud` is verified here. API Gateway does not look at the others.
_NOT_VERIFIED = {"verify_aud": False, "verify_sub": False, "verify_jti": False}
# A key that is not known may be a new one. The issuer is asked only once in this time, so that made-up tokens cannot
# make this server call it all the time.
REFRESH_SECONDS = 30.0
# Otherwise, a key that the issuer has removed would be accepted forever.
_KEEP_SECONDS = 2 * 3600.0
_MAX_LENGTH = 10_240


class NoKeysError(Exception):
    """The key of a token is not known, and the issuer could not be asked for it."""


class Tokens:
    """The tokens of one issuer, for some audiences."""

    def __init__(
        self,
        issuer: str,
        audiences: Sequence[str],
        report: Callable[[str], object],
        *,
        fetch: Callable[[str], oidc.Issuer] = oidc.fetch,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`report` gets a sentence when the keys of the issuer cannot be fetched."""
        self._issuer = issuer
        self._audiences = frozenset(audiences)
        self._report = report
        self._fetch = fetch
        self._clock = clock
        self._keys: dict[str, Any] = {}
        self._fetched = self._asked = -_KEEP_SECONDS
        self._has_failed = False
        self._fetching = asyncio.Lock()

    @property
    def has_keys(self) -> bool:
        """Whether there are keys to verify tokens with."""
        return bool(self._keys)

    async def scopes(self, authorization: str) -> Collection[str] | None:
        """The scopes of the token in a header; None if it is not valid.

        Raises:
            NoKeysError: it is unknown whether it is valid.
        """
        scheme, _, rest = authorization.partition(" ")
        token = rest if scheme.lower() == "bearer" else authorization
        if len(token) > _MAX_LENGTH:
            return None
        try:
            key = await self._key(jwt.get_unverified_header(token))
            if key is None:
                return None
            options: Any = {"require": [*_REQUIRED], **_NOT_VERIFIED}
            claims = jwt.decode(token, key, algorithms=_ALGORITHMS, issuer=self._issuer, options=options)
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            return None
        return _scopes(claims) if self._is_for_us(claims) else None

    def _is_for_us(self, claims: dict[str, Any]) -> bool:
        """API Gateway looks at `client_id` only if there is no `aud`."""
        audience = claims.get("aud", claims.get("client_id"))
        given = audience if isinstance(audience, list) else [audience]
        return any(isinstance(one, str) and one in self._audiences for one in given)

    async def _key(self, header: dict[str, Any]) -> Any:
        key_id = header.get("kid")
        if not isinstance(key_id, str) or header.get("alg") not in _ALGORITHMS:
            return None
        if key_id not in self._keys or self._clock() - self._fetched > _KEEP_SECONDS:
            await self.refresh()
        if key_id not in self._keys and self._has_failed:
            raise NoKeysError
        return self._keys.get(key_id)

    async def refresh(self) -> None:
        """Fetch the keys of the issuer, unless that was tried a moment ago. Old ones are kept if that fails."""
        async with self._fetching:
            now = self._clock()
            if now - self._asked < REFRESH_SECONDS:
                return
            self._asked = now
            try:
                found = await asyncio.to_thread(self._fetch, self._issuer)
            except (oidc.Unreachable, InvalidIssuer) as problem:
                self._has_failed = True
                self._report(f"The keys of the issuer {self._issuer} could not be fetched. {problem}")
                return
            self._keys = {}
            for key_id, key in found.keys.items():
                with suppress(jwt.PyJWTError):
                    self._keys[key_id] = jwt.PyJWK(dict(key), _ALGORITHMS[0]).key
            self._fetched, self._has_failed = now, False


def _scopes(claims: dict[str, Any]) -> frozenset[str]:
    scope = claims.get("scope", claims.get("scp", ""))
    values = scope.split() if isinstance(scope, str) else scope if isinstance(scope, list) else []
    return frozenset(value for value in values if isinstance(value, str))
