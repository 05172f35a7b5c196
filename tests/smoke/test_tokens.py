"""Why a token is refused, from its claims, which can be anything."""

import base64
import json
from typing import Any

import pytest

from items_api.errors import InvalidIssuer
from items_api.oidc import Issuer
from items_api.oidc.token import parts_of
from items_api.smoke.tokens import Rules, why_refused

NOW = 1_000_000_000
URL = "https://id.example"
WRONG_SIGNATURE = "The API accepts its claims, so its signature is probably wrong."
GOOD: dict[str, Any] = {"iss": URL, "aud": "items", "exp": NOW + 60, "scope": "items:read"}


def key_1(name: str) -> Issuer:
    return Issuer(name, {"key-1": {}})


RULES = Rules(URL, ("items",), ("items:read",), ("items:write",), key_1)


def token(claims: object, header: object = {"alg": "RS256", "kid": "key-1"}) -> str:
    encoded = (base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in (header, claims))
    return f"{'.'.join(encoded)}.c2ln"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, WRONG_SIGNATURE),
        ({"exp": NOW}, "The token expired at 2001-09-09 01:46:40 UTC."),
        ({"exp": -1e300}, "The token expired at -1e+300 seconds after 1970."),
        ({"exp": float("-inf")}, "The token expired at -inf seconds after 1970."),
        ({"exp": -(10**400)}, f"The token expired at -1{'0' * 98}… seconds after 1970."),
        ({"exp": "tomorrow"}, WRONG_SIGNATURE),
        ({"nbf": NOW + 1}, "The token is not valid before 2001-09-09 01:46:41 UTC."),
        ({"iat": NOW + 1}, "The token says that it was issued at 2001-09-09 01:46:41 UTC, which is in the future."),
        ({"iat": NOW + 1, "aud": "x"}, "The token is for the audience x, and the API accepts items."),
        ({"iss": ["x"]}, f"The token is of the issuer ['x'], and the API accepts {URL}."),
        ({"iss": "x" * 5000}, f"The token is of the issuer {'x' * 100}…, and the API accepts {URL}."),
        ({"aud": ["a", "b"]}, "The token is for the audience a, b, and the API accepts items."),
        ({"aud": [{"a": []}, "items"]}, WRONG_SIGNATURE),
        ({"aud": None}, "The token is for the audience None, and the API accepts items."),
        ({"aud": []}, "The token has no audience (aud), and the API accepts items."),
        ({"scope": [{"a": []}]}, "The token lacks the scope items:read."),
        ({"scope": 7}, "The token lacks the scope items:read."),
        ({"scope": ["items:read"]}, WRONG_SIGNATURE),
    ],
)
def test_the_first_claim_that_the_api_does_not_accept_is_named(changes: dict[str, Any], why: str) -> None:
    assert why_refused(token({**GOOD, **changes}), RULES, writes=False, now=NOW) == why


def test_a_token_without_an_expiry_may_be_refused_for_that() -> None:
    claims = {name: value for name, value in GOOD.items() if name != "exp"}
    assert why_refused(token(claims), RULES, writes=False, now=NOW) == ("The token does not say when it expires (exp).")


@pytest.mark.parametrize(("kid", "shown"), [("other", "other"), (["key-1"], "['key-1']"), (None, "None")])
def test_a_key_that_the_issuer_does_not_publish_is_named(kid: object, shown: str) -> None:
    why = why_refused(token(GOOD, {"alg": "RS256", "kid": kid}), RULES, writes=False, now=NOW)
    assert why == f"The token's key ({shown}) is not among the keys of {URL}."


def test_if_the_keys_cannot_be_fetched_the_key_is_not_the_reason() -> None:
    def fails(_: str) -> Issuer:
        raise InvalidIssuer("no keys")

    rules = Rules(URL, ("items",), (), (), fails)
    why = why_refused(token(GOOD, {"alg": "RS256", "kid": "other"}), rules, writes=False, now=NOW)
    assert why == WRONG_SIGNATURE


@pytest.mark.parametrize("alg", ["HS256", "ES256", "none", None])
def test_an_algorithm_that_api_gateway_does_not_support_is_named(alg: object) -> None:
    why = why_refused(token(GOOD, {"alg": alg, "kid": "key-1"}), RULES, writes=False, now=NOW)
    assert why == f"The token is signed with {alg}, and API Gateway accepts only RS256 and the like."


def test_nothing_is_known_about_a_token_for_an_unknown_api() -> None:
    assert why_refused(token(GOOD), Rules(), writes=False, now=NOW) == ""


@pytest.mark.parametrize("text", ["", "a.b.c", "grün.b.c", token([]), token(GOOD).rpartition(".")[0]])
def test_what_is_no_token_is_recognized(text: str) -> None:
    assert parts_of(text) is None
    assert why_refused(text, RULES, writes=False) == "The token is not a JSON Web Token."


def test_deeply_nested_claims_are_no_token() -> None:
    nested = base64.urlsafe_b64encode(b"[" * 100_000).decode()
    assert parts_of(f"{nested}.{nested}.c2ln") is None
