"""An OpenID Connect issuer, as API Gateway uses it: its discovery document and its public keys.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html
"""

from __future__ import annotations

import shlex
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from items_api.errors import InvalidIssuer

if TYPE_CHECKING:
    from collections.abc import Mapping

SECONDS = 1.5


@dataclass(frozen=True)
class Issuer:
    """What an issuer publishes. `keys` are its RSA keys by their ids: API Gateway supports no others."""

    name: str
    keys: Mapping[str, Mapping[str, Any]]


class Unreachable(Exception):  # noqa: N818 - the issuer may be reachable from AWS
    """The issuer gave no response, and why, as a sentence."""

    @classmethod
    def late(cls, url: str, seconds: float) -> Self:
        return cls(f"There was no response from {url} within {seconds:g} s.")


def discovery_url(issuer: str) -> str:
    return f"{issuer.rstrip('/')}/.well-known/openid-configuration"


def fetch(issuer: str, seconds: float = SECONDS) -> Issuer:
    """Fetch the discovery document and the keys.

    Raises:
        InvalidIssuer: API Gateway would reject this issuer, or its tokens.
        Unreachable: there was no response within `seconds`.
    """
    results: list[Issuer | Exception] = []

    def work() -> None:
        try:
            results.append(_fetch(issuer, seconds))
        except Exception as error:  # noqa: BLE001 - raised in the caller's thread
            results.append(error)

    # A server that sends a byte now and then would never time out by itself.
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(seconds)
    if not results:
        raise Unreachable.late(discovery_url(issuer), seconds)
    if isinstance(results[0], Exception):
        raise results[0]
    return results[0]


def _fetch(issuer: str, seconds: float) -> Issuer:
    from items_api.oidc.http import check_target, json_at  # noqa: PLC0415 - it takes 20 ms, and only JWT needs it

    url = discovery_url(issuer)
    document = json_at(url, seconds)
    found = document.get("issuer") if isinstance(document, dict) else None
    if not isinstance(found, str):
        raise InvalidIssuer(f"{url} is not a discovery document.", 'It has no "issuer".', "Correct --jwt-issuer.")
    if found != issuer:
        printable = found.isprintable()
        raise InvalidIssuer(
            f"The issuer calls itself {found if printable else repr(found)}, not {issuer}.",
            "Its tokens have this value in iss, and API Gateway compares it to the letter.",
            f"Use --jwt-issuer {shlex.quote(found)}" if printable else "Correct --jwt-issuer.",
        )
    keys_url = document.get("jwks_uri")
    if not isinstance(keys_url, str):
        raise InvalidIssuer(f"{url} names no keys.", 'It has no "jwks_uri".', "Correct --jwt-issuer, or the document.")
    check_target(keys_url, url)
    keys = _rsa_keys(json_at(keys_url, seconds))
    if not keys:
        raise InvalidIssuer(
            f"The issuer {issuer} has no key that API Gateway can use.",
            f"{keys_url} lists no RSA key with a kid. API Gateway supports only RSA (RS256 and the like).",
            "Let the issuer sign with RS256, or use another issuer.",
        )
    return Issuer(issuer, keys)


def _rsa_keys(document: Any) -> dict[str, Mapping[str, Any]]:
    keys = document.get("keys") if isinstance(document, dict) else None
    rsa = [key for key in keys if isinstance(key, dict) and key.get("kty") == "RSA"] if isinstance(keys, list) else []
    return {key["kid"]: key for key in rsa if isinstance(key.get("kid"), str)}
