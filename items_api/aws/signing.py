"""Signs requests to HTTP APIs with Signature Version 4.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-access-control-iam.html
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from items_api.aws.translate import translating
from items_api.errors import NoCredentials

if TYPE_CHECKING:
    import boto3

_SERVICE = "execute-api"
_HEADERS = ("Authorization", "X-Amz-Date", "X-Amz-Security-Token")


@dataclass(frozen=True)
class Signer:
    """Signs with one set of credentials for one region."""

    credentials: Credentials
    region: str

    @classmethod
    def of(cls, session: boto3.Session) -> Self:
        """With the credentials of a session. Raises `NoCredentials`."""
        found = translating(session.get_credentials)
        if found is None:
            raise NoCredentials("There are no AWS credentials to sign requests with.", "", "Run aws configure.")
        frozen: Any = translating(found.get_frozen_credentials)
        return cls(Credentials(frozen.access_key, frozen.secret_key, frozen.token), str(session.region_name))

    @property
    def has_token(self) -> bool:
        """Whether the credentials are temporary."""
        return bool(self.credentials.token)

    def with_wrong_key(self) -> Self:
        """One whose signatures are wrong."""
        return replace(self, credentials=Credentials(self.credentials.access_key, "wrong", self.credentials.token))

    def headers(self, method: str, url: str, body: bytes | None) -> dict[str, str]:
        """The headers that authorize a request. `url` is percent-encoded."""
        request = AWSRequest(method, url, data=body or b"")
        SigV4Auth(self.credentials, _SERVICE, self.region).add_auth(request)
        return {name: str(request.headers[name]) for name in _HEADERS if name in request.headers}
