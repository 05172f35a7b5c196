"""An error from AWS becomes a problem that says what failed, why, and what to do next."""

import gc
import weakref
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from botocore import exceptions as boto
from botocore.parsers import ResponseParserError

from items_api.aws.errors import AwsError, ServiceError, tolerate
from items_api.aws.translate import translated, translating
from items_api.errors import AccessDenied, AwsRefused, AwsUnreachable, NoCredentials, Problem
from tests.aws.test_client import client_error

DENIED = "User: arn:aws:iam::123456789012:user/dev is not authorized to perform: iam:CreateRole on resource: arn:aws:iam::123456789012:role/items-api-role because no identity-based policy allows the iam:CreateRole action"


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (client_error("AccessDenied", DENIED, 403), AccessDenied, "needs iam:CreateRole"),
        (client_error("AccessDeniedException", "no", 403), AccessDenied, "needs CreateRole"),
        (
            client_error("ExpiredToken", "The security token included in the request is expired"),
            NoCredentials,
            "expired",
        ),
        (
            client_error("InvalidClientTokenId", "The security token included in the request is invalid."),
            NoCredentials,
            "aws sts get-caller-identity",
        ),
        (
            client_error(
                "SignatureDoesNotMatch",
                "Signature expired: 20261123T100000Z is now earlier than 20261123T101500Z (20261123T103000Z - 15 min.)",
                403,
            ),
            NoCredentials,
            "clock",
        ),
        (
            client_error(
                "SignatureDoesNotMatch", "Signature not yet current: 20261123T104500Z is still later than", 403
            ),
            NoCredentials,
            "clock",
        ),
        (
            client_error("InvalidSignatureException", "The request signature we calculated does not match", 403),
            NoCredentials,
            "rejected your credentials",
        ),
        (client_error("Throttling", "Rate exceeded"), AwsRefused, "Wait a minute"),
        (client_error("LimitExceeded", "Cannot exceed quota for RolesPerAccount: 1000", 409), AwsRefused, "quota"),
        (
            client_error(
                "ValidationException",
                "Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first.",
            ),
            AwsRefused,
            "items-api up --no-protect",
        ),
        (client_error("InvalidParameterValueException", "Something"), AwsRefused, "CreateRole: Something"),
        (boto.NoCredentialsError(), NoCredentials, "--local"),
        (boto.ProfileNotFound(profile="nope"), NoCredentials, "nope"),
        (boto.SSOTokenLoadError(error_msg="gone"), NoCredentials, "aws sso login"),
        (boto.EndpointConnectionError(endpoint_url="https://iam.amazonaws.com/"), AwsUnreachable, "Check the network"),
        (boto.ReadTimeoutError(endpoint_url="https://iam.amazonaws.com/"), AwsUnreachable, "no response"),
        (boto.SSLError(endpoint_url="https://x", error=OSError("self-signed")), AwsUnreachable, "AWS_CA_BUNDLE"),
        (client_error("", "", 403), AwsUnreachable, "HTTP 403 without an error code"),
        (ResponseParserError("invalid XML received: " + "<html>" * 200), AwsUnreachable, "not from AWS"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_an_error_says_what_failed_why_and_what_to_do(error: Any, kind: type[Problem], said: str) -> None:
    found = translated(error)
    assert found
    problem = found.problem("Could not create the IAM role items-api-role")
    assert type(problem) is kind
    assert problem.what.startswith("Could not create the IAM role items-api-role: ")
    assert said in str(problem)
    assert problem.todo
    assert len(str(problem)) < 900


@pytest.mark.parametrize("error", [boto.ParamValidationError(report="Missing required parameter"), TypeError("x")])
def test_a_bad_request_or_a_bug_of_ours_is_not_translated(error: Exception) -> None:
    assert translated(error) is None


def test_tolerate_accepts_only_the_named_error() -> None:
    absent = ServiceError("NoSuchEntity", "The role with name x cannot be found.", "GetRole", 404)
    with tolerate("NoSuchEntity", text="cannot be found"):
        raise absent
    with pytest.raises(ServiceError), tolerate("NoSuchEntity", text="policy"):
        raise absent
    with pytest.raises(ServiceError), tolerate("EntityAlreadyExists"):
        raise absent


def test_an_error_does_not_keep_what_was_sent_in_memory() -> None:
    class Sent:
        pass

    def call(sent: Sent) -> None:
        raise boto.EndpointConnectionError(endpoint_url=repr(sent))

    gc.disable()
    try:
        sent = Sent()
        is_there = weakref.ref(sent)
        with suppress(AwsError):
            translating(partial(call, sent))
        del sent
        assert is_there() is None
    finally:
        gc.enable()
