"""The handler in most tutorials: `boto3.resource` at module level. Implements only GET /items/{id}."""

import json
import os
from decimal import Decimal
from typing import Any

import boto3

table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])


def number(value: object) -> float:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(value)


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    item = table.get_item(Key={"itemId": event["pathParameters"]["id"]}, ConsistentRead=True).get("Item")
    status, document = (200, item) if item else (404, {"error": "Not found"})
    return {
        "statusCode": status,
        "headers": {"content-type": "application/json"},
        "body": json.dumps(document, default=number),
    }
