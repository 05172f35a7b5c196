"""What a worker needs to know about a stack. All of it can be sent to another process."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True)
class Rules:
    """What API Gateway enforces for the stack.

    Attributes:
        origins: those that CORS allows, as API Gateway accepts them: exact ones, `*`, `https://*` and `http://*`.
        methods: that CORS allows.
        headers: that CORS allows in requests.
        exposed: headers of replies that a page can read.
        rate: of the throttle, in requests per second.
        burst: of the throttle, in requests.
        issuer: of the tokens; empty if none is needed.
        audiences: a token is for one of them.
        scopes: by route, those of which a token has one; none if any token is enough.
    """

    origins: Sequence[str] = ("*",)
    methods: Sequence[str] = ()
    headers: Sequence[str] = ()
    exposed: Sequence[str] = ()
    rate: float = 10_000
    burst: float = 5_000
    issuer: str = ""
    audiences: Sequence[str] = ()
    scopes: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Keys:
    """Credentials of the local AWS, which do not expire."""

    access_key: str
    secret_key: str


@dataclass(frozen=True)
class Service:
    """The table, where it is, and the rules of its API.

    Attributes:
        table: its name.
        indexes: the name of the index on each attribute that has one.
        region: of the table.
        endpoint: the URL of DynamoDB.
        profile: in the AWS configuration, which has the credentials.
        keys: of the local AWS, instead of a profile.
        rules: of the API.
        own_hosts_only: refuse requests for other host names than `localhost` and IP addresses.
        seconds: what a request may take, as the function's timeout in Lambda.
        log: the file descriptor that gets a line for each request.
    """

    table: str
    indexes: Mapping[str, str]
    region: str
    endpoint: str
    rules: Rules
    profile: str | None = None
    keys: Keys | None = None
    own_hosts_only: bool = True
    seconds: float = 10.0
    log: int = 1
