"""Tokens are verified as API Gateway verifies them, and with the keys that the issuer has now."""

import asyncio
import json
import time
from collections.abc import Collection
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from items_api.server.tokens import NoKeysError, Tokens
from tests import issuers
from tests.issuers import AUDIENCE, Issuer

NOW = int(time.time())


def scopes(tokens: Tokens, authorization: str) -> Collection[str] | None:
    return asyncio.run(tokens.scopes(authorization))


def tokens_of(issuer: Issuer, said: list[str] | None = None, clock: Any = time.monotonic) -> Tokens:
    return Tokens(issuer.url, (AUDIENCE, "other"), (said if said is not None else []).append, clock=clock)


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"aud": ["x", "other"]},
        {"aud": None, "client_id": AUDIENCE},
        {"nbf": NOW - 10},
        {"scope": 5},
        {"scp": {"a": 1}},
        {"sub": 5},
        {"jti": 5},
    ],
)
def test_a_valid_token_is_accepted(issuer: Issuer, claims: dict[str, Any]) -> None:
    assert scopes(tokens_of(issuer), f"Bearer {issuer.token(**claims)}") == frozenset()


@pytest.mark.parametrize("prefix", ["Bearer ", "bearer ", ""])
def test_the_scheme_can_be_left_out(issuer: Issuer, prefix: str) -> None:
    assert scopes(tokens_of(issuer), prefix + issuer.token(scope="a b")) == {"a", "b"}


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": NOW - 1},
        {"exp": None},
        {"exp": "soon"},
        {"nbf": NOW + 100_000},
        {"iat": NOW + 100_000},
        {"iss": "https://other.example"},
        {"iss": None},
        {"aud": "someone"},
        {"aud": None},
        {"aud": "someone", "client_id": AUDIENCE},  # client_id counts only without aud
        {"aud": {"items": 1}},
        {"aud": [5]},
    ],
)
def test_a_token_with_wrong_claims_is_refused(issuer: Issuer, claims: dict[str, Any]) -> None:
    assert scopes(tokens_of(issuer), f"Bearer {issuer.token(**claims)}") is None


def test_a_token_with_a_wrong_signature_is_refused(issuer: Issuer) -> None:
    head, claims, signature = issuer.token().split(".")
    stranger = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    forged = jwt.encode({"iss": issuer.url, "aud": AUDIENCE, "exp": NOW + 100_000}, stranger, "RS256", {"kid": "key-1"})
    secret = jwt.encode({"iss": issuer.url, "aud": AUDIENCE, "exp": NOW + 100_000}, "s" * 64, "HS256", {"kid": "key-1"})
    unsigned = jwt.encode({"iss": issuer.url, "aud": AUDIENCE, "exp": NOW + 100_000}, None, "none", {"kid": "key-1"})  # type: ignore[arg-type]
    changed = f"{head}.{claims}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"
    for token in (forged, secret, unsigned, changed, f"{head}.{claims}.", "a.b.c", "", "ü.ü.ü", "x" * 20_000):
        assert scopes(tokens_of(issuer), f"Bearer {token}") is None


@pytest.mark.parametrize("algorithm", ["RS384", "RS512"])
def test_longer_hashes_are_accepted(issuer: Issuer, algorithm: str) -> None:
    claims = {"iss": issuer.url, "aud": AUDIENCE, "exp": NOW + 100_000}
    assert scopes(tokens_of(issuer), jwt.encode(claims, issuers._KEY, algorithm, {"kid": "key-1"})) == frozenset()


def test_a_token_needs_a_key_id(issuer: Issuer) -> None:
    claims = {"iss": issuer.url, "aud": AUDIENCE, "exp": NOW + 100_000}
    assert scopes(tokens_of(issuer), jwt.encode(claims, issuers._KEY, "RS256")) is None


class Ticking:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_new_key_of_the_issuer_is_found_but_not_looked_for_all_the_time(issuer: Issuer) -> None:
    clock = Ticking()
    tokens = tokens_of(issuer, clock=clock)
    assert scopes(tokens, issuer.token()) is not None
    issuer.key_id = issuer.keys[1]["kid"] = "key-2"
    issuer.answers["/keys"] = (200, json.dumps({"keys": issuer.keys}))
    assert scopes(tokens, issuer.token()) is None  # it was asked a moment ago
    clock.now = 31
    assert scopes(tokens, issuer.token()) is not None


def test_a_key_that_the_issuer_has_removed_is_forgotten(issuer: Issuer) -> None:
    clock = Ticking()
    tokens = tokens_of(issuer, clock=clock)
    token = issuer.token()
    assert scopes(tokens, token) is not None
    issuer.answers["/keys"] = (200, json.dumps({"keys": [{**issuer.keys[1], "kid": "new"}]}))
    clock.now = 2 * 3600 + 1
    assert scopes(tokens, token) is None


def test_while_the_issuer_does_not_answer_the_known_keys_are_used(issuer: Issuer) -> None:
    clock, said = Ticking(), list[str]()
    tokens = tokens_of(issuer, said, clock)
    assert scopes(tokens, issuer.token()) is not None
    issuer.answers.clear()
    clock.now = 3 * 3600
    assert scopes(tokens, issuer.token()) is not None
    assert said[0].startswith(f"The keys of the issuer {issuer.url} could not be fetched. ")


def test_a_token_that_cannot_be_verified_is_not_called_invalid(issuer: Issuer) -> None:
    clock = Ticking()
    tokens = tokens_of(issuer, clock=clock)
    answers = dict(issuer.answers)
    issuer.answers.clear()
    for _ in range(2):
        with pytest.raises(NoKeysError):
            scopes(tokens, issuer.token())
    assert not tokens.has_keys
    issuer.answers.update(answers)
    clock.now = 31
    assert scopes(tokens, issuer.token()) is not None
    assert tokens.has_keys


def test_a_key_that_is_not_valid_does_not_hide_the_others(issuer: Issuer) -> None:
    broken = {"kty": "RSA", "kid": "broken", "n": "!", "e": "AQAB"}
    issuer.answers["/keys"] = (200, json.dumps({"keys": [broken, *issuer.keys]}))
    assert scopes(tokens_of(issuer), issuer.token()) is not None
