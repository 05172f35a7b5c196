"""What botocore lets pass and AWS would refuse does not leave a test unseen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.awsrequest import AWSRequest
from botocore.httpsession import URLLib3Session

from tests.aws_model.conformity import RefusedByModel, compiled, violations
from tests.aws_model.requests import API, FUNCTION, PERMISSION, ROLE, TABLE

if TYPE_CHECKING:
    from tests.aws_model import AwsWorld
    from tests.aws_model.conformity import Conformity

SERVICES = ("apigatewayv2", "dynamodb", "iam", "lambda", "logs", "sts")


def found(service: str, operation: str, parameters: dict[str, Any]) -> str:
    model = boto3.Session()._session.get_service_model(service)
    return "; ".join(violations(parameters, model.operation_model(operation)))


@pytest.mark.parametrize(
    ("service", "operation", "parameters"),
    [
        ("apigatewayv2", "CreateApi", API),
        ("dynamodb", "CreateTable", TABLE),
        ("iam", "CreateRole", ROLE),
        ("lambda", "CreateFunction", FUNCTION),
        ("lambda", "AddPermission", PERMISSION),
        ("sts", "GetCallerIdentity", {}),
    ],
)
def test_a_good_request_has_no_violations(service: str, operation: str, parameters: dict[str, Any]) -> None:
    assert found(service, operation, parameters) == ""


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "complaint"),
    [
        ("iam", "CreateRole", {"RoleName": "a b"}, r"RoleName = 'a b' does not match [\w+=,.@-]+"),
        ("iam", "CreateRole", {"RoleName": "r" * 65}, "is more than 64 long"),
        (
            "iam",
            "CreateRole",
            {"Tags": [{"Key": "a", "Value": "b"}, {"Key": "bad*", "Value": ""}]},
            "Tags[1].Key = 'bad*'",
        ),
        ("iam", "CreateRole", {"MaxSessionDuration": 60}, "MaxSessionDuration = 60 is less than 3600"),
        ("dynamodb", "CreateTable", {"BillingMode": "FREE"}, "BillingMode = 'FREE' is none of PROVISIONED, PAY_PER"),
        ("dynamodb", "CreateTable", {"KeySchema": []}, "KeySchema = [] is less than 1 long"),
        ("lambda", "CreateFunction", {"Timeout": 0}, "Timeout = 0 is less than 1"),
        ("lambda", "CreateFunction", {"Environment": {"Variables": {"1A": ""}}}, "Environment.Variables (key '1A')"),
        ("lambda", "AddPermission", {"SourceArn": "arn:aws:x"}, "SourceArn = 'arn:aws:x' does not match"),
        ("logs", "PutRetentionPolicy", {"logGroupName": "a b"}, "logGroupName = 'a b' does not match"),
        (
            "apigatewayv2",
            "CreateIntegration",
            {"TimeoutInMillis": 31_000},
            "TimeoutInMillis = 31000 is more than 30000",
        ),
    ],
)
def test_a_bad_request_is_named_down_to_the_nested_field(
    service: str, operation: str, parameters: dict[str, Any], complaint: str
) -> None:
    assert complaint in found(service, operation, parameters)


@pytest.mark.parametrize("service", SERVICES)
def test_every_pattern_of_the_services_used_can_be_checked(service: str) -> None:
    model = boto3.Session()._session.get_service_model(service)
    patterns = {model.shape_for(name).metadata.get("pattern") for name in model.shape_names} - {None}
    assert all(compiled(pattern) for pattern in patterns)


def test_letters_of_all_languages_are_letters() -> None:
    assert compiled(r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*").fullmatch("Größe 大 ٣")
    assert compiled(r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*").fullmatch("🙂")


def test_a_bad_request_of_any_client_is_raised_and_kept_for_the_end_of_the_test(conformity: Conformity) -> None:
    """Kept, so that code under test that swallows exceptions can not hide it."""
    with pytest.raises(RefusedByModel, match=r"AWS would refuse this iam.GetRole: RoleName = 'a b' does not match"):
        boto3.client("iam").get_role(RoleName="a b")
    assert len(conformity.take()) == 1
    assert conformity.take() == []


def test_a_bad_request_to_the_model_is_raised_too(aws_world: AwsWorld, conformity: Conformity) -> None:
    with pytest.raises(RefusedByModel):
        aws_world.session().client("iam").get_role(RoleName="a b")
    assert len(conformity.take()) == 1


def test_no_request_reaches_aws() -> None:
    request = AWSRequest("GET", "https://sts.us-east-1.amazonaws.com/").prepare()
    with pytest.raises(AssertionError, match=r"tried to reach https://sts.us-east-1"):
        URLLib3Session().send(request)
