"""The indexes of the table, and changes of them."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import boto3

from items_api.provision.outcome import Progress
from items_api.provision.stack import Stack
from items_api.settings import Settings
from tests.aws import Account
from tests.provision.drive import ACCOUNT, new_process

OWNER = Settings(indexes=("owner",))
BOTH = Settings(indexes=("owner", "status"))
STATUS = Settings(indexes=("status",))
NONE = Settings(given=frozenset({"indexes"}))
TABLE_ARN = f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/Items"


def indexes() -> dict[str, str]:
    """The status of each index."""
    table = boto3.client("dynamodb").describe_table(TableName="Items")["Table"]
    return {index["IndexName"]: index["IndexStatus"] for index in table.get("GlobalSecondaryIndexes", [])}


def queryable() -> list[str]:
    """The indexes that the role may query."""
    policy: Any = boto3.client("iam").get_role_policy(RoleName="items-api-role", PolicyName="items-table-access")
    statements = policy["PolicyDocument"]["Statement"]
    arns = [arn for s in statements if s["Action"] == ["dynamodb:Query"] for arn in s["Resource"]]
    return [arn.removeprefix(f"{TABLE_ARN}/index/") for arn in arns]


def index_request(attribute: str, **change: Any) -> dict[str, Any]:
    return {
        "TableName": "Items",
        "AttributeDefinitions": [{"AttributeName": attribute, "AttributeType": "S"}],
        "GlobalSecondaryIndexUpdates": [
            {
                "Create": {
                    "IndexName": f"{attribute}-index",
                    "KeySchema": [{"AttributeName": attribute, "KeyType": "HASH"}],
                    "Projection": {"ProjectionType": "ALL"},
                    **change,
                }
            }
        ],
    }


@contextmanager
def backfilling(account: Account) -> Iterator[tuple[Stack, Iterator[object]]]:
    """A stack whose `up` waits while the index on `owner` is being filled, and the events that follow."""
    stack = new_process(account, settings=OWNER)
    stack.look()
    stack.plan()
    with closing(stack.up()) as events:
        next(event for event in events if isinstance(event, Progress) and "backfilling" in event.waiting)
        yield stack, events


def interrupted_while_backfilling(account: Account) -> None:
    """`up` until the index is being filled."""
    with backfilling(account):
        pass
