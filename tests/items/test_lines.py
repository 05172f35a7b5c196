"""The lines of a file: everything that DynamoDB can store comes back equal, and everything else is refused with a reason."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from items_api.handler.item import number_text
from items_api.handler.table import REVISION
from items_api.items.lines import (
    Format,
    LineError,
    NotPlainError,
    Trailer,
    header,
    read_header,
    read_item,
    read_trailer,
)
from items_api.items.writing import LineWriter

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NUMBERS = st.one_of(
    st.integers(-(10**38) + 1, 10**38 - 1).map(str),
    st.decimals(-1000, 1000, places=10).map(lambda number: number_text(str(number), "number")),
    st.sampled_from(["1E-130", "9.9999999999999999999999999999999999999E+125", "-1E-130"]),
)
BINARY = st.binary(min_size=1, max_size=20)
PLAIN = st.recursive(
    st.one_of(
        TEXT.map(lambda text: {"S": text}),
        NUMBERS.map(lambda number: {"N": number}),
        st.booleans().map(lambda value: {"BOOL": value}),
        st.just({"NULL": True}),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(lambda values: {"L": values}),
        st.dictionaries(TEXT.filter(bool), inner, max_size=4).map(lambda values: {"M": values}),
    ),
    max_leaves=10,
)
SETS = st.one_of(
    BINARY.map(lambda value: {"B": value}),
    st.lists(TEXT, min_size=1, max_size=4, unique=True).map(lambda values: {"SS": values}),
    st.lists(NUMBERS, min_size=1, max_size=4, unique=True).map(lambda values: {"NS": values}),
    st.lists(BINARY, min_size=1, max_size=4, unique=True).map(lambda values: {"BS": values}),
)


def write_plain(item: dict[str, Any]) -> bytes:
    return LineWriter(Format.PLAIN).line(json.dumps(item))[0]


def write_typed(item: dict[str, Any]) -> bytes:
    return LineWriter(Format.TYPED).line(json.dumps(item))[0]


def items(values: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    others = st.dictionaries(TEXT.filter(lambda name: name not in ("", "itemId", REVISION)), values, max_size=5)
    return st.tuples(TEXT.filter(bool), others).map(lambda pair: {"itemId": {"S": pair[0]}, **pair[1]})


def on_the_wire(value: Any) -> Any:
    """As DynamoDB sends it: binary values in base64."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {name: on_the_wire(inner) for name, inner in value.items()}
    return [on_the_wire(inner) for inner in value] if isinstance(value, list) else value


def read(line: bytes, file_format: Format = Format.TYPED) -> dict[str, Any]:
    key, text = read_item(line.rstrip(b"\n"), file_format, ())
    item: dict[str, Any] = json.loads(text)
    assert item["itemId"] == {"S": key}
    return item


@given(items(PLAIN))
def test_a_plain_item_comes_back_equal(item: dict[str, Any]) -> None:
    assert read(write_plain(item), Format.PLAIN) == item


@given(items(st.one_of(PLAIN, SETS)))
def test_a_typed_item_comes_back_equal(item: dict[str, Any]) -> None:
    line = write_typed(on_the_wire(item))
    assert line.count(b"\n") == 1
    assert read(line) == on_the_wire(item)


@given(items(PLAIN))
def test_a_plain_line_is_json(item: dict[str, Any]) -> None:
    document = json.loads(write_plain(item))
    assert (document["itemId"], document.keys()) == (item["itemId"]["S"], item.keys())


@pytest.mark.parametrize("names", [["S"], ["M"], ["L"], ["NULL"], ["S", "N"], ["itemId"], []])
def test_attributes_with_the_names_of_types_are_no_types(names: list[str]) -> None:
    item = {"itemId": {"S": "1"}, "m": {"M": {name: {"S": "x"} for name in names}}, "S": {"M": {"S": {"NULL": True}}}}
    assert json.loads(write_typed(item)) == item
    assert json.loads(write_plain(item)) == {"itemId": "1", "m": dict.fromkeys(names, "x"), "S": {"S": None}}


@pytest.mark.parametrize("number", ["1E-10", "1.50", "+5", "007", "1e3"])
def test_a_typed_number_keeps_its_spelling(number: str) -> None:
    """DynamoDB normalizes numbers; some emulators do not."""
    item: dict[str, Any] = {"itemId": {"S": "1"}, "n": {"N": number}, "s": {"NS": [number]}}
    assert read(write_typed(item)) == item


def test_an_item_full_of_numbers_that_dynamodb_writes_with_126_digits_can_be_loaded() -> None:
    number = "1" + "0" * 125
    item: dict[str, Any] = {"itemId": {"S": "1"}, "n": {"L": [{"M": {"x": {"N": number}}}, {"NS": [number]}] * 20_000}}
    line = write_typed(item)
    assert len(line) < 4_000_000
    assert read(line)["n"]["L"][:2] == [{"M": {"x": {"N": "1E+125"}}}, {"NS": ["1E+125"]}]


def test_a_line_of_dynamodbs_export_to_s3_is_typed() -> None:
    assert read(b'{"Item":{"itemId":{"S":"1"}}}') == {"itemId": {"S": "1"}}


def test_a_revision_in_a_line_is_not_loaded() -> None:
    line = json.dumps({"itemId": {"S": "1"}, REVISION: {"S": "abc"}}).encode()
    assert read(line) == {"itemId": {"S": "1"}}


def test_a_line_may_start_with_a_byte_order_mark() -> None:
    assert read(b'\xef\xbb\xbf{"itemId":{"S":"\xc3\xa4"}}\r') == {"itemId": {"S": "\u00e4"}}


@pytest.mark.parametrize("write", [write_plain, write_typed])
def test_the_revision_is_never_written(write: Any) -> None:
    assert REVISION.encode() not in write({"itemId": {"S": "1"}, REVISION: {"S": "abc"}})


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ({"tags": {"SS": ["a"]}}, "The item '1' has a string set: tags."),
        ({"a": {"M": {"b": {"L": [{"N": "1"}, {"NS": ["1"]}]}}}}, "The item '1' has a number set: a.b[1]."),
        ({"a": {"L": [{"BS": ["YQ=="]}]}}, "The item '1' has a binary set: a[0]."),
        ({"photo": {"B": "YQ=="}}, "The item '1' has a binary value: photo."),
    ],
)
def test_a_plain_file_cannot_have_sets_and_binary_values(item: dict[str, Any], said: str) -> None:
    with pytest.raises(NotPlainError) as caught:
        write_plain({"itemId": {"S": "1"}, **item})
    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (
            b"{",
            "The line is not valid JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
        ),
        (b"[1]", "The line must be a JSON object"),
        (b'{"itemId":5}', "itemId must be a string"),
        (b'{"name":"x"}', "itemId is missing"),
        (b'{"Item":{"itemId":{"S":"1"}}}', "itemId is missing: to load DynamoDB's export to S3, add --typed"),
        (b'{"itemId":{"S":"1"}}', "itemId is an object: to load DynamoDB's JSON, add --typed"),
        (b'{"itemId":"1","a":[' + b"1," * 409_601, "The item is larger than 400 KB, including attribute names"),
        (b'{"itemId":""}', "itemId must not be empty"),
        (b'{"itemId":"' + b"x" * 2049 + b'"}', "itemId is 2049 bytes long in UTF-8; the maximum is 2048"),
        (b'{"itemId":"1","itemId":"2"}', 'A JSON object has the name "itemId" more than once'),
        (b'{"itemId":"1","n":' + b"1" * 39 + b"}", "n has 39 significant digits; the maximum is 38"),
        (b'{"itemId":"1","owner":5}', "owner must be a string, because the API has an index on owner"),
        (b'{"itemId":"1","owner":""}', "owner must not be empty, because the API has an index on owner"),
        (b'{"itemId":"1","a":' + b"[" * 33 + b"]" * 33 + b"}", "is nested deeper than 32 levels"),
        (b'{"itemId":"\xff"}', "The line is not UTF-8"),
        (b'{"itemId":"\\ud800"}', "itemId contains an unpaired surrogate, which is not valid Unicode"),
        (
            b'{"itemId":"1","items-api:revision":"x"}',
            "items-api:revision is the name of an attribute that the API itself",
        ),
        (None, "The line is longer than 4,194,304 bytes"),
        (b'{"items-api-dump":' + b"[" * 100_000, "The line is nested deeper than 32 levels"),
    ],
)
def test_a_plain_line_that_is_no_item_is_refused_with_the_reason(line: bytes | None, reason: str) -> None:
    with pytest.raises(LineError) as caught:
        read_item(line, Format.PLAIN, ("owner",))
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("attribute", "reason"),
    [
        ('"text"', 'a is not in DynamoDB\'s JSON, such as {"S": "text"}'),
        ('{"S":"a","N":"1"}', "a is not in DynamoDB's JSON"),
        ("{}", "a is not in DynamoDB's JSON"),
        ('{"X":"a"}', "a has no valid value of DynamoDB's type X"),
        ('{"N":5}', "a has no valid value of DynamoDB's type N"),
        ('{"N":"five"}', "a is five, which is not a JSON number"),
        # With a regular expression that backtracks, this would take minutes.
        ('{"N":"' + "1" * 100_000 + 'x"}', "a is " + "1" * 80 + ", which is not a JSON number"),
        ('{"SS":[]}', "a has no valid value of DynamoDB's type SS"),
        ('{"NULL":false}', "a has no valid value of DynamoDB's type NULL"),
        ('{"BOOL":"true"}', "a has no valid value of DynamoDB's type BOOL"),
        ('{"B":"not base64!"}', "a is not valid base64"),
        ('{"M":{"b":{"L":[{"S":5}]}}}', "a.b[0] has no valid value of DynamoDB's type S"),
        ('{"M":5}', "a is not an object"),
        ('{"L":[' * 33 + "]}" * 33, "is nested deeper than 32 levels"),
    ],
)
def test_a_typed_line_that_is_no_item_is_refused_with_the_reason(attribute: str, reason: str) -> None:
    with pytest.raises(LineError) as caught:
        read_item(f'{{"itemId":{{"S":"1"}},"a":{attribute}}}'.encode(), Format.TYPED, ())
    assert reason in str(caught.value)


@pytest.mark.parametrize("file_format", Format)
def test_a_header_names_the_format(file_format: Format) -> None:
    line = header(file_format)
    assert json.loads(line) == {"items-api-dump": 1, "format": str(file_format)}
    assert read_header(line) is file_format
    assert read_trailer(line) is None


@pytest.mark.parametrize(
    "line", [b'{"items-api-dump": 2, "format": "plain"}', b'{"items-api-dump": 1, "format": "xml"}']
)
def test_a_header_of_another_version_is_an_error(line: bytes) -> None:
    with pytest.raises(LineError, match="it has version"):
        read_header(line)


def test_a_trailer_has_the_number_of_items_and_the_checksum() -> None:
    trailer = Trailer(3, "abc")
    assert json.loads(trailer.line()) == {"items-api-dump": 1, "items": 3, "sha256": "abc"}
    assert read_trailer(trailer.line()) == trailer


def test_an_item_is_never_mistaken_for_a_header_or_a_trailer() -> None:
    line = b'{"itemId":"1","items-api-dump":1,"format":"plain","items":1,"sha256":"x"}'
    assert (read_header(line), read_trailer(line)) == (None, None)
