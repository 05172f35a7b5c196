"""Lines in a terminal are wrapped between words, and a name, ARN or URL is never broken."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from items_api.terminal.wrapping import columns_of, wrapped

ARN = "arn:aws:dynamodb:us-east-1:123456789012:table/Items"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("fits", ["fits"]),
        ("", [""]),
        (
            "Stack items in the local AWS, account 123456789012",
            ["Stack items in the local AWS, account", "    123456789012"],
        ),
        (
            "  + created   DynamoDB table       0.3 s  Items",
            ["  + created   DynamoDB table       0.3 s", "      Items"],
        ),
        (
            "  Why:  One two three four five six seven eight.",
            ["  Why:  One two three four five six", "        seven eight."],
        ),
        (
            "      Next: One two three four five six seven.",
            ["      Next: One two three four five six", "            seven."],
        ),
        (
            "  Table     12,345 items (DynamoDB's count)",
            ["  Table     12,345 items (DynamoDB's", "            count)"],
        ),
        (
            "To delete it, run items-api down --local now.",
            ["To delete it, run", "    items-api down --local now."],
        ),
        (f"Still exists: {ARN}", ["Still exists:", f"    {ARN}"]),
        (ARN, [ARN]),
    ],
)
def test_further_lines_are_indented(text: str, lines: list[str]) -> None:
    assert wrapped(text, 40) == lines


@given(st.lists(st.text("ab-./", min_size=1, max_size=30)), st.integers(40, 200))
def test_every_word_is_kept_in_one_piece(words: list[str], columns: int) -> None:
    lines = wrapped(" ".join(words), columns)
    assert [word for line in lines for word in line.split()] == words
    assert all(len(line) <= columns for line in lines)


def test_the_width_is_at_least_40_columns_and_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert columns_of(io.StringIO()) == 80
    for value, columns in (("120", 120), ("20", 40), ("wide", 80), ("0", 80)):
        monkeypatch.setenv("COLUMNS", value)
        assert columns_of(io.StringIO()) == columns
