"""Converts JSON objects to DynamoDB attribute values and back without loss.

Numbers are kept as text and never become a float or an int. Values that DynamoDB cannot store are rejected before
anything is sent, with an error that names the attribute and the reason. The limits are from the DynamoDB developer
guide ("Constraints in Amazon DynamoDB").
"""

from __future__ import annotations

import hashlib
import json
import re
from json.encoder import encode_basestring

TYPE_CHECKING = False  # importing `typing` would slow down every cold start
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, TypeAlias

    #: The path of its object or array, if it is in one, and its name or number in there. A path is put into words only
    #: for an error: that of a deeply nested value can have megabytes.
    Path: TypeAlias = "tuple[Path | None, str | int]"
    #: A value in DynamoDB's JSON format, such as `{"S": "Widget"}`.
    Attribute = dict[str, Any]
    #: An item in DynamoDB's JSON format: attributes by name.
    Attributes = dict[str, Attribute]

MAX_BYTES = 409_600
TOO_LARGE = "The item is larger than 400 KB, including attribute names"
MAX_KEY_BYTES = 2048
MAX_NAME_BYTES = 65_535
MAX_DEPTH = 32
MAX_DIGITS = 38
MAX_MAGNITUDE = 125
MIN_MAGNITUDE = -130
# A longer exponent is always out of range, and parsing a very long one with int() would be slow.
_MAX_EXPONENT_CHARS = 6

# Possessive, because the time for a long text that is not a number would grow with the square of its length.
_NUMBER = re.compile(r"([+-]?)([0-9]*+)\.?([0-9]*+)(?:[eE]([+-]?[0-9]++))?")
_PLAIN = re.compile(r"(?!-0$)-?(?:0|[1-9][0-9]*)(?:\.[0-9]*[1-9])?")


class ItemError(ValueError):
    """DynamoDB cannot store this. The message names the attribute and the reason."""


class Number:
    """The text of a JSON number. It is not a `str`, so that `{"itemId": 1}` differs from `{"itemId": "1"}`."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


def parse(text: str, what: str = "The body") -> dict[str, Any]:
    """Parse a JSON object. Numbers become `Number`. `what` is the text, for errors.

    Raises:
        ItemError: invalid JSON, not an object, too deeply nested, or a duplicate name in an object.
    """
    if text.startswith("\ufeff"):
        raise ItemError(f"{what} is not valid JSON: it starts with a byte order mark")
    try:
        document = _PARSER.decode(text)
    except json.JSONDecodeError as error:
        raise ItemError(f"{what} is not valid JSON: {error}") from None
    except RecursionError:
        raise ItemError(f"{what} is nested deeper than {MAX_DEPTH} levels") from None
    if type(document) is not dict:
        raise ItemError(f"{what} must be a JSON object")
    return document


def attributes(document: dict[str, Any]) -> Attributes:
    """Convert a parsed object to DynamoDB's JSON format.

    Raises:
        ItemError: DynamoDB cannot store a number, name, string or nesting level of the object.
    """
    return _members(document, None, 1)


def check_key(value: object, name: str = "itemId") -> str:
    """Return a valid value of a partition key, a string of 1 to 2,048 bytes in UTF-8; raise ItemError for any other.

    `name` is the key of the table, or of an index.
    """
    why = "" if name == "itemId" else f", because the API has an index on {name}"
    if type(value) is not str:
        raise ItemError(f"{name} must be a string{why}")
    size = len(_utf8(value, name))
    if not size:
        raise ItemError(f"{name} must not be empty{why}")
    if size > MAX_KEY_BYTES:
        raise ItemError(f"{name} is {size} bytes long in UTF-8; the maximum is {MAX_KEY_BYTES}{why}")
    return value


def check_indexed(item: Attributes, names: Iterable[str]) -> Attributes:
    """Return the item if DynamoDB can put it into the indexes on these attributes; raise ItemError if not.

    An item without such an attribute is not in the index.
    """
    for name in names:
        if name in item:
            check_key(item[name].get("S"), name)
    return item


def json_text(item: Attributes) -> str:
    """Convert an item to a JSON object. JSON has no sets or binary values: they become arrays and base64 strings."""
    return "{" + ",".join([f"{encode_basestring(name)}:{_text(value)}" for name, value in item.items()]) + "}"


def merge(item: Attributes, patch: dict[str, Any], path: Path | None = None, depth: int = 1) -> Attributes:
    """Apply a JSON merge patch (RFC 7396), as `parse` returns it. What it does not name keeps its type, sets included.

    Raises:
        ItemError: as `attributes`.
    """
    merged = dict(item)
    for name, value in patch.items():
        member_path = _member_path(name, path)
        if value is None:
            merged.pop(name, None)
        elif type(value) is dict:
            if depth > MAX_DEPTH:
                raise ItemError(f"{_shown(member_path)} is nested deeper than {MAX_DEPTH} levels")
            existing = merged.get(name, {}).get("M", {})
            merged[name] = {"M": merge(existing, value, member_path, depth + 1)}
        else:
            merged[name] = _attribute(value, member_path, depth)
    return merged


def fingerprint(item: Attributes) -> str:
    """A hash of the content, regardless of number formats and the order of attributes and of the elements of sets."""
    text = json.dumps(_comparable({"M": item}), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        seen = set[str]()
        for name, _ in pairs:
            if name in seen:
                raise ItemError(f"A JSON object has the name {json.dumps(name)} more than once")
            seen.add(name)
    return document


_PARSER = json.JSONDecoder(parse_int=Number, parse_float=Number, parse_constant=Number, object_pairs_hook=_object)


def _members(document: dict[str, Any], path: Path | None, depth: int) -> Attributes:
    return {name: _attribute(value, _member_path(name, path), depth) for name, value in document.items()}


def _member_path(name: str, path: Path | None) -> Path:
    """Check the name of a member of the object at this path."""
    member_path = (path, name)
    if not name:
        raise ItemError(f"An attribute name in {_shown(path) or 'the item'} is empty")
    if len(_utf8(name, member_path)) > MAX_NAME_BYTES:
        raise ItemError(f"An attribute name in {_shown(path) or 'the item'} is longer than {MAX_NAME_BYTES} bytes")
    return member_path


def _attribute(value: Any, path: Path, depth: int) -> Attribute:
    if depth > MAX_DEPTH:
        raise ItemError(f"{_shown(path)} is nested deeper than {MAX_DEPTH} levels")
    kind = type(value)
    if kind is str:
        _utf8(value, path)
        return {"S": value}
    if kind is Number:
        return {"N": number_text(value.text, path)}
    if kind is dict:
        return {"M": _members(value, path, depth + 1)}
    if kind is list:
        return {"L": [_attribute(element, (path, i), depth + 1) for i, element in enumerate(value)]}
    return {"NULL": True} if value is None else {"BOOL": value}


def _shown(path: Path | str | None) -> str:
    """A path as errors show it, such as `address.lines[0]`."""
    if type(path) is str:
        return path
    parts: list[str] = []
    while type(path) is tuple:
        path, part = path
        parts.append(f".{part}" if type(part) is str else f"[{part}]")
    return "".join(reversed(parts)).removeprefix(".")


def _utf8(text: str, path: Path | str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise ItemError(f"{_shown(path)} contains an unpaired surrogate, which is not valid Unicode") from None


def number_text(text: str, path: Path | str) -> str:
    """Format a number in the one canonical way: no redundant zeros, and an exponent only beyond 38 places.

    DynamoDB normalizes `1.00` to `1` and `1.5E2` to `150`, and returns `1E+125` as 126 digits
    (github.com/boto/boto3/issues/2500). Normalizing before the write makes the reply to the write match later reads.
    The exponent keeps an item full of such numbers below Lambda's 6 MB limit.
    """
    if len(text) <= MAX_DIGITS and _PLAIN.fullmatch(text):
        return text
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise ItemError(f"{_shown(path)} is {text[:80]}, which is not a JSON number")
    sign, whole, fraction, exponent_text = match.groups(default="")
    significant = (whole + fraction).lstrip("0")
    digits = significant.rstrip("0")
    if not digits:
        return "0"
    if len(digits) > MAX_DIGITS:
        raise ItemError(f"{_shown(path)} has {len(digits)} significant digits; the maximum is {MAX_DIGITS}")
    too_long = len(exponent_text.lstrip("+-0")) > _MAX_EXPONENT_CHARS
    exponent = MAX_MAGNITUDE + 1 if too_long else int(exponent_text or "0")
    exponent += len(significant) - len(digits) - len(fraction)
    magnitude = exponent + len(digits) - 1
    if too_long or not MIN_MAGNITUDE <= magnitude <= MAX_MAGNITUDE:
        raise ItemError(f"{_shown(path)} is outside the range from 1E{MIN_MAGNITUDE} to 9.99E+{MAX_MAGNITUDE}")
    return ("-" if sign == "-" else "") + _format(digits, exponent, magnitude)


def _format(digits: str, exponent: int, magnitude: int) -> str:
    if exponent >= 0 and magnitude < MAX_DIGITS:
        return digits + "0" * exponent
    if -MAX_DIGITS <= exponent < 0:
        padded = digits.zfill(1 - exponent)
        return f"{padded[:exponent]}.{padded[exponent:]}"
    mantissa = f"{digits[0]}.{digits[1:]}" if len(digits) > 1 else digits
    return f"{mantissa}E{magnitude:+d}"


def _comparable(attribute: Attribute) -> Any:
    ((kind, value),) = attribute.items()
    if kind == "M":
        value = {name: _comparable(member) for name, member in value.items()}
    elif kind == "L":
        value = [_comparable(element) for element in value]
    elif kind == "N":
        value = number_text(value, "number")
    elif kind == "NS":
        value = sorted([number_text(element, "number") for element in value])
    elif kind in {"SS", "BS"}:
        value = sorted(value)
    return {kind: value}


def _text(attribute: Attribute) -> str:
    ((kind, value),) = attribute.items()
    return _WRITERS[kind](value)


def _array(kind: str) -> Callable[[list[Any]], str]:
    writer = _WRITERS[kind]
    return lambda elements: "[" + ",".join([writer(element) for element in elements]) + "]"


_WRITERS: dict[str, Callable[[Any], str]] = {
    "S": encode_basestring,
    "N": lambda number: number_text(number, "number"),
    "B": encode_basestring,
    "BOOL": lambda value: "true" if value else "false",
    "NULL": lambda _: "null",
    "M": json_text,
    "L": lambda elements: "[" + ",".join([_text(element) for element in elements]) + "]",
}
_WRITERS |= {f"{kind}S": _array(kind) for kind in "SNB"}
