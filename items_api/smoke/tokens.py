"""Tokens (RFC 7519) as the checks need them: wrong ones, and why a token is refused. Signatures are not verified."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from items_api import oidc
from items_api.errors import InvalidIssuer
from items_api.oidc.token import parts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


_MAX_SHOWN = 100


@dataclass(frozen=True)
class Rules:
    """What an API requires of a token; empty if unknown. `read_scope` and `write_scope` are one of many, or none."""

    issuer: str = ""
    audiences: tuple[str, ...] = ()
    read_scopes: tuple[str, ...] = ()
    write_scopes: tuple[str, ...] = ()
    fetch: Callable[[str], oidc.Issuer] = field(default=oidc.fetch, compare=False)


def wrong_tokens(token: str) -> Iterator[tuple[str, str]]:
    """How a request is wrong, and its token, which is made from a valid one without the issuer's key."""
    yield "with garbage instead of a token", "garbage"
    if parts := parts_of(token):
        header, claims = parts
        start, _, signature = token.rpartition(".")
        # The last character of a signature has unused bits, so the first one is changed.
        yield "with a changed signature", f"{start}.{'A' if signature[:1] != 'A' else 'B'}{signature[1:]}"
        unknown = {"alg": "RS256", "typ": "JWT", "kid": "items-api-smoke"}
        yield "with a token of an unknown key", f"{_encoded(unknown)}.{_encoded(claims)}.{signature}"
        unsigned = {**header, "alg": "none"}
        yield "with an unsigned token (alg: none)", f"{_encoded(unsigned)}.{_encoded(claims)}."


def why_refused(token: str, rules: Rules, *, writes: bool, now: float | None = None) -> str:
    """Why an API with these rules refuses the token, as a sentence; empty if its claims give no reason."""
    parts = parts_of(token)
    if parts is None:
        return "The token is not a JSON Web Token."
    header, claims = parts
    return next(_reasons(header, claims, rules, writes=writes, now=time.time() if now is None else now), "")


def _reasons(
    header: Mapping[str, Any], claims: Mapping[str, Any], rules: Rules, *, writes: bool, now: float
) -> Iterator[str]:
    """See https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html."""
    expires, begins, issued = (
        moment if isinstance(moment := claims.get(name), (int, float)) else None for name in ("exp", "nbf", "iat")
    )
    if expires is not None and expires <= now:
        yield f"The token expired at {_text(expires)}."
    if begins is not None and begins > now:
        yield f"The token is not valid before {_text(begins)}."
    if rules.issuer and claims.get("iss") != rules.issuer:
        yield f"The token is of the issuer {_shown(claims.get('iss'))}, and the API accepts {rules.issuer}."
    audiences = _texts(claims.get("aud", claims.get("client_id", [])))
    if rules.audiences and not {*audiences} & {*rules.audiences}:
        given = f"is for the audience {_shown(', '.join(audiences))}" if audiences else "has no audience (aud)"
        yield f"The token {given}, and the API accepts {', '.join(rules.audiences)}."
    yield from _key_reasons(header, rules)
    needed = rules.write_scopes if writes else rules.read_scopes
    scope = claims.get("scope", claims.get("scp", ""))
    granted = _texts(scope.split() if isinstance(scope, str) else scope)
    if needed and not {*needed} & {*granted}:
        yield f"The token lacks the scope {' or '.join(needed)}."
    # Last, because the clock of this computer may be slow.
    if issued is not None and issued > now:
        yield f"The token says that it was issued at {_text(issued)}, which is in the future."
    if "exp" not in claims:
        yield "The token does not say when it expires (exp)."
    if rules.issuer:
        yield "The API accepts its claims, so its signature is probably wrong."


def _key_reasons(header: Mapping[str, Any], rules: Rules) -> Iterator[str]:
    if not rules.issuer:
        return
    if not str(header.get("alg")).startswith("RS"):
        yield f"The token is signed with {_shown(header.get('alg'))}, and API Gateway accepts only RS256 and the like."
    try:
        known = rules.fetch(rules.issuer).keys
    except (oidc.Unreachable, InvalidIssuer):
        return
    if str(header.get("kid")) not in known:
        yield f"The token's key ({_shown(header.get('kid'))}) is not among the keys of {rules.issuer}."


def _text(moment: float) -> str:
    try:
        return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (OverflowError, ValueError, OSError):
        return f"{_shown(moment)} seconds after 1970"


def _texts(claim: Any) -> list[str]:
    return [str(value) for value in (claim if isinstance(claim, list) else [claim])]


def _shown(claim: Any) -> str:
    """A claim in a sentence. It can be anything, also very long."""
    text = str(claim)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"


def _encoded(content: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()
