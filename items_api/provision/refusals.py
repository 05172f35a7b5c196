"""What an AWS error means to the person at the terminal: what failed, why, and what to do next."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from botocore import exceptions as boto
from botocore.parsers import ResponseParserError

from items_api.errors import AccessDenied, AwsRefused, AwsUnreachable, NoCredentials, Problem
from items_api.provision.answers import THROTTLED, code, message

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError, ClientError

_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "Forbidden", "403"})
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
_BAD_KEYS = frozenset({"InvalidClientTokenId", "UnrecognizedClientException", "AuthFailure", "InvalidAccessKeyId"})
_BAD_SIGNATURE = frozenset({"SignatureDoesNotMatch", "InvalidSignatureException", "RequestTimeTooSkewed"})
_CLOCK = ("Signature expired", "Signature not yet current", "RequestTimeTooSkewed")
_ACTION = re.compile(r"not authorized to perform: ([a-z0-9-]+:[A-Za-z]+)")
_LOCAL = "Or add --local: it runs on this computer and needs no account."


def problem_from(error: ClientError | BotoCoreError | ResponseParserError, what: str) -> Problem:
    """`what` says what was tried, without a full stop: "Could not create the IAM role items-api-role"."""
    if isinstance(error, boto.ClientError):
        return _refused(error, what)
    if isinstance(error, boto.ParamValidationError):
        raise error  # a bug of this tool: it keeps its traceback
    return _without_answer(error, what)


def _refused(error: ClientError, what: str) -> Problem:
    said, text = code(error), message(error)
    operation = error.operation_name
    if said in _DENIED:
        action = _ACTION.search(text)
        needs = action[1] if action else operation
        return AccessDenied(
            f"{what}: {said}.",
            f"AWS refused {operation}: {text}",
            f"Your user or role needs {needs}.",
        )
    if said in _EXPIRED:
        return NoCredentials(
            f"{what}: your credentials have expired.",
            f"{said}: {text}",
            "Sign in again (aws sso login, or your own way).",
        )
    if said in _BAD_SIGNATURE and any(sign in text or sign == said for sign in _CLOCK):
        return NoCredentials(
            f"{what}: AWS finds this computer's clock wrong.",
            f"{said}: {text}",
            "Set the clock (timedatectl set-ntp true, or your system's settings) and run the command again.",
        )
    if said in _BAD_KEYS | _BAD_SIGNATURE:
        return NoCredentials(
            f"{what}: AWS does not accept your credentials.",
            f"{said}: {text}",
            "Check --profile and AWS_* variables with: aws sts get-caller-identity. "
            "In a region that is not enabled for the account, keys are refused in the same way.",
        )
    if said in THROTTLED:
        return AwsRefused(
            f"{what}: AWS still throttles {operation}.", f"{said}: {text}", "Wait a minute, run it again."
        )
    return AwsRefused(f"{what}: {said or 'AWS answered with an error'}.", f"{operation}: {text}", _advice(said, text))


def _advice(said: str, text: str) -> str:
    if "protected against deletion" in text:
        return "Switch it off (aws dynamodb update-table --no-deletion-protection-enabled), then run the command again."
    if "LimitExceeded" in said or said in ("TooManyEntities", "CodeStorageExceededException"):
        return "A quota of the account is used up: delete what is not needed, or ask AWS for a higher one."
    return "Run the command again; it goes on from where it stopped."


# What botocore raises without an answer from AWS -> (type of problem, what is wrong, what to do).
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
        "there is no such profile",
        f"aws configure list-profiles shows the ones there are. {_LOCAL}",
    ),
    (
        (boto.SSLError,),
        AwsUnreachable,
        "the certificate of the other end can not be verified",
        "Behind a company's proxy, point AWS_CA_BUNDLE at its certificate. Checking is never switched off.",
    ),
    (
        (ResponseParserError,),
        AwsUnreachable,
        "the answer is not AWS's",
        "Check --endpoint-url and any proxy between here and AWS.",
    ),
    (
        (boto.HTTPClientError, boto.ConnectionError),
        AwsUnreachable,
        "no answer",
        f"Check the network, --region and --endpoint-url, then run the command again. {_LOCAL}",
    ),
    (
        (Exception,),
        AwsUnreachable,
        "the request could not be made",
        "Check your AWS configuration (~/.aws/config) and --endpoint-url.",
    ),
)


def _without_answer(error: BotoCoreError | ResponseParserError, what: str) -> Problem:
    for types, problem, wrong, todo in _NO_ANSWER:
        if isinstance(error, types):
            return problem(f"{what}: {wrong}.", _one_line(str(error)), todo)
    raise AssertionError  # Exception is in the list


def _one_line(text: str, limit: int = 300) -> str:
    """Garbage may be a page of HTML; a block at the terminal shows its beginning."""
    flat = " ".join(text.split())
    return flat if len(flat) <= limit else f"{flat[:limit]} …"
