"""The same with botocore's client, without boto3's resource layer and type conversion."""

import json
import os
from typing import Any

import botocore.session

client: Any = botocore.session.get_session().create_client("dynamodb")


def plain(attribute: dict[str, Any]) -> object:
    ((kind, value),) = attribute.items()
    return float(value) if kind == "N" else value


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    key = {"itemId": {"S": event["pathParameters"]["id"]}}
    item = client.get_item(TableName=os.environ["TABLE_NAME"], Key=key, ConsistentRead=True).get("Item")
    document: dict[str, object] = {"error": "Not found"}
    if item:
        document = {name: plain(attribute) for name, attribute in item.items()}
    return {
        "statusCode": 200 if item else 404,
        "headers": {"content-type": "application/json"},
        "body": json.dumps(document),
    }
