"""Items cross the wire as boto3 would send them and come back equal; what DynamoDB cannot hold never leaves."""

from __future__ import annotations

import base64
import json
from decimal import Decimal
from typing import Any

import botocore.session
import pytest
from boto3.dynamodb.types import DYNAMODB_CONTEXT, Binary, TypeDeserializer, TypeSerializer
from botocore.serialize import create_serializer
from hypothesis import given, settings
from hypothesis import strategies as st

from items_api.handler.item import ItemError, Number, attributes, check_id, json_text, parse, same

PUT_ITEM = botocore.session.get_session().get_service_model("dynamodb").operation_model("PutItem")
TEXT = st.text(max_size=20)  # any Unicode but surrogates: astral, combining, NUL
NAMES = st.text(min_size=1, max_size=10)


def numbers(digits: int = 38) -> st.SearchStrategy[Decimal]:
    """Every number that DynamoDB can hold: the coefficient's digits, shifted anywhere in the range."""
    coefficients = st.integers(-(10**digits) + 1, 10**digits - 1)

    def shifted(coefficient: int) -> st.SearchStrategy[Decimal]:
        length = len(str(abs(coefficient)))
        exponents = st.integers(-130, 126 - length)
        return exponents.map(lambda exponent: Decimal(coefficient).scaleb(exponent, DYNAMODB_CONTEXT))

    return coefficients.flatmap(shifted)


def values(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
        max_leaves=12,
    )


LEAVES = st.none() | st.booleans() | TEXT | numbers()
DOCUMENTS = st.dictionaries(NAMES, values(LEAVES), max_size=6)


def written(value: Any) -> str:
    """JSON with decimals as numbers, which `json.dumps` does not do."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{written(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(written, value)) + "]"
    return str(value) if isinstance(value, Decimal) else json.dumps(value)


def read(text: str) -> Any:
    """JSON with every number as a decimal."""
    return json.loads(text, parse_int=Decimal, parse_float=Decimal)


def as_decimals(wire: Any) -> Any:
    """A wire value whose numbers compare as numbers."""
    if isinstance(wire, dict):
        return {
            name: Decimal(inner) if name == "N" and isinstance(inner, str) else as_decimals(inner)
            for name, inner in wire.items()
        }
    return [as_decimals(inner) for inner in wire] if isinstance(wire, list) else wire


@settings(max_examples=200, deadline=None)
@given(DOCUMENTS)
def test_any_document_comes_back_equal(document: dict[str, Any]) -> None:
    """JSON to attribute values to JSON: the same names, text, nesting and, to the last digit, numbers."""
    assert read(json_text(attributes(parse(written(document))))) == document


@settings(max_examples=200, deadline=None)
@given(DOCUMENTS)
def test_the_wire_form_is_boto3s(document: dict[str, Any]) -> None:
    theirs = {name: TypeSerializer().serialize(value) for name, value in document.items()}
    assert as_decimals(attributes(parse(written(document)))) == as_decimals(theirs)


@settings(max_examples=200, deadline=None)
@given(DOCUMENTS)
def test_the_wire_form_passes_botocores_serializer_unchanged(document: dict[str, Any]) -> None:
    """The model of PutItem in botocore has nothing to add or to take away."""
    parameters = {"TableName": "Items", "Item": attributes(parse(written(document)))}
    sent = create_serializer("json").serialize_to_request(parameters, PUT_ITEM)
    assert json.loads(sent["body"]) == parameters


@settings(max_examples=200, deadline=None)
@given(numbers())
def test_numbers_read_from_dynamodb_are_boto3s(number: Decimal) -> None:
    """However DynamoDB spells a number, what the client reads is what boto3 reads."""
    for spelling in (format(number, "f"), format(number, "E"), str(number)):
        theirs = TypeDeserializer().deserialize({"N": str(number)})
        assert read(json_text({"n": {"N": spelling}})) == {"n": theirs}


@pytest.mark.parametrize(
    ("sent", "spelled"),
    [
        ("0", "0"),
        ("-0", "0"),
        ("-0.000", "0"),
        ("0E999999999", "0"),
        ("1", "1"),
        ("-17", "-17"),
        ("1.0", "1"),
        ("1.50", "1.5"),
        ("100", "100"),
        ("1E+10", "10000000000"),
        ("1.5e2", "150"),
        ("12345678901234567890123456789012345678", "12345678901234567890123456789012345678"),
        ("0.12345678901234567890123456789012345678", "0.12345678901234567890123456789012345678"),
        ("123456789012345678.12345678901234567890", "123456789012345678.1234567890123456789"),
        ("10000000000000000000000000000000000000", "10000000000000000000000000000000000000"),
        ("100000000000000000000000000000000000000", "1E+38"),
        ("0.00000000000000000000000000000000000001", "0.00000000000000000000000000000000000001"),
        ("0.000000000000000000000000000000000000001", "1E-39"),
        ("9.9999999999999999999999999999999999999E+125", "9.9999999999999999999999999999999999999E+125"),
        ("-1E-130", "-1E-130"),
        ("1" + "0" * 125, "1E+125"),
        ("1." + "0" * 5000, "1"),
        ("0." + "0" * 129 + "1", "1E-130"),
    ],
)
def test_each_number_has_one_spelling(sent: str, spelled: str) -> None:
    """What is sent without idle zeros or exponent comes back to the character; the rest comes back equal."""
    assert json_text(attributes(parse(f'{{"n":{sent}}}'))) == f'{{"n":{spelled}}}'


@settings(max_examples=300, deadline=None)
@given(numbers())
def test_a_spelling_is_its_own_spelling(number: Decimal) -> None:
    """Reading, sending back and reading again changes nothing, and no spelling is longer than 46 characters."""
    once = json_text(attributes(parse(f'{{"n":{number}}}')))
    assert json_text(attributes(parse(once))) == once
    assert len(once) <= len('{"n":}') + 46


def nested(levels: int, leaf: str = "1") -> str:
    """An object whose attribute `a` has a leaf so many levels deep, counting the attribute as the first."""
    return '{"a":' + "[" * (levels - 1) + leaf + "]" * (levels - 1) + "}"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("", "The body is not JSON: Expecting value"),
        ("{", "The body is not JSON"),
        ('{"a":1}x', "The body is not JSON: Extra data"),
        ("\ufeff{}", "The body is not JSON: Unexpected UTF-8 BOM"),
        ("{'a':1}", "The body is not JSON"),
        ('{"a":01}', "The body is not JSON"),
        ('{"a":"\n"}', "The body is not JSON"),
        ("[]", "The body must be a JSON object"),
        ('"text"', "The body must be a JSON object"),
        ("1", "The body must be a JSON object"),
        ("null", "The body must be a JSON object"),
        ("NaN", "The body must be a JSON object"),
        ('{"a":NaN}', "a is NaN, which is not a JSON number"),
        ('{"a":[0,{"b":-Infinity}]}', "a[1].b is -Infinity, which is not a JSON number"),
        ('{"a":Infinity}', "a is Infinity, which is not a JSON number"),
        ('{"a":1e400}', "a is outside of 1E-130 to 9.99E+125"),
        ('{"a":1e126}', "a is outside of 1E-130 to 9.99E+125"),
        ('{"a":-1e-131}', "a is outside of 1E-130 to 9.99E+125"),
        ('{"a":1e99999999999999999999}', "a is outside of 1E-130 to 9.99E+125"),
        ('{"a":1e-99999999999999999999}', "a is outside of 1E-130 to 9.99E+125"),
        ('{"a":0.' + "0" * 200 + "1e99999999}", "a is outside of 1E-130 to 9.99E+125"),
        ('{"a":1e' + "9" * 5000 + "}", "a is outside of 1E-130 to 9.99E+125"),
        ('{"a":' + "1" * 39 + "}", "a has 39 significant digits, more than 38"),
        ('{"a":{"b":0.' + "1" * 39 + "}}", "a.b has 39 significant digits, more than 38"),
        ('{"a":' + "1" * 5000 + "}", "a has 5000 significant digits, more than 38"),
        (nested(33), "a" + "[0]" * 32 + " is nested deeper than 32 levels"),
        (nested(33, "[]"), "a" + "[0]" * 32 + " is nested deeper than 32 levels"),
        ("[" * 100_000, "nested deeper than 32 levels"),
        ('{"a":' * 100_000, "nested deeper than 32 levels"),
        ('{"":1}', "The name of an attribute in the body is empty"),
        ('{"a":{"b":[{"":1}]}}', "The name of an attribute in a.b[0] is empty"),
        ('{"' + "n" * 65_536 + '":1}', "The name of an attribute in the body is over 65535 bytes"),
        ('{"a":1,"b":2,"a":1}', '"a" stands twice in one JSON object'),
        ('{"x":{"a":1,"\\u0061":2}}', '"a" stands twice in one JSON object'),
        ('{"a":"\\ud800"}', "a holds half of a surrogate pair"),
        ('{"a":["\\udc00\\ud800"]}', "a[0] holds half of a surrogate pair"),
        ('{"a\\udfff":1}', "holds half of a surrogate pair"),
    ],
)
def test_what_dynamodb_cannot_hold_is_refused_with_attribute_and_reason(body: str, why: str) -> None:
    with pytest.raises(ItemError) as refused:
        attributes(parse(body))
    assert why in str(refused.value)


@pytest.mark.parametrize(
    "body",
    [
        "{}",
        '{"a":"","b":[],"c":{},"d":[{}],"e":null,"f":false}',
        '{"a":"\\ud83d\\ude00","b":"e\\u0301","c":"\\u0000"}',
        nested(32),
        nested(32, "{}"),
        '{"a":{"b":1},"b":{"b":1}}',
        '{"a":' + " " * 100 + "1}",
    ],
)
def test_the_edges_of_what_dynamodb_holds_pass(body: str) -> None:
    assert read(json_text(attributes(parse(body)))) == read(body)


@pytest.mark.parametrize(
    ("item_id", "why"),
    [
        (None, "itemId must be a string"),
        (Number("1"), "itemId must be a string"),
        ({"S": "1"}, "itemId must be a string"),
        ("", "itemId must not be empty"),
        ("x" * 2049, "itemId is 2049 bytes of UTF-8, more than 2048"),
        ("é" * 1025, "itemId is 2050 bytes of UTF-8, more than 2048"),
        ("\ud800", "itemId holds half of a surrogate pair, which is not Unicode text"),
    ],
)
def test_an_id_that_cannot_be_a_key_is_refused(item_id: object, why: str) -> None:
    with pytest.raises(ItemError) as refused:
        check_id(item_id)
    assert str(refused.value) == why


@pytest.mark.parametrize("item_id", ["1", "x" * 2048, "é" * 1024, "/", "..", " ", "\0", "😀"])
def test_any_other_text_is_an_id(item_id: str) -> None:
    assert check_id(item_id) == item_id


def test_sets_and_binary_of_other_tools_read_as_arrays_and_base64() -> None:
    """JSON has neither; boto3 wrote them here."""
    document = {"binary": Binary(b"\x00\xff"), "names": {"a"}, "numbers": {Decimal("1.5")}, "blobs": {Binary(b"a")}}
    wire = {name: TypeSerializer().serialize(value) for name, value in document.items()}
    on_the_wire = json.loads(json.dumps(wire, default=lambda value: base64.b64encode(bytes(value)).decode()))
    assert read(json_text(on_the_wire)) == {
        "binary": "AP8=",
        "names": ["a"],
        "numbers": [Decimal("1.5")],
        "blobs": ["YQ=="],
    }


def test_items_are_the_same_however_they_are_spelled() -> None:
    one: dict[str, dict[str, Any]] = {"a": {"N": "100"}, "b": {"M": {"c": {"S": "x"}, "d": {"L": [{"N": "0"}]}}}}
    other: dict[str, dict[str, Any]] = {"b": {"M": {"d": {"L": [{"N": "-0.0"}]}, "c": {"S": "x"}}}, "a": {"N": "1E+2"}}
    assert same(one, other)
    assert not same(one, {**other, "a": {"N": "101"}})
    assert not same(one, {**other, "a": {"S": "100"}})
