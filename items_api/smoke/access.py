"""How requests to an API are authorized, for the checks and for the curl commands that people copy."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol, Self, TypeAlias
from urllib.parse import urlsplit

from items_api.smoke import tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from items_api.smoke.curl import Request

Headers: TypeAlias = dict[str, str]
_PLAIN = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/"


class Access:
    """Anyone may call the API."""

    # Request headers that CORS must allow in addition.
    cors_headers: ClassVar[frozenset[str]] = frozenset()
    # Shell words for curl. They contain variables, never secrets.
    curl_words: tuple[str, ...] = ()
    # The status with which the API refuses what `wrong` yields.
    refusal: ClassVar[int] = 0
    # Whether `why_refused` cannot change while a new endpoint becomes ready.
    is_final: ClassVar[bool] = False

    def headers(self, request: Request) -> Headers:
        """What authorizes this request."""
        del request
        return {}

    def curl_can_send(self, request: Request) -> bool:
        """Whether curl can authorize this request."""
        del request
        return True

    def wrong(self) -> Iterator[tuple[str, Callable[[Request], Headers]]]:
        """How a request is wrong that the API must refuse ("without a token"), and its headers."""
        yield from ()

    def why_refused(self, *, writes: bool) -> str:
        """Why the API refuses these credentials, as a sentence; empty if that is unknown."""
        del writes
        return "The API requires authorization: add --token, or test the stack instead of --url."


class Signs(Protocol):
    """Like `aws.signing.Signer`."""

    @property
    def region(self) -> str: ...

    @property
    def has_token(self) -> bool: ...

    def with_wrong_key(self) -> Self: ...

    def headers(self, method: str, url: str, body: bytes | None) -> Headers: ...


class Signed(Access):
    """Callers sign with AWS credentials."""

    cors_headers = frozenset({"authorization", "x-amz-date", "x-amz-security-token"})
    refusal = 403

    def __init__(self, signer: Signs) -> None:
        self._signer = signer
        token = ('-H "x-amz-security-token: $AWS_SESSION_TOKEN"',) if signer.has_token else ()
        self.curl_words = (
            f"--aws-sigv4 aws:amz:{signer.region}:execute-api",
            '--user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY"',
            *token,
        )

    def headers(self, request: Request) -> Headers:
        return _signed(self._signer, request)

    def curl_can_send(self, request: Request) -> bool:
        """Unlike AWS, curl signs escaped paths and queries as they are.

        https://github.com/curl/curl/issues/18423
        """
        parts = urlsplit(request.url)
        query = parts.query.split("&")
        return all(char in _PLAIN for char in parts.path) and query == sorted(query)

    def wrong(self) -> Iterator[tuple[str, Callable[[Request], Headers]]]:
        yield "without a signature", lambda _: {}
        yield "with a token instead of a signature", lambda _: {"Authorization": "Bearer garbage"}
        yield "with a changed signature", lambda request: _tampered(_signed(self._signer, request))
        yield "with a signature by another key", lambda request: _signed(self._signer.with_wrong_key(), request)

    def why_refused(self, *, writes: bool) -> str:
        del writes
        return "Your user or role may lack execute-api:Invoke on this API."


class Bearer(Access):
    """Callers send a token."""

    cors_headers = frozenset({"authorization"})
    refusal = 401
    curl_words = ('-H "Authorization: Bearer $ITEMS_API_TOKEN"',)
    is_final = True

    def __init__(self, token: str, rules: tokens.Rules) -> None:
        self._token = token
        self._rules = rules

    def headers(self, request: Request) -> Headers:
        del request
        return _bearer(self._token)

    def wrong(self) -> Iterator[tuple[str, Callable[[Request], Headers]]]:
        yield "without a token", lambda _: {}
        for what, token in tokens.wrong_tokens(self._token):
            yield what, lambda _, token=token: _bearer(token)  # type: ignore[misc]

    def why_refused(self, *, writes: bool) -> str:
        return tokens.why_refused(self._token, self._rules, writes=writes)


def _bearer(token: str) -> Headers:
    return {"Authorization": f"Bearer {token}"}


def _signed(signer: Signs, request: Request) -> Headers:
    return signer.headers(request.method, request.url, None if request.body is None else request.body.encode())


def _tampered(headers: Headers) -> Headers:
    signature = headers["Authorization"]
    return {**headers, "Authorization": signature[:-1] + ("0" if signature[-1] != "0" else "1")}
