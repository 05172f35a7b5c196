"""A table with items on moto, and dumps and loads of it."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import boto3
import pytest

from items_api.aws.client import Aws
from items_api.items import Dump, Format, ItemTable, Load, Loaded, PartReader
from items_api.items.files import open_dump, open_load
from items_api.items.rate import Rate
from items_api.items.source import lines
from items_api.provision.table import create_request
from items_api.settings import Settings
from tests.aws import Account, ProcessSession

Attributes = dict[str, Any]


@pytest.fixture
def account(quick_account: Account) -> Account:
    create_table()
    return quick_account


def create_table(*indexes: str) -> None:
    boto3.client("dynamodb").create_table(**create_request(Settings(indexes=indexes)))


def emptied() -> None:
    boto3.client("dynamodb").delete_table(TableName="Items")
    create_table()


def put(*items: Attributes) -> None:
    client = boto3.client("dynamodb")
    for start in range(0, len(items), 25):
        client.batch_write_item(
            RequestItems={"Items": [{"PutRequest": {"Item": item}} for item in items[start : start + 25]]}
        )


def stored() -> dict[str, Attributes]:
    """Every item by its id."""
    pages = boto3.client("dynamodb").get_paginator("scan").paginate(TableName="Items")
    return {item["itemId"]["S"]: item for page in pages for item in page["Items"]}


def item(count: int, size: int = 10, **others: Attributes) -> Attributes:
    return {"itemId": {"S": f"item-{count}"}, "n": {"N": str(count)}, "text": {"S": "x" * size}, **others}


def typed_items() -> list[Attributes]:
    """Items with a value of every type."""
    every: Attributes = {
        "string": {"S": "ü \u2028 😀"},
        "number": {"N": "12345678901234567890123456789012345678"},
        "small": {"N": "-0.000000000000000000000000000001"},
        "binary": {"B": b"\x00\xff"},
        "strings": {"SS": ["a", "b"]},
        "numbers": {"NS": ["1", "2.5"]},
        "binaries": {"BS": [b"a", b"\xfe"]},
        "list": {"L": [{"BOOL": True}, {"NULL": True}, {"M": {"x": {"S": ""}}}]},
    }
    return [item(number, **every) for number in range(30)]


def item_table(account: Account, session: ProcessSession | None = None) -> ItemTable:
    return ItemTable(Aws(session or account.session(), clock=account.clock), "Items")


def dump(
    table: ItemTable, path: Path, file_format: Format = Format.PLAIN, *, replace: bool = False, fresh: bool = False
) -> int:
    """How many items the file has."""
    found = open_dump(table, path, file_format, replace=replace, fresh=fresh)
    job = Dump(table, found.output, file_format, Rate(table.aws, None))
    with closing(found.output), closing(job.run(found.done)) as events:
        for _ in events:
            pass
    return job.items


def load(table: ItemTable, path: Path, *, only_new: bool = False, rate: float | None = None) -> Loaded:
    found = open_load(table, path, new_only=only_new)
    limit = Rate(table.aws, rate)
    job = Load(table, found.format, limit, found.rejected, found.journal, new_only=only_new, marks=found.marks)
    parts = found.survey.parts
    ends = found.done["ends"] if found.done else [part.start.offset for part in parts]
    if found.done:
        job.done = Loaded(**found.done["counts"])
    readers = [PartReader(lines(found.file, p, end), end) for p, end in zip(parts, ends, strict=True)]
    with closing(found):
        with found.checking(), closing(job.run(readers)) as events:
            for _ in events:
                pass
        found.journal.delete()
    return job.done


def plain(path: Path, *documents: Any) -> Path:
    """A file without header and trailer."""
    path.write_text("".join(f"{json.dumps(document)}\n" for document in documents))
    return path


def numbered(count: int) -> list[dict[str, Any]]:
    return [{"itemId": f"item-{number}", "n": number} for number in range(count)]


def ids_in(path: Path) -> list[str]:
    """The ids of the items in a plain file, in its order."""
    documents = [json.loads(line) for line in path.read_bytes().splitlines()]
    return [document["itemId"] for document in documents if "itemId" in document]
