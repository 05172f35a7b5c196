"""Converts items in DynamoDB's JSON to the lines of a file.

The parser passes on each JSON object as soon as it has read it, and gets bytes in its place. So there is never a whole
item as objects of Python, which can take 100 times the size of its text.
"""

from __future__ import annotations

import json
from functools import lru_cache, partial
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Any, TypeAlias

from items_api.handler.item import number_text
from items_api.handler.table import REVISION
from items_api.items.lines import MAX_LINE, Format, NotPlainError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    Writers: TypeAlias = Mapping[str, Callable[[Any], bytes]]

_SETS = {"SS": "a string set", "NS": "a number set", "BS": "a binary set", "B": "a binary value"}
_SCALARS = {"S", "N", "BOOL", "NULL"}
_SHORT_VALUE = 2  # characters
_PARSER = json.JSONDecoder()
_EMPTY = b'""'


class LineWriter:
    def __init__(self, file_format: Format) -> None:
        self._format = file_format
        self._parser = _parser(_PLAIN if file_format is Format.PLAIN else _TYPED)

    def line(self, text: str, position: int = 0) -> tuple[bytes, int]:
        """The line of the item that is at this position of a text, and the position after the item.

        Raises:
            NotPlainError: a plain file cannot have the item.
        """
        try:
            members, end = self._parser.raw_decode(text, position)
        except KeyError:  # there is no writer for a type
            item, _ = _PARSER.raw_decode(text, position)
            path, kind = next(_not_plain(item, ""))
            raise NotPlainError(f"The item {item['itemId'].get('S')!r} has {_SETS[kind]}: {path}.") from None
        line = _line(members)
        if len(line) > MAX_LINE and self._format is Format.TYPED:
            # DynamoDB writes 1E+125 with 126 digits, so that an item with many such numbers could not be loaded.
            members, end = _parser(_SHORT).raw_decode(text, position)
            line = _line(members)
        return line, end


def _parser(writers: Writers) -> json.JSONDecoder:
    return json.JSONDecoder(object_pairs_hook=partial(_converted, writers))


def _converted(writers: Writers, pairs: list[tuple[str, Any]]) -> bytes | tuple[tuple[str, bytes], ...]:
    """An attribute such as `{"S": "Widget"}` as bytes; attributes by name, whose values are bytes already, as a tuple.

    JSON has neither bytes nor tuples, so they cannot be mixed up with what the parser itself returns.
    """
    if len(pairs) == 1:
        kind, value = pairs[0]
        if type(value) is not bytes:
            return writers[kind](value)
    return tuple(pairs)


def _line(members: Iterable[tuple[str, bytes]]) -> bytes:
    return _object([member for member in members if member[0] != REVISION]) + b"\n"


def _string(text: str) -> bytes:
    return encode_basestring(text).encode() if text else _EMPTY


def _object(members: Iterable[tuple[str, bytes]]) -> bytes:
    return b"{" + b",".join([_string(name) + b":" + value for name, value in members]) + b"}"


def _array(values: Iterable[bytes]) -> bytes:
    return b"[" + b",".join(values) + b"]"


def _strings(texts: Iterable[str]) -> bytes:
    return _array([_string(text) for text in texts])


def _boolean(value: object) -> bytes:
    return b"true" if value else b"false"


def _short(number: str) -> str:
    return number_text(number, "number")


@lru_cache(maxsize=1000)
def _number(number: str) -> bytes:
    """An item can have 100,000 numbers with one digit. They are the same object, which saves time and memory."""
    return _short(number).encode()


_PLAIN: Writers = {
    "S": _string,
    "N": _number,
    "BOOL": _boolean,
    "NULL": lambda _: b"null",
    "M": _object,
    "L": _array,
}


def _sharing(write: Callable[[Any], bytes]) -> Callable[[Any], bytes]:
    """Equal short values become one object: an item can have 200,000 of them."""
    short = lru_cache(maxsize=1000)(write)
    return lambda value: short(value) if type(value) is bool or len(value) <= _SHORT_VALUE else write(value)


def _with_types(writers: Writers) -> Writers:
    def typed(kind: str, write: Callable[[Any], bytes]) -> Callable[[Any], bytes]:
        start = b'{"%b":' % kind.encode()

        def whole(value: Any) -> bytes:
            return start + write(value) + b"}"

        return _sharing(whole) if kind in _SCALARS else whole

    return {kind: typed(kind, write) for kind, write in writers.items()}


_KINDS: Writers = {
    **dict.fromkeys(("S", "N", "B"), _string),
    **dict.fromkeys(("SS", "NS", "BS"), _strings),
    **dict.fromkeys(("BOOL", "NULL"), _boolean),
    "M": _object,
    "L": _array,
}
_TYPED = _with_types(_KINDS)
_SHORT = _with_types(
    {**_KINDS, "N": lambda number: _string(_short(number)), "NS": lambda numbers: _strings(map(_short, numbers))}
)


def _not_plain(members: Mapping[str, Any], path: str) -> Iterator[tuple[str, str]]:
    """The path and the type of each value that a plain file cannot have."""
    for name, attribute in members.items():
        yield from _not_plain_in(attribute, f"{path}.{name}" if path else name)


def _not_plain_in(attribute: Mapping[str, Any], path: str) -> Iterator[tuple[str, str]]:
    ((kind, value),) = attribute.items()
    if kind in _SETS:
        yield path, kind
    elif kind == "M":
        yield from _not_plain(value, path)
    elif kind == "L":
        for number, element in enumerate(value):
            yield from _not_plain_in(element, f"{path}[{number}]")
