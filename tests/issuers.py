"""An OpenID Connect issuer on this computer, with a key that signs tokens."""

import base64
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.servers import QuietHandler, serving

AUDIENCE = "items"
# One pair for all tests: generating one takes a moment.
_KEY = rsa.generate_private_key(public_exponent=65_537, key_size=2048)


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _number(value: int) -> str:
    return _encoded(value.to_bytes((value.bit_length() + 7) // 8, "big"))


class Issuer:
    """What it serves can be changed: `answers` has the status and the body by path, `redirects` the target."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.key_id = "key-1"
        public = _KEY.public_key().public_numbers()
        self.keys = [
            {"kty": "EC", "crv": "P-256", "kid": "other", "x": "x", "y": "y"},
            {
                "kty": "RSA",
                "use": "sig",
                "alg": "RS256",
                "kid": self.key_id,
                "n": _number(public.n),
                "e": _number(public.e),
            },
        ]
        self.answers: dict[str, tuple[int, str]] = {
            "/.well-known/openid-configuration": (200, json.dumps({"issuer": url, "jwks_uri": f"{url}/keys"})),
            "/keys": (200, json.dumps({"keys": self.keys})),
        }
        self.redirects: dict[str, str] = {}
        self.delay = 0.0

    def token(self, **claims: Any) -> str:
        """A signed token. Claims that are None are left out."""
        now = int(time.time())
        all_claims = {"iss": self.url, "sub": "alice", "aud": AUDIENCE, "iat": now, "exp": now + 600, **claims}
        header = {"alg": "RS256", "typ": "JWT", "kid": self.key_id}
        content = {name: value for name, value in all_claims.items() if value is not None}
        signed = f"{_encoded(json.dumps(header).encode())}.{_encoded(json.dumps(content).encode())}"
        return f"{signed}.{_encoded(_KEY.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


@contextmanager
def issuing() -> Iterator[Issuer]:
    """A running issuer. Each has a port of its own: some clients keep the keys of a URL for hours."""

    class Handler(QuietHandler):
        def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
            time.sleep(issuer.delay)
            target = issuer.redirects.get(self.path)
            status, body = (302, "") if target else issuer.answers.get(self.path, (404, "Not Found"))
            content = body.encode()
            self.send_response(status)
            if target:
                self.send_header("Location", target)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    issuer = Issuer(f"http://127.0.0.1:{server.server_address[1]}")
    with serving(server):
        yield issuer
