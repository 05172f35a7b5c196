"""The lines of a file: a header, one item per line, and a trailer with the number of items and a checksum.

    {"items-api-dump": 1, "format": "plain"}
    {"itemId": "1", "name": "Widget", "price": 12.50}
    {"items-api-dump": 1, "items": 1, "sha256": "…"}

A plain file has the items as the API shows them. A typed one has DynamoDB's JSON, such as {"itemId": {"S": "1"}}, which
also has sets and binary values. The checksum is of everything before the trailer.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import json
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from items_api.handler.item import (
    MAX_BYTES,
    MAX_DEPTH,
    TOO_LARGE,
    ItemError,
    attributes,
    check_indexed,
    check_key,
    number_text,
    parse,
)
from items_api.handler.table import REVISION

if TYPE_CHECKING:
    from collections.abc import Iterable

    Attribute = dict[str, Any]
    Attributes = dict[str, Attribute]

VERSION = 1
# More than the JSON of any item, which has at most 400 KB: up to six characters for each byte, as in \\u0000.
MAX_LINE = 1 << 22
_MARK = "items-api-dump"
NO_TRAILER = "It has a header, but its last line is not a trailer: it was truncated, or lines were added at its end."


class Format(StrEnum):
    PLAIN = "plain"
    TYPED = "typed"


class Trailer(NamedTuple):
    items: int
    sha256: str

    def line(self) -> bytes:
        return _line({_MARK: VERSION, "items": self.items, "sha256": self.sha256})


class Item(NamedTuple):
    """Its ID, and what it is in DynamoDB's JSON."""

    key: str
    text: bytes


class LineError(ValueError):
    """A line is not an item that the table can store. The message is the reason."""


class NotPlainError(ValueError):
    """An item has a value that JSON does not have. The message names the item and the attribute."""


def header(file_format: Format) -> bytes:
    return _line({_MARK: VERSION, "format": file_format})


def read_header(line: bytes) -> Format | None:
    """The format of a file that starts with this line; None if it is not a header.

    Raises:
        LineError: it is a header of another version.
    """
    found = _marked(line)
    if found is None:
        return None
    if found[_MARK] != VERSION or found.get("format") not in list(Format):
        raise LineError(f"it has version {found[_MARK]!r} and format {found.get('format')!r}")
    return Format(found["format"])


def read_trailer(line: bytes) -> Trailer | None:
    """None if the line is not a trailer."""
    found = _marked(line) or {}
    items, sha256 = found.get("items"), found.get("sha256")
    return Trailer(items, sha256) if isinstance(items, int) and isinstance(sha256, str) else None


def _marked(line: bytes) -> dict[str, Any] | None:
    if _MARK.encode() not in line[:200]:
        return None
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and _MARK in found and "itemId" not in found else None


def _line(document: object) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode() + b"\n"


def read_item(line: bytes | None, file_format: Format, indexed: Iterable[str]) -> Item:
    """The item in a line.

    Args:
        line: one line, without the line break; None if it is longer than `MAX_LINE`.
        file_format: of the file.
        indexed: the attributes that are string keys of indexes.

    Raises:
        LineError: the line is not an item that the table can store.
    """
    if line is None:
        raise LineError(f"The line is longer than {MAX_LINE:,} bytes")
    try:
        if _marked(line):
            raise LineError("The line is the header or the trailer of another dump")
        if line.count(b",") > MAX_BYTES:  # parsing it would take much time and memory
            raise LineError(TOO_LARGE)
        document = parse(line.decode("utf-8-sig"), "The line")
        if file_format is Format.TYPED:
            item = _exported(document)
            _check_item(item)
            # The revision is of no use in another table.
            is_complete = item is document and REVISION not in item
            item.pop(REVISION, None)
        else:
            item, is_complete = attributes(document), False
            if REVISION in item:
                raise LineError(f"{REVISION} is the name of an attribute that the API itself uses")
        key = _key(item, file_format)
        check_indexed(item, indexed)
        return Item(key, line.removeprefix(codecs.BOM_UTF8) if is_complete else _line(item))
    except UnicodeDecodeError:
        raise LineError("The line is not UTF-8") from None
    except ItemError as error:
        raise LineError(str(error)) from None


def _key(item: Attributes, file_format: Format) -> str:
    if "itemId" not in item:
        hint = ": to load DynamoDB's export to S3, add --typed" if item.keys() == {"Item"} else ""
        raise LineError(f"itemId is missing{hint}")
    if file_format is Format.PLAIN and item["itemId"].get("M", {}).keys() == {"S"}:
        raise LineError("itemId is an object: to load DynamoDB's JSON, add --typed")
    return check_key(item["itemId"].get("S"))


def _exported(document: dict[str, Any]) -> Any:
    """The item in a line of DynamoDB's export to S3, which is an object with the item, or of a typed file.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataExport.Output.html
    """
    return document["Item"] if document.keys() == {"Item"} else document


def _check_item(item: Any) -> None:
    """Check an item in DynamoDB's JSON."""
    try:
        _check_members(item, 1)
    except LineError as error:
        raise LineError(str(error).removeprefix(".").removeprefix(" ")) from None


def _check_members(members: Any, depth: int) -> None:
    if type(members) is not dict:
        raise LineError(" is not an object")
    for name, value in members.items():
        try:
            if not name:
                raise LineError(" has an attribute with an empty name")
            _check_unicode(name)
            _check(value, depth)
        except ValueError as error:
            raise _in(f".{name}", error) from None


def _check_elements(elements: list[Any], depth: int) -> None:
    for number, element in enumerate(elements):
        try:
            _check(element, depth)
        except ValueError as error:
            raise _in(f"[{number}]", error) from None


def _in(place: str, error: ValueError) -> LineError:
    """The error with the path to it in front, which is put together only if there is one."""
    return LineError(f"{place}{error}")


def _check(attribute: Any, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise LineError(f" is nested deeper than {MAX_DEPTH} levels")
    if type(attribute) is not dict or len(attribute) != 1:
        raise LineError(' is not in DynamoDB\'s JSON, such as {"S": "text"}')
    ((kind, value),) = attribute.items()
    if kind in {"S", "N", "B"}:
        _check_scalar(kind, value)
    elif kind == "M":
        _check_members(value, depth + 1)
    elif kind == "L" and type(value) is list:
        _check_elements(value, depth + 1)
    elif kind in {"SS", "NS", "BS"} and type(value) is list and value:
        for element in value:
            _check_scalar(kind[0], element)
    elif not ((kind == "BOOL" and type(value) is bool) or (kind == "NULL" and value is True)):
        raise LineError(f" has no valid value of DynamoDB's type {kind}")


def _check_scalar(kind: str, value: Any) -> None:
    if type(value) is not str:
        raise LineError(f" has no valid value of DynamoDB's type {kind}")
    _check_unicode(value)
    if kind == "N":
        number_text(value, "")
    if kind == "B":
        try:
            base64.b64decode(value.encode("ascii"), validate=True)
        except (UnicodeEncodeError, binascii.Error):
            raise LineError(" is not valid base64") from None


def _check_unicode(text: str) -> None:
    try:
        text.isascii() or text.encode()
    except UnicodeEncodeError:
        raise LineError(" contains an unpaired surrogate, which is not valid Unicode") from None
