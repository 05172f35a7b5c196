"""AWS Signature Version 4 for DynamoDB requests, which are always a POST to `/`.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hashlib
import hmac
import time

_SERVICE = "dynamodb"


class Signer:
    """Signs requests to one host with one set of credentials. The signing key is derived once per day.

    `host` is the value of the Host header. `token` is the session token of temporary credentials, or empty.
    """

    def __init__(self, host: str, region: str, access_key: str, secret_key: str, token: str = "") -> None:
        self._host = host
        self._region = region
        self._access_key = access_key
        self._secret_key = secret_key
        self._token = token
        self._second = -1
        self._timestamp = ""
        self._day = ""
        self._hash: hmac.HMAC | None = None

    def headers(self, target: str, body: bytes, now: float) -> dict[str, str]:
        """Return the headers of a signed request; the names are lower case and in signing order.

        `target` is the value of X-Amz-Target. `now` is in seconds since the epoch.
        """
        if int(now) != self._second:
            self._second = int(now)
            self._timestamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
        timestamp = self._timestamp
        headers = {"content-type": "application/x-amz-json-1.0", "host": self._host, "x-amz-date": timestamp}
        if self._token:
            headers["x-amz-security-token"] = self._token
        headers["x-amz-target"] = target
        lines = "".join([f"{name}:{value}\n" for name, value in headers.items()])
        signed = ";".join(headers)
        canonical = f"POST\n/\n\n{lines}\n{signed}\n{hashlib.sha256(body).hexdigest()}"
        scope = f"{timestamp[:8]}/{self._region}/{_SERVICE}/aws4_request"
        to_sign = f"AWS4-HMAC-SHA256\n{timestamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        signature = self._keyed(timestamp[:8])
        signature.update(to_sign.encode())
        headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self._access_key}/{scope}, SignedHeaders={signed}, "
            f"Signature={signature.hexdigest()}"
        )
        return headers

    def _keyed(self, day: str) -> hmac.HMAC:
        """The hash with the signing key of a day. Copying it takes less time than keying a new one."""
        if self._hash is None or day != self._day:
            key = f"AWS4{self._secret_key}".encode()
            for scope in (day, self._region, _SERVICE, "aws4_request"):
                key = hmac.digest(key, scope.encode(), "sha256")
            self._day, self._hash = day, hmac.new(key, digestmod="sha256")
        return self._hash.copy()
