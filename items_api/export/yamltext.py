"""As much YAML as a CloudFormation template needs: mappings and lists in block style, scalars, short intrinsics."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

# What YAML 1.1 and 1.2 both read as the text that it looks like: no number, date, boolean or punctuation.
_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./+:-]*[A-Za-z0-9_/+*-]|[A-Za-z]")
_NOT_TEXT = re.compile(r"(?i)y|n|yes|no|on|off|true|false|null")
_UNPRINTED = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


@dataclass(frozen=True)
class Intrinsic:
    """`!Ref Api` is `Intrinsic("Ref", "Api")`."""

    name: str
    value: str


def to_yaml(document: dict[str, Any]) -> str:
    return "".join(f"{line}\n" for line in _lines(document))


def _lines(value: Any) -> Iterator[str]:
    """`value` as a block of lines, not indented."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _entry(f"{_scalar(key)}:", inner, indent="  ")
    else:
        for inner in value:
            if isinstance(inner, dict) and inner:
                first, *rest = _lines(inner)
                yield f"- {first}"
                yield from (f"  {line}" for line in rest)
            else:
                yield from _entry("-", inner, indent="  ")


def _entry(head: str, value: Any, *, indent: str) -> Iterator[str]:
    if isinstance(value, (dict, list)) and value:
        yield head
        yield from (f"{indent}{line}" for line in _lines(value))
    else:
        yield f"{head} {_scalar(value)}"


def _scalar(value: Any) -> str:
    if isinstance(value, Intrinsic):
        return f"!{value.name} {_scalar(value.value)}"
    if isinstance(value, str) and _PLAIN.fullmatch(value) and not _NOT_TEXT.fullmatch(value):
        return value
    # JSON's strings, numbers, booleans and empty collections are YAML's too, but for the characters that YAML folds or
    # does not take.
    return _UNPRINTED.sub(lambda char: f"\\u{ord(char[0]):04x}", json.dumps(value, ensure_ascii=False))
