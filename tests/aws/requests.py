"""Requests that create things, for the tests of the layers."""

from __future__ import annotations

import json
from typing import Any

from items_api.provision.policies import trust_policy

EMPTY_ZIP = b"PK\x05\x06" + bytes(18)
ROLE: dict[str, Any] = {"RoleName": "r", "AssumeRolePolicyDocument": json.dumps(trust_policy())}
LOGGING = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "logs:*", "Resource": "*"}]})
POLICY: dict[str, Any] = {"RoleName": "r", "PolicyName": "p", "PolicyDocument": LOGGING}
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
    "Role": "arn:aws:iam::123456789012:role/r",
    "Code": {"ZipFile": EMPTY_ZIP},
}
FUNCTION_ARN = "arn:aws:lambda:us-east-1:123456789012:function:f"
PERMISSION: dict[str, Any] = {
    "FunctionName": "f",
    "StatementId": "apigw",
    "Action": "lambda:InvokeFunction",
    "Principal": "apigateway.amazonaws.com",
    "SourceArn": "arn:aws:execute-api:us-east-1:123456789012:abc/*",
}
API: dict[str, Any] = {"Name": "http-api", "ProtocolType": "HTTP"}
INTEGRATION: dict[str, Any] = {
    "IntegrationType": "AWS_PROXY",
    "IntegrationUri": FUNCTION_ARN,
    "PayloadFormatVersion": "2.0",
}
