"""JSON documents of an issuer, over https, or http on this computer."""

from __future__ import annotations

import http.client
import json
import re
import ssl
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlsplit

from items_api.errors import InvalidIssuer
from items_api.oidc import Unreachable

_MAX_BYTES = 1_000_000
_HERE = "127.0.0.1"
_TOO_MANY = 429
_SERVER_ERROR = 500


def check_target(target: str, source: str) -> None:
    """Raise `InvalidIssuer` if `source` leads to a URL that is not https, or on 127.0.0.1 as `source` is itself."""
    try:
        parts = urlsplit(target)
        is_url = parts.hostname and parts.port != 0 and "@" not in parts.netloc and re.fullmatch(r"[!-~]+", target)
    except ValueError:
        is_url = False
    if not is_url:
        raise InvalidIssuer(f"{source} leads to {target!r}.", "This is not a valid URL.", "Correct --jwt-issuer.")
    is_here = parts.scheme == "http" and parts.hostname == urlsplit(source).hostname == _HERE
    if parts.scheme != "https" and not is_here:
        raise InvalidIssuer(
            f"{source} leads to {target!r}.", "API Gateway fetches keys only over https.", "Correct --jwt-issuer."
        )


class _Redirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:  # noqa: PLR0917 - urllib's parameters
        try:
            check_target(newurl, req.full_url)
        except InvalidIssuer:
            fp.close()
            raise
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def json_at(url: str, seconds: float) -> Any:
    """The document at a URL. Redirects are followed.

    Raises:
        InvalidIssuer: there is another response.
        Unreachable: there is none.
    """
    # A proxy cannot reach this computer.
    proxies = [urllib.request.ProxyHandler({})] if urlsplit(url).hostname == _HERE else []
    request = urllib.request.Request(url, headers={"Accept": "application/json"})  # noqa: S310 - see Settings
    try:
        with urllib.request.build_opener(*proxies, _Redirects()).open(request, timeout=seconds) as response:
            content = response.read(_MAX_BYTES)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code >= _SERVER_ERROR or error.code == _TOO_MANY:
            raise Unreachable(f"{error.url} returned {error.code}.") from None
        raise InvalidIssuer(
            f"{error.url} returned {error.code}.", "API Gateway needs this document.", "Correct --jwt-issuer."
        ) from None
    except UnicodeError:  # a part of the host name is empty or longer than 63 characters
        raise InvalidIssuer(f"{url} has an invalid host name.", "", "Correct --jwt-issuer.") from None
    except http.client.HTTPException as error:
        raise Unreachable(f"The response from {url} was not complete HTTP ({type(error).__name__}).") from None
    except OSError as error:
        raise _explained(url, seconds, error.reason if isinstance(error, urllib.error.URLError) else error) from None
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        start = content[:40].decode("latin-1").split("\n")[0].strip()
        raise InvalidIssuer(f"{url} is not JSON.", f"It starts with {start!r}.", "Correct --jwt-issuer.") from None


def _explained(url: str, seconds: float, reason: object) -> InvalidIssuer | Unreachable:
    if isinstance(reason, ssl.SSLCertVerificationError):
        return InvalidIssuer(
            f"The certificate of {urlsplit(url).netloc} cannot be verified.",
            f"{reason.verify_message}.",
            "API Gateway accepts only certificates of public authorities. Behind a proxy, set SSL_CERT_FILE.",
        )
    if isinstance(reason, TimeoutError):
        return Unreachable.late(url, seconds)
    return Unreachable(f"{url} could not be reached: {getattr(reason, 'strerror', None) or reason}.")
