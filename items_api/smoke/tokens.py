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

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


@dataclass(frozen=True)
class Rules:
    """What an API requires of a token; empty if unknown. `read_scope` and `write_scope` are one of many, or none."""

    issuer: str = ""
    audiences: tuple[str, ...] = ()
    read_scopes: tuple[str, ...] = ()
    write_scopes: tuple[str, ...] = ()
    fetch: Callable[[str], oidc.Issuer] = field(default=oidc.fetch, compare=False)


def parts_of(token: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """The header and the claims of a token; None if it is not one."""
    pieces = token.split(".")
    try:
        header, claims = (json.loads(base64.urlsafe_b64decode(p + "=" * (-len(p) % 4))) for p in pieces[:2])
    except ValueError:
        return None
    return (header, claims) if len(pieces) == 3 and isinstance(header, dict) and isinstance(claims, dict) else None  # noqa: PLR2004


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
    expires, begins = claims.get("exp"), claims.get("nbf")
    if isinstance(expires, (int, float)) and expires < now:
        yield f"The token expired at {_text(expires)}."
    if isinstance(begins, (int, float)) and begins > now:
        yield f"The token is not valid before {_text(begins)}."
    if rules.issuer and claims.get("iss") != rules.issuer:
        yield f"The token is of the issuer {claims.get('iss')}, and the API accepts {rules.issuer}."
    named = claims.get("aud", claims.get("client_id"))
    audiences = named if isinstance(named, list) else [named]
    if rules.audiences and not {*map(str, audiences)} & {*rules.audiences}:
        given = ", ".join(map(str, audiences))
        yield f"The token is for the audience {given}, and the API accepts {', '.join(rules.audiences)}."
    yield from _key_reasons(header, rules)
    needed = rules.write_scopes if writes else rules.read_scopes
    scope = claims.get("scope", claims.get("scp", ""))
    granted = scope if isinstance(scope, list) else str(scope).split()
    if needed and not {*needed} & {*granted}:
        yield f"The token lacks the scope {' or '.join(needed)}."


def _key_reasons(header: Mapping[str, Any], rules: Rules) -> Iterator[str]:
    if not rules.issuer:
        return
    try:
        known = rules.fetch(rules.issuer).key_ids
    except (oidc.Unreachable, InvalidIssuer):
        return
    if header.get("kid") not in known:
        yield f"The token's key ({header.get('kid')}) is not among the keys of {rules.issuer}."


def _text(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _encoded(content: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()
