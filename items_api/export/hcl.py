"""As much of Terraform's language as the export needs, laid out as `terraform fmt` would."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_WIDTH = 90  # of a list on one line
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


@dataclass(frozen=True)
class Expression:
    """Written as it is: `aws_iam_role.function.arn`."""

    text: str


@dataclass(frozen=True)
class Applied:
    """A function applied to a value: `jsonencode({ ... })`."""

    function: str
    value: Any


@dataclass(frozen=True)
class Block:
    """`resource "aws_iam_role" "function" { ... }`: attributes first, then the blocks inside."""

    kind: str
    labels: tuple[str, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)
    blocks: tuple[Block, ...] = ()


def to_hcl(blocks: Iterable[Block]) -> str:
    return "\n\n".join("\n".join(_block(block)) for block in blocks) + "\n"


def _block(block: Block) -> Iterator[str]:
    head = " ".join([block.kind, *(f'"{label}"' for label in block.labels)])
    if not block.attributes and not block.blocks:
        yield f"{head} {{}}"
        return
    yield f"{head} {{"
    yield from _indented(_attributes(block.attributes))
    for number, inner in enumerate(block.blocks):
        if block.attributes or number:
            yield ""
        yield from _indented(_block(inner))
    yield "}"


def _attributes(attributes: Mapping[str, Any]) -> Iterator[str]:
    """The equals signs of neighbours stand in one column; a value of several lines has no neighbours."""
    written = [(_key(key), _value(value)) for key, value in attributes.items()]
    widths = _widths([(len(key), len(lines) == 1) for key, lines in written])
    for (key, (first, *rest)), width in zip(written, widths, strict=True):
        yield f"{key:<{width}} = {first}"
        yield from rest


def _widths(keys: list[tuple[int, bool]]) -> list[int]:
    """For (width of the key, whether its value is of one line) the width of the column that it stands in."""
    widths: list[int] = []
    start = 0
    for end, (width, single) in enumerate([*keys, (0, False)]):
        if not single:
            widths += [max((width for width, _ in keys[start:end]), default=0)] * (end - start)
            widths.append(width)
            start = end + 1
    return widths[: len(keys)]


def _value(value: Any) -> list[str]:
    if isinstance(value, Expression):
        return [value.text]
    if isinstance(value, Applied):
        lines = _value(value.value)
        lines[0] = f"{value.function}({lines[0]}"
        lines[-1] += ")"
        return lines
    if isinstance(value, dict) and value:
        return ["{", *_indented(_attributes(value)), "}"]
    if isinstance(value, list):
        flat = f"[{', '.join(_value(item)[0] for item in value)}]"
        if len(flat) <= _WIDTH and not any(isinstance(item, dict) for item in value):
            return [flat]
        return ["[", *_indented(line for item in value for line in _item(item)), "]"]
    # JSON's strings, numbers and booleans are HCL's too; the templates in a string are meant.
    return [json.dumps(value, ensure_ascii=False)]


def _item(value: Any) -> list[str]:
    *lines, last = _value(value)
    return [*lines, f"{last},"]


def _key(key: str) -> str:
    return key if _NAME.fullmatch(key) else json.dumps(key, ensure_ascii=False)


def _indented(lines: Iterable[str]) -> Iterator[str]:
    return (f"  {line}" if line else "" for line in lines)
