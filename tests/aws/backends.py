"""moto's state, by service and region. Only the layers reach into it; tests use boto3."""

from __future__ import annotations

from typing import Any

from moto.apigatewayv2.models import apigatewayv2_backends
from moto.awslambda_simple.models import lambda_simple_backends  # what `use_docker: False` means
from moto.dynamodb.models import dynamodb_backends
from moto.iam.models import iam_backends
from moto.logs.models import logs_backends

from tests.aws.actions import ACCOUNT, partition_of

EVERY: dict[str, Any] = {
    "apigatewayv2": apigatewayv2_backends,
    "dynamodb": dynamodb_backends,
    "iam": iam_backends,
    "lambda": lambda_simple_backends,
    "logs": logs_backends,
}


def backend(service: str, region: str) -> Any:
    return EVERY[service][ACCOUNT][partition_of(region) if service == "iam" else region]


def function(region: str, name_or_arn: str) -> Any:
    """A Lambda function, or None. `name_or_arn` is what a request calls `FunctionName` or `Resource`."""
    name = name_or_arn.rpartition(":")[2]
    return next((f for f in backend("lambda", region).list_functions() if f.function_name == name), None)


def role(arn: str, region: str) -> Any:
    """An IAM role, or None."""
    return next((r for r in backend("iam", region).get_roles() if r.arn == arn), None)
