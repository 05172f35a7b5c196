"""A request that botocore accepts and AWS would refuse as malformed fails the test that sends it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
import pytest
from botocore.awsrequest import AWSRequest
from botocore.httpsession import URLLib3Session

from tests.aws.conformity import RefusedByModel, compiled, violations
from tests.aws.requests import API, FUNCTION, PERMISSION, ROLE, TABLE

if TYPE_CHECKING:
    from tests.aws import Account
    from tests.aws.conformity import Conformity


def found(operation: str, parameters: dict[str, Any]) -> str:
    service, _, name = operation.partition(".")
    return "; ".join(
        violations(parameters, botocore.session.Session().get_service_model(service).operation_model(name))
    )


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("apigatewayv2.CreateApi", API),
        ("dynamodb.CreateTable", TABLE),
        ("iam.CreateRole", ROLE),
        ("lambda.CreateFunction", FUNCTION),
        ("lambda.AddPermission", PERMISSION),
        ("sts.GetCallerIdentity", {}),
    ],
)
def test_a_good_request_has_no_violations(operation: str, parameters: dict[str, Any]) -> None:
    assert found(operation, parameters) == ""


@pytest.mark.parametrize(
    ("operation", "parameters", "violation"),
    [
        ("iam.CreateRole", {"RoleName": "a b"}, r"RoleName = 'a b' does not match [\w+=,.@-]+"),
        ("iam.CreateRole", {"RoleName": "r" * 65}, "is more than 64 long"),
        ("iam.CreateRole", {"Tags": [{"Key": "a"}, {"Key": "bad*", "Value": ""}]}, "Tags[1].Key = 'bad*'"),
        ("iam.CreateRole", {"MaxSessionDuration": 60}, "MaxSessionDuration = 60 is less than 3600"),
        ("dynamodb.CreateTable", {"BillingMode": "FREE"}, "BillingMode = 'FREE' is none of PROVISIONED, PAY_PER"),
        ("dynamodb.CreateTable", {"KeySchema": []}, "KeySchema = [] is less than 1 long"),
        ("lambda.CreateFunction", {"Timeout": 0}, "Timeout = 0 is less than 1"),
        ("lambda.CreateFunction", {"Environment": {"Variables": {"1A": ""}}}, "Environment.Variables (key '1A')"),
        ("lambda.AddPermission", {"SourceArn": "arn:aws:x"}, "SourceArn = 'arn:aws:x' does not match"),
        ("logs.PutRetentionPolicy", {"logGroupName": "a b"}, "logGroupName = 'a b' does not match"),
        ("apigatewayv2.CreateIntegration", {"TimeoutInMillis": 31_000}, "TimeoutInMillis = 31000 is more than 30000"),
    ],
)
def test_a_violation_names_the_nested_field(operation: str, parameters: dict[str, Any], violation: str) -> None:
    assert violation in found(operation, parameters)


@pytest.mark.parametrize("service", ["apigatewayv2", "dynamodb", "iam", "lambda", "logs", "sts"])
def test_every_pattern_of_a_service_compiles(service: str) -> None:
    model = botocore.session.Session().get_service_model(service)
    patterns = {model.shape_for(name).metadata.get("pattern") for name in model.shape_names} - {None}
    assert all(compiled(pattern) for pattern in patterns)


def test_patterns_match_letters_of_every_language() -> None:
    assert compiled(r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*").fullmatch("Größe 大 ٣")
    assert compiled(r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*").fullmatch("🙂")


def test_a_violation_is_raised_and_kept_in_case_the_code_under_test_swallows_it(
    account: Account, conformity: Conformity
) -> None:
    for session in (boto3.Session(), account.session()):
        with pytest.raises(RefusedByModel, match=r"AWS would refuse this iam.GetRole: RoleName = 'a b' does not match"):
            session.client("iam").get_role(RoleName="a b")
        assert len(conformity.take()) == 1


def test_no_request_reaches_aws() -> None:
    request = AWSRequest("GET", "https://sts.us-east-1.amazonaws.com/").prepare()
    with pytest.raises(AssertionError, match=r"tried to reach https://sts.us-east-1"):
        URLLib3Session().send(request)
