"""Converts botocore's exceptions to `AwsError`. No other module handles them."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, TypeVar

from botocore import exceptions as boto
from botocore.parsers import ResponseParserError

from items_api.aws.errors import SERVER_ERROR, AwsError, NoAnswer, ServiceError
from items_api.errors import AwsUnreachable, NoCredentials, Problem

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

_LOCAL = "Or add --local to run on this computer without an AWS account."
_CHECK_ENDPOINT = "Check --endpoint-url and any proxy between this computer and AWS."
_NOT_FROM_AWS = "the response is not from AWS"
_MAX_CHARACTERS = 300

# What botocore raises without a response from AWS -> (kind of problem, what is wrong, what to do).
_NO_ANSWER: tuple[tuple[tuple[type[Exception], ...], type[Problem], str, str], ...] = (
    (
        (boto.NoCredentialsError, boto.PartialCredentialsError, boto.CredentialRetrievalError),
        NoCredentials,
        "no usable AWS credentials",
        f"Run aws configure, or set AWS_PROFILE or --profile. {_LOCAL}",
    ),
    (
        (boto.SSOError, boto.TokenRetrievalError),
        NoCredentials,
        "you are signed out",
        f"Run aws sso login (with your --profile). {_LOCAL}",
    ),
    (
        (boto.ProfileNotFound,),
        NoCredentials,
        "the profile does not exist",
        f"List your profiles with: aws configure list-profiles. {_LOCAL}",
    ),
    (
        (boto.SSLError,),
        AwsUnreachable,
        "the server's certificate cannot be verified",
        "Behind a company proxy, set AWS_CA_BUNDLE to its certificate. Verification cannot be turned off.",
    ),
    ((ResponseParserError,), AwsUnreachable, _NOT_FROM_AWS, _CHECK_ENDPOINT),
    (
        (boto.HTTPClientError, boto.ConnectionError),
        AwsUnreachable,
        "no response",
        f"Check the network, --region and --endpoint-url, then run the command again. {_LOCAL}",
    ),
    (
        (boto.BotoCoreError,),
        AwsUnreachable,
        "the request could not be sent",
        "Check your AWS configuration (~/.aws/config) and --endpoint-url.",
    ),
)


def translated(error: Exception) -> AwsError | None:
    """The error as an `AwsError`; None if it comes from neither AWS nor the network but is a bug in this tool."""
    if isinstance(error, boto.ClientError):
        found = error.response.get("Error", {})
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if not found.get("Code"):
            return _not_from_aws(f"It is HTTP {status} without an error code.", sent=status >= SERVER_ERROR)
        return ServiceError(str(found.get("Code", "")), str(found.get("Message", "")), error.operation_name, status)
    if isinstance(error, boto.ParamValidationError):
        return None
    for types, kind, reason, todo in _NO_ANSWER:
        if isinstance(error, types):
            lost = isinstance(error, (boto.HTTPClientError, boto.ConnectionError))
            sent = lost and not isinstance(error, boto.SSLError)
            return NoAnswer(kind, reason, _one_line(str(error)), todo, sent=sent)
    if _raised_while_parsing(error):
        return _not_from_aws("It cannot be parsed.", sent=False)
    return None


def translating(call: Callable[[], T]) -> T:
    """The result of the call. Raises `AwsError` instead of botocore's exceptions."""
    try:
        return call()
    except Exception as error:
        known = translated(error)
        if known is None:
            raise
        try:
            raise known from error
        finally:
            # Otherwise, this frame and the error would keep each other in memory, and with them all that is being sent.
            del known


def missing(operation: str, key: str) -> AwsUnreachable:
    """The problem of a response without a field that AWS always sends."""
    return AwsUnreachable(f"The response to {operation} is not from AWS.", f"It has no {key}.", _CHECK_ENDPOINT)


def _not_from_aws(why: str, *, sent: bool) -> NoAnswer:
    return NoAnswer(AwsUnreachable, _NOT_FROM_AWS, why, _CHECK_ENDPOINT, sent=sent)


def _raised_while_parsing(error: Exception) -> bool:
    """Whether botocore failed while it read a response: its parsers call no code of ours."""
    return any(
        frame.f_globals.get("__name__") in ("botocore.parsers", "botocore.handlers")
        for frame, _ in traceback.walk_tb(error.__traceback__)
    )


def _one_line(text: str) -> str:
    """An unexpected response may be a page of HTML; its start is enough."""
    flat = " ".join(text.split())
    return flat if len(flat) <= _MAX_CHARACTERS else f"{flat[:_MAX_CHARACTERS]} …"
