"""Requests that set things up, for the tests of the model."""

from __future__ import annotations

import json
from typing import Any

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)
LOGGING = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "logs:*", "Resource": "*"}]})
EMPTY_ZIP = b"PK\x05\x06" + bytes(18)
ROLE = {"RoleName": "r", "AssumeRolePolicyDocument": TRUST}
ROLE_ARN = "arn:aws:iam::123456789012:role/r"
TABLE: dict[str, Any] = {
    "TableName": "Items",
    "KeySchema": [{"AttributeName": "itemId", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "itemId", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}
TABLE_ARN = "arn:aws:dynamodb:us-east-1:123456789012:table/Items"
FUNCTION: dict[str, Any] = {
    "FunctionName": "f",
    "Runtime": "python3.13",
    "Handler": "index.handler",
    "Role": ROLE_ARN,
    "Code": {"ZipFile": EMPTY_ZIP},
}
FUNCTION_ARN = "arn:aws:lambda:us-east-1:123456789012:function:f"
PERMISSION = {
    "FunctionName": "f",
    "StatementId": "apigw",
    "Action": "lambda:InvokeFunction",
    "Principal": "apigateway.amazonaws.com",
    "SourceArn": "arn:aws:execute-api:us-east-1:123456789012:abc/*",
}
API: dict[str, Any] = {"Name": "http-api", "ProtocolType": "HTTP"}
INTEGRATION = {"IntegrationType": "AWS_PROXY", "IntegrationUri": FUNCTION_ARN, "PayloadFormatVersion": "2.0"}
