"""What is written as YAML is read back as what it was, by YAML's own rules of what looks like a number or a boolean."""

from __future__ import annotations

from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from items_api.export.yamltext import Intrinsic, to_yaml

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    TEXTS | st.integers() | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(TEXTS, VALUES, min_size=1, max_size=4))
def test_any_document_survives(document: dict[str, Any]) -> None:
    assert yaml.safe_load(to_yaml(document)) == document


@pytest.mark.parametrize(
    "text",
    ["on", "No", "y", "null", "~", "1", "1.5", "1e3", "0o7", "2010-09-09", "12:30", "a: b", "a #b", "- a", "*", ""],
)
def test_a_text_stays_a_text_whatever_it_looks_like(text: str) -> None:
    assert yaml.safe_load(to_yaml({text: text})) == {text: text}


def test_blocks_are_indented_and_plain_words_bare() -> None:
    document = {"Tags": [{"Key": "team", "Value": "web"}], "Role": Intrinsic("GetAtt", "Role.Arn"), "Layers": []}
    assert to_yaml(document) == (
        "Tags:\n"
        "  - Key: team\n"
        "    Value: web\n"
        "Role: !GetAtt Role.Arn\n"
        "Layers: []\n"
    )  # fmt: skip
