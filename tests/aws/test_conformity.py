"""A request that botocore accepts and AWS would reject as malformed fails the test that sends it."""

from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSRequest
from botocore.httpsession import URLLib3Session

from tests.aws import Account
from tests.aws.conformity import InvalidRequest, compiled, violations


@pytest.mark.parametrize(
    ("operation", "parameters", "violation"),
    [
        ("iam.create_role", {"RoleName": "a b"}, r"RoleName = 'a b' does not match [\w+=,.@-]+"),
        ("iam.create_role", {"RoleName": "r" * 65}, "is more than 64 long"),
        ("iam.create_role", {"Tags": [{"Key": "a"}, {"Key": "bad*", "Value": ""}]}, "Tags[1].Key = 'bad*'"),
        ("dynamodb.create_table", {"BillingMode": "FREE"}, "BillingMode = 'FREE' is none of PROVISIONED, PAY_PER"),
        ("lambda.create_function", {"Environment": {"Variables": {"1A": ""}}}, "Environment.Variables (key '1A')"),
        ("apigatewayv2.create_integration", {"TimeoutInMillis": 31_000}, "TimeoutInMillis = 31000 is more than 30000"),
    ],
)
def test_a_violation_is_raised_and_kept_in_case_the_code_under_test_swallows_it(
    operation: str, parameters: dict[str, Any], violation: str, account: Account
) -> None:
    service, _, name = operation.partition(".")
    for session in (boto3.Session(), account.session()):
        with pytest.raises(InvalidRequest) as raised:
            getattr(session.client(service), name)(**parameters)  # type: ignore[call-overload]
        assert violation in str(raised.value)
        assert violations == [str(raised.value)]
        violations.clear()


def test_patterns_match_letters_of_every_language() -> None:
    assert compiled(r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*").fullmatch("Größe 大 ٣")
    assert compiled(r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*").fullmatch("🙂")


def test_no_request_reaches_aws() -> None:
    request = AWSRequest("GET", "https://sts.us-east-1.amazonaws.com/").prepare()
    with pytest.raises(AssertionError, match=r"tried to reach https://sts.us-east-1"):
        URLLib3Session().send(request)
