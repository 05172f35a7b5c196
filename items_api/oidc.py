"""An OpenID Connect issuer, as API Gateway uses it: its discovery document and its public keys.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from items_api.errors import InvalidIssuer

SECONDS = 1.5
_MAX_BYTES = 1_000_000


@dataclass(frozen=True)
class Issuer:
    """What an issuer publishes. `key_ids` are those of its RSA keys: API Gateway supports no others."""

    name: str
    key_ids: frozenset[str]


class Unreachable(Exception):  # noqa: N818 - the issuer may be reachable from AWS
    """The issuer gave no response, and why, as a sentence."""


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
        raise _late(discovery_url(issuer), seconds)
    if isinstance(results[0], Exception):
        raise results[0]
    return results[0]


def _fetch(issuer: str, seconds: float) -> Issuer:
    url = discovery_url(issuer)
    document = _json(url, seconds)
    found = document.get("issuer") if isinstance(document, dict) else None
    if not isinstance(found, str):
        raise InvalidIssuer(f"{url} is not a discovery document.", 'It has no "issuer".', "Correct --jwt-issuer.")
    if found != issuer:
        raise InvalidIssuer(
            f"The issuer calls itself {found}, not {issuer}.",
            "Its tokens have this value in iss, and API Gateway compares it to the letter.",
            f"Use --jwt-issuer {found}",
        )
    keys_url = document.get("jwks_uri")
    if not isinstance(keys_url, str):
        raise InvalidIssuer(
            f"{url} names no keys.", f'Its "jwks_uri" is {keys_url!r}.', "Correct --jwt-issuer, or the document."
        )
    _check_scheme(keys_url, url)
    keys = _json(keys_url, seconds)
    listed = keys.get("keys") if isinstance(keys, dict) else None
    rsa = (key for key in listed or () if isinstance(key, dict) and key.get("kty") == "RSA")
    key_ids = frozenset(key["kid"] for key in rsa if isinstance(key.get("kid"), str))
    if not key_ids:
        raise InvalidIssuer(
            f"The issuer {issuer} has no key that API Gateway can use.",
            f"{keys_url} lists no RSA key with a kid. API Gateway supports only RSA (RS256 and the like).",
            "Let the issuer sign with RS256, or use another issuer.",
        )
    return Issuer(issuer, key_ids)


def _check_scheme(target: str, source: str) -> None:
    """Raise `InvalidIssuer` if `source` leads to a URL that is not https, or on 127.0.0.1 as `source` is itself."""
    parts = urlsplit(target)
    if parts.scheme != "https" and (parts.scheme, parts.hostname, "127.0.0.1") != (
        "http",
        "127.0.0.1",
        urlsplit(source).hostname,
    ):
        raise InvalidIssuer(
            f"{source} leads to {target!r}.", "API Gateway fetches keys only over https.", "Correct --jwt-issuer."
        )


def _late(url: str, seconds: float) -> Unreachable:
    return Unreachable(f"There was no response from {url} within {seconds:g} s.")


def _json(url: str, seconds: float) -> Any:
    """The document at a URL. Redirects are followed."""
    import ssl  # noqa: PLC0415 - with urllib.request, it takes 20 ms to load, and only --auth jwt needs it
    import urllib.error  # noqa: PLC0415
    import urllib.request  # noqa: PLC0415

    # A proxy cannot reach this computer.
    handlers: list[urllib.request.BaseHandler] = []
    if urlsplit(url).hostname == "127.0.0.1":
        handlers.append(urllib.request.ProxyHandler({}))

    class Redirects(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:  # noqa: PLR0917 - urllib's parameters
            try:
                _check_scheme(newurl, url)
            except InvalidIssuer:
                fp.close()
                raise
            return super().redirect_request(req, fp, code, msg, headers, newurl)

    handlers.append(Redirects())
    request = urllib.request.Request(url, headers={"Accept": "application/json"})  # noqa: S310 - see Settings
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=seconds) as response:
            content = response.read(_MAX_BYTES)
    except urllib.error.HTTPError as error:
        error.close()
        raise InvalidIssuer(
            f"{url} returned {error.code}.",
            "API Gateway needs the document at this URL.",
            "Correct --jwt-issuer.",
        ) from None
    except (urllib.error.URLError, OSError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        if isinstance(reason, ssl.SSLCertVerificationError):
            raise InvalidIssuer(
                f"The certificate of {urlsplit(url).netloc} cannot be verified.",
                f"{reason.verify_message}.",
                "API Gateway accepts only certificates of public authorities. Behind a proxy, set SSL_CERT_FILE.",
            ) from None
        if isinstance(reason, TimeoutError):
            raise _late(url, seconds) from None
        raise Unreachable(f"{url} could not be reached: {getattr(reason, 'strerror', None) or reason}.") from None
    try:
        return json.loads(content)
    except ValueError:
        start = content[:40].decode("latin-1").split("\n")[0].strip()
        raise InvalidIssuer(f"{url} is not JSON.", f"It starts with {start!r}.", "Correct --jwt-issuer.") from None
