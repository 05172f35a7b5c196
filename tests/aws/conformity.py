"""Checks every request that a test sends against botocore's service model: patterns, enums and maximums.

botocore itself checks types, required fields and minimums, and leaves the rest to AWS. No test reaches AWS, so the rest
is checked here before a request leaves, for every client that the test process creates.
"""

import warnings
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import regex  # type: ignore[import-untyped]
from botocore import handlers
from botocore.model import OperationModel

# How Java writes the characters beyond the first 65,536: as surrogate pairs.
_SURROGATES = (r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF")

violations: list[str] = []  # what the current test has sent


class InvalidRequest(AssertionError):  # noqa: N818 - about the request
    """AWS would reject this request. Not a botocore error, so no product code handles it."""


def _in_shape(value: Any, shape: Any, path: str) -> Iterator[str]:
    """Values of the wrong type are ignored: botocore rejects them after this check."""
    if isinstance(value, dict) and shape.type_name == "structure":
        for key in value.keys() & shape.members.keys():
            yield from _in_shape(value[key], shape.members[key], f"{path}.{key}".lstrip("."))
    elif isinstance(value, dict) and shape.type_name == "map":
        for key, inner in value.items():
            yield from _in_shape(key, shape.key, f"{path} (key {key!r})")
            yield from _in_shape(inner, shape.value, f"{path}.{key}")
    elif isinstance(value, (list, tuple)) and shape.type_name == "list":
        for index, inner in enumerate(value):
            yield from _in_shape(inner, shape.member, f"{path}[{index}]")
    if shape.metadata:
        yield from (f"{path} = {value!r:.80} {why}" for why in _against(shape.metadata, value))


def _against(constraints: Mapping[str, Any], value: Any) -> Iterator[str]:
    is_number = isinstance(value, (int, float))
    size = value if is_number else len(value) if hasattr(value, "__len__") else 0
    if size > constraints.get("max", size):
        yield f"is more than {constraints['max']}{'' if is_number else ' long'}"
    if isinstance(value, str) and constraints.get("enum") and value not in constraints["enum"]:
        yield f"is none of {', '.join(constraints['enum'])}"
    if isinstance(value, str) and "pattern" in constraints and not compiled(constraints["pattern"]).fullmatch(value):
        yield f"does not match {constraints['pattern']}"


@cache
def compiled(pattern: str) -> Any:
    """As AWS means it: in Java's syntax, and for the whole value."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "possible nested set", for patterns that mean none
        return regex.compile(pattern.replace(*_SURROGATES))


def _check(params: Mapping[str, Any], model: OperationModel, **_: Any) -> None:
    if found := list(_in_shape(params, model.input_shape, "")) if model.input_shape else []:
        text = f"AWS would reject this {model.service_model.service_name}.{model.name}: {'; '.join(found)}"
        violations.append(text)
        raise InvalidRequest(text)


handlers.BUILTIN_HANDLERS.append(("before-parameter-build", _check))
