"""A JSON object to DynamoDB's attribute values and back, without bending anything on the way.

Numbers stay text from end to end: no float and no int ever holds one. What DynamoDB cannot hold is refused here, before
anything is sent, with the attribute and the reason. The limits are those of the DynamoDB developer guide ("Constraints
in Amazon DynamoDB").
"""

from __future__ import annotations

import json
import re
from json.encoder import encode_basestring

TYPE_CHECKING = False  # `typing` itself would be a sixth of the module load
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    #: One value on the wire, such as `{"S": "Widget"}`.
    Attribute = dict[str, Any]
    #: An item on the wire, by attribute name.
    Attributes = dict[str, Attribute]

MAX_KEY_BYTES = 2048
MAX_NAME_BYTES = 65_535
MAX_DEPTH = 32
MAX_DIGITS = 38
MAX_MAGNITUDE = 125
MIN_MAGNITUDE = -130
# Beyond this many characters an exponent is out of range whatever it says, and int() need not read it.
_MAX_EXPONENT_CHARS = 6

_NUMBER = re.compile(r"([+-]?)([0-9]*)\.?([0-9]*)(?:[eE]([+-]?[0-9]+))?")
_PLAIN = re.compile(r"(?!-0$)-?(?:0|[1-9][0-9]*)(?:\.[0-9]*[1-9])?")


class ItemError(ValueError):
    """DynamoDB cannot hold this; the message names the attribute and the reason."""


class Number:
    """The text of a JSON number. Not a `str`, or `{"itemId": 1}` would equal `{"itemId": "1"}`."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


def parse(text: str) -> dict[str, Any]:
    """Read a JSON object, numbers as `Number`.

    Raises:
        ItemError: not JSON, not an object, nested beyond what the parser takes, or a name twice in one object.
    """
    try:
        document = json.loads(
            text, parse_int=Number, parse_float=Number, parse_constant=Number, object_pairs_hook=_object
        )
    except json.JSONDecodeError as error:
        raise ItemError(f"The body is not JSON: {error}") from None
    except RecursionError:
        raise ItemError(f"The body is nested deeper than {MAX_DEPTH} levels") from None
    if type(document) is not dict:
        raise ItemError("The body must be a JSON object")
    return document


def attributes(document: dict[str, Any]) -> Attributes:
    """The wire form of a parsed object.

    Raises:
        ItemError: a number, name, text or depth that DynamoDB cannot hold.
    """
    return _members(document, "", 1)


def check_id(item_id: object) -> str:
    """The id, if it can be a partition key: text of 1 to 2,048 bytes of UTF-8.

    Raises:
        ItemError: it cannot.
    """
    if type(item_id) is not str:
        raise ItemError("itemId must be a string")
    size = len(_utf8(item_id, "itemId"))
    if not size:
        raise ItemError("itemId must not be empty")
    if size > MAX_KEY_BYTES:
        raise ItemError(f"itemId is {size} bytes of UTF-8, more than {MAX_KEY_BYTES}")
    return item_id


def json_text(item: Attributes) -> str:
    """The JSON object of an item. Sets become arrays; binary stays base64, as JSON knows neither."""
    return "{" + ",".join([f"{encode_basestring(name)}:{_text(value)}" for name, value in item.items()]) + "}"


def same(one: Attributes, other: Attributes) -> bool:
    """Whether two items are equal, however each one writes its numbers and orders its names."""
    return attributes(parse(json_text(one))) == attributes(parse(json_text(other)))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ItemError(f"{json.dumps(twice)} stands twice in one JSON object")
    return document


def _members(document: dict[str, Any], where: str, depth: int) -> Attributes:
    members = {}
    for name, value in document.items():
        inside = f"{where}.{name}" if where else name
        if not name:
            raise ItemError(f"The name of an attribute in {where or 'the body'} is empty")
        if len(_utf8(name, inside)) > MAX_NAME_BYTES:
            raise ItemError(f"The name of an attribute in {where or 'the body'} is over {MAX_NAME_BYTES} bytes")
        members[name] = _attribute(value, inside, depth)
    return members


def _attribute(value: Any, where: str, depth: int) -> Attribute:
    if depth > MAX_DEPTH:
        raise ItemError(f"{where} is nested deeper than {MAX_DEPTH} levels")
    kind = type(value)
    if kind is str:
        _utf8(value, where)
        return {"S": value}
    if kind is Number:
        return {"N": _canonical(value.text, where)}
    if kind is dict:
        return {"M": _members(value, where, depth + 1)}
    if kind is list:
        return {"L": [_attribute(element, f"{where}[{i}]", depth + 1) for i, element in enumerate(value)]}
    return {"NULL": True} if value is None else {"BOOL": value}


def _utf8(text: str, where: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise ItemError(f"{where} holds half of a surrogate pair, which is not Unicode text") from None


def _canonical(text: str, where: str) -> str:
    """One spelling for each number: plain digits without idle zeros, an exponent only beyond 38 places.

    DynamoDB normalises `1.00` to `1` and `1.5E2` to `150` and spells `1E+125` out in 126 digits
    (github.com/boto/boto3/issues/2500). Doing it before the write lets the reply to a write and every later read agree,
    and an item of such numbers stay below Lambda's 6 MB.
    """
    if len(text) <= MAX_DIGITS and _PLAIN.fullmatch(text):
        return text
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise ItemError(f"{where} is {text}, which is not a JSON number")
    sign, whole, fraction, exponent_text = match.groups(default="")
    significant = (whole + fraction).lstrip("0")
    digits = significant.rstrip("0")
    if not digits:
        return "0"
    if len(digits) > MAX_DIGITS:
        raise ItemError(f"{where} has {len(digits)} significant digits, more than {MAX_DIGITS}")
    too_long = len(exponent_text.lstrip("+-0")) > _MAX_EXPONENT_CHARS
    exponent = MAX_MAGNITUDE + 1 if too_long else int(exponent_text or "0")
    exponent += len(significant) - len(digits) - len(fraction)
    magnitude = exponent + len(digits) - 1
    if too_long or not MIN_MAGNITUDE <= magnitude <= MAX_MAGNITUDE:
        raise ItemError(f"{where} is outside of 1E{MIN_MAGNITUDE} to 9.99E+{MAX_MAGNITUDE}")
    return ("-" if sign == "-" else "") + _spell(digits, exponent, magnitude)


def _spell(digits: str, exponent: int, magnitude: int) -> str:
    if exponent >= 0 and magnitude < MAX_DIGITS:
        return digits + "0" * exponent
    if -MAX_DIGITS <= exponent < 0:
        padded = digits.zfill(1 - exponent)
        return f"{padded[:exponent]}.{padded[exponent:]}"
    mantissa = f"{digits[0]}.{digits[1:]}" if len(digits) > 1 else digits
    return f"{mantissa}E{magnitude:+d}"


def _text(attribute: Attribute) -> str:
    ((kind, value),) = attribute.items()
    return _WRITERS[kind](value)


def _array(kind: str) -> Callable[[list[Any]], str]:
    writer = _WRITERS[kind]
    return lambda elements: "[" + ",".join([writer(element) for element in elements]) + "]"


_WRITERS: dict[str, Callable[[Any], str]] = {
    "S": encode_basestring,
    "N": lambda number: _canonical(number, "number"),
    "B": encode_basestring,
    "BOOL": lambda value: "true" if value else "false",
    "NULL": lambda _: "null",
    "M": json_text,
    "L": lambda elements: "[" + ",".join([_text(element) for element in elements]) + "]",
}
_WRITERS |= {f"{kind}S": _array(kind) for kind in "SNB"}
