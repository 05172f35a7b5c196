"""Requests that create things, and what becomes of a call."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, HTTPClientError

from items_api.provision.policies import trust_policy
from tests.aws import ProcessKilled

ROLE: dict[str, Any] = {"RoleName": "r", "AssumeRolePolicyDocument": json.dumps(trust_policy())}
ROLE_ARN = "arn:aws:iam::123456789012:role/r"
LOGGING = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "logs:*", "Resource": "*"}]})
POLICY: dict[str, Any] = {"RoleName": "r", "PolicyName": "p", "PolicyDocument": LOGGING}
TABLE: dict[str, Any] = {
    "TableName": "Items",
    "KeySchema": [{"AttributeName": "itemId", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "itemId", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}
CODE = {"ZipFile": b"PK\x05\x06" + bytes(18)}  # an empty archive
FUNCTION: dict[str, Any] = {
    "FunctionName": "f",
    "Runtime": "python3.13",
    "Handler": "index.handler",
    "Role": ROLE_ARN,
    "Code": CODE,
}
FUNCTION_ARN = "arn:aws:lambda:us-east-1:123456789012:function:f"
PERMISSION = {
    "FunctionName": "f",
    "StatementId": "apigw",
    "Action": "lambda:InvokeFunction",
    "Principal": "apigateway.amazonaws.com",
}
API: dict[str, Any] = {"Name": "http-api", "ProtocolType": "HTTP"}


def error_of(call: Callable[..., Any], **parameters: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def outcome(call: Callable[..., Any], **parameters: Any) -> str:
    try:
        call(**parameters)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    except (HTTPClientError, ProcessKilled) as error:
        return type(error).__name__
    return "ok"
