"""Fills the templates of the exports: `@region@` becomes `settings.region`, written in the language of the file.

In HCL, YAML, JSON and TOML, the marker of a string stands inside the template's own double quotes; the marker of a list
or a map stands alone, and in HCL and YAML it becomes a block with one entry per line. In a shell script, every value
becomes one quoted word. In other files, values are written as they are; so is a `Raw` everywhere.
A line with a setting that is an empty string is left out. The lines between `#@if jwt` and `#@end` are only for that
kind of authorization; after `#@if protect` or `#@if indexes`, only for a protected stack or one with indexes. The lines
between `#@each index` and `#@next` are repeated for each index, with `@attribute@` and `@index@`.
"""

from __future__ import annotations

import json
import re
import shlex
from importlib.resources import files
from pathlib import PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from items_api.settings import Settings

    Value = int | str | Sequence[str] | Sequence[Mapping[str, str]] | Mapping[str, str]


class Raw(str):
    """A part of the file in its own language."""

    __slots__ = ()


_MARKER = re.compile(r"@([a-z_]+)@")
_CONDITION = re.compile(r" *#@if ([a-z]+)\n(.*?) *#@end\n", re.DOTALL)  # auth, "protect" or "indexes"
_EACH = re.compile(r" *#@each index\n(.*?) *#@next\n", re.DOTALL)


def fill(name: str, settings: Settings, **values: Value) -> bytes:
    """The template `name` with every marker replaced by one of the `values`, or else by the setting of that name."""
    template = (files(__package__) / "templates" / name).read_text("utf-8")
    write_value = _WRITERS.get(PurePath(name).suffix, str)

    def write(value: Value) -> str:
        return value if isinstance(value, Raw) else write_value(value)

    def value(marker: str) -> Value:
        found: Value = values[marker] if marker in values else getattr(settings, marker)
        return found

    words = {settings.auth, *(["protect"] if settings.protect else []), *(["indexes"] if settings.indexes else [])}
    template = _CONDITION.sub(lambda found: found[2] if found[1] in words else "", template)
    template = _EACH.sub(lambda found: _for_each(settings.index_names, found[1]), template)
    lines = template.splitlines(keepends=True)
    kept = (line for line in lines if not any(value(marker) == "" for marker in _MARKER.findall(line)))
    return "".join(_filled(line, lambda marker: write(value(marker))) for line in kept).encode()


def _for_each(index_names: Mapping[str, str], lines: str) -> str:
    """Attributes and indexes have names that need no quotes in any of the languages."""
    names = index_names.items()
    return "".join(lines.replace("@attribute@", attribute).replace("@index@", index) for attribute, index in names)


def _filled(line: str, value: Callable[[str], str]) -> str:
    """Fill one line. The other lines of a block get the indentation of this line."""
    indent = line[: len(line) - len(line.lstrip(" "))]
    return _MARKER.sub(lambda marker: value(marker[1]).replace("\n", f"\n{indent}"), line)


def _hcl(value: Value) -> str:
    """In the layout of `terraform fmt`."""
    match value:
        case int():
            return str(value)
        case str():
            return _hcl_string(value)[1:-1]
        case dict():
            width = max(len(_hcl_string(key)) for key in value)
            return _lines("{", *(f"  {_hcl_string(key):<{width}} = {_hcl_string(value[key])}" for key in value), "}")
        case _ if not value:
            return "[]"
        case _:
            return _lines("[", *(f"  {_hcl_string(item)}," for item in value), "]")


def _hcl_string(text: object) -> str:
    """`${` and `%{` start a template, unless the first character is doubled."""
    return json.dumps(text, ensure_ascii=False).replace("${", "$${").replace("%{", "%%{")


def _yaml(value: Value) -> str:
    """Strings are quoted, so that none is parsed as a number, a date or a boolean; JSON's strings are valid in YAML."""
    match value:
        case int():
            return str(value)
        case str():
            return _json(value)[1:-1]
        case dict():
            return _lines(*(f"{_json(key)}: {_json(inner)}" for key, inner in value.items()))
        case _:
            return _lines(*(f"- {_yaml_item(item)}" for item in value))


def _yaml_item(item: object) -> str:
    if isinstance(item, dict):
        return "\n  ".join(f"{name}: {_json(value)}" for name, value in item.items())
    return _json(item)


def _shell(value: Value) -> str:
    return shlex.quote(str(value))


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _lines(*lines: str) -> str:
    return "\n".join(lines)


def _json_value(value: Value) -> str:
    """TOML has the same strings and arrays. Like in YAML, the quotes of a string are in the template."""
    return _json(value)[1:-1] if isinstance(value, str) else _json(value)


_WRITERS: dict[str, Callable[[Value], str]] = {
    ".json": _json_value,
    ".sh": _shell,
    ".tf": _hcl,
    ".toml": _json_value,
    ".yaml": _yaml,
}
