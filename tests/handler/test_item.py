"""Items are sent as boto3 would send them and come back equal; values that DynamoDB cannot store are rejected."""

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

from items_api.handler.item import ItemError, Number, attributes, check_key, fingerprint, json_text, merge, parse

PUT_ITEM = botocore.session.get_session().get_service_model("dynamodb").operation_model("PutItem")
TEXT = st.text(max_size=20)  # all of Unicode except surrogates
NAMES = st.text(min_size=1, max_size=10)


@st.composite
def numbers(draw: st.DrawFn) -> Decimal:
    """All numbers that DynamoDB can store: any coefficient, with any exponent in range."""
    coefficient = draw(st.integers(1 - 10**38, 10**38 - 1))
    exponent = draw(st.integers(-130, 126 - len(str(abs(coefficient)))))
    return Decimal(coefficient).scaleb(exponent, DYNAMODB_CONTEXT)


VALUES = st.recursive(
    st.none() | st.booleans() | TEXT | numbers(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
DOCUMENTS = st.dictionaries(NAMES, VALUES, max_size=6)


def dumps(value: Any) -> str:
    """JSON with decimals as numbers, which `json.dumps` does not support."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{dumps(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(dumps, value)) + "]"
    return str(value) if isinstance(value, Decimal) else json.dumps(value)


def loads(text: str) -> Any:
    """Parse JSON with every number as a decimal."""
    return json.loads(text, parse_int=Decimal, parse_float=Decimal)


@settings(max_examples=300, deadline=None)
@given(DOCUMENTS)
def test_any_document_is_sent_as_boto3_would_send_it_and_comes_back_equal(document: dict[str, Any]) -> None:
    """Names, text, nesting and every digit of numbers are kept, and botocore's serializer changes nothing."""
    item = attributes(parse(dumps(document)))
    boto3s: dict[str, Any] = {name: TypeSerializer().serialize(value) for name, value in document.items()}
    assert fingerprint(item) == fingerprint(boto3s)
    parameters = {"TableName": "Items", "Item": item}
    assert json.loads(create_serializer("json").serialize_to_request(parameters, PUT_ITEM)["body"]) == parameters
    assert loads(json_text(item)) == document


@settings(max_examples=300, deadline=None)
@given(numbers())
def test_numbers_from_dynamodb_are_read_as_boto3_reads_them_in_any_format(number: Decimal) -> None:
    """And they are written in a canonical format, which is stable and at most 46 characters long."""
    once = json_text(attributes(parse(f'{{"n":{number}}}')))
    assert json_text(attributes(parse(once))) == once
    assert len(once) <= len('{"n":}') + 46
    for text in (format(number, "f"), format(number, "E"), str(number)):
        boto3s = TypeDeserializer().deserialize({"N": str(number)})
        assert loads(json_text({"n": {"N": text}})) == {"n": boto3s}


@pytest.mark.parametrize(
    ("sent", "returned"),
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
def test_each_number_has_one_canonical_format(sent: str, returned: str) -> None:
    """Numbers without redundant zeros or an exponent come back character for character, all others come back equal."""
    assert json_text(attributes(parse(f'{{"n":{sent}}}'))) == f'{{"n":{returned}}}'


def nested(levels: int, leaf: str = "1") -> str:
    """An object with a leaf at this level; the attribute `a` is level 1."""
    return '{"a":' + "[" * (levels - 1) + leaf + "]" * (levels - 1) + "}"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("", "The body is not valid JSON: Expecting value"),
        ('{"a":1}x', "The body is not valid JSON: Extra data"),
        ("\ufeff{}", "The body is not valid JSON: it starts with a byte order mark"),
        ("{'a':1}", "The body is not valid JSON"),
        ('{"a":01}', "The body is not valid JSON"),
        ('{"a":"\n"}', "The body is not valid JSON"),
        ("[]", "The body must be a JSON object"),
        ("null", "The body must be a JSON object"),
        ("NaN", "The body must be a JSON object"),
        ('{"a":NaN}', "a is NaN, which is not a JSON number"),
        ('{"a":[0,{"b":-Infinity}]}', "a[1].b is -Infinity, which is not a JSON number"),
        ('{"a":Infinity}', "a is Infinity, which is not a JSON number"),
        ('{"a":1e400}', "a is outside the range from 1E-130 to 9.99E+125"),
        ('{"a":1e126}', "a is outside the range from 1E-130 to 9.99E+125"),
        ('{"a":1e99999999999999999999}', "a is outside the range from 1E-130 to 9.99E+125"),
        ('{"a":1e-99999999999999999999}', "a is outside the range from 1E-130 to 9.99E+125"),
        ('{"a":0.' + "0" * 200 + "1e99999999}", "a is outside the range from 1E-130 to 9.99E+125"),
        ('{"a":1e' + "9" * 5000 + "}", "a is outside the range from 1E-130 to 9.99E+125"),
        ('{"a":' + "1" * 39 + "}", "a has 39 significant digits; the maximum is 38"),
        ('{"a":{"b":0.' + "1" * 39 + "}}", "a.b has 39 significant digits; the maximum is 38"),
        ('{"a":' + "1" * 5000 + "}", "a has 5000 significant digits; the maximum is 38"),
        (nested(33), "a" + "[0]" * 32 + " is nested deeper than 32 levels"),
        (nested(33, "[]"), "a" + "[0]" * 32 + " is nested deeper than 32 levels"),
        ("[" * 100_000, "nested deeper than 32 levels"),
        ('{"a":' * 100_000, "nested deeper than 32 levels"),
        ('{"":1}', "An attribute name in the item is empty"),
        ('{"a":{"b":[{"":1}]}}', "An attribute name in a.b[0] is empty"),
        ('{"' + "n" * 65_536 + '":1}', "An attribute name in the item is longer than 65535 bytes"),
        ('{"a":1,"b":2,"a":1}', 'A JSON object has the name "a" more than once'),
        # With a search that takes time with the square of their number, this would take minutes.
        ("{" + "".join(f'"{n}":1,' for n in range(100_000)) + '"z":1,"z":1}', 'A JSON object has the name "z" more'),
        ('{"x":{"a":1,"\\u0061":2}}', 'A JSON object has the name "a" more than once'),
        ('{"a":"\\ud800"}', "a contains an unpaired surrogate"),
        ('{"a":["\\udc00\\ud800"]}', "a[0] contains an unpaired surrogate"),
        ('{"a\\udfff":1}', "contains an unpaired surrogate"),
    ],
)
def test_a_value_that_dynamodb_cannot_store_is_rejected_with_attribute_and_reason(body: str, why: str) -> None:
    with pytest.raises(ItemError) as rejected:
        attributes(parse(body))
    assert why in str(rejected.value)


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
def test_edge_cases_that_dynamodb_can_store_are_accepted(body: str) -> None:
    assert loads(json_text(attributes(parse(body)))) == loads(body)


@pytest.mark.parametrize(
    ("item_id", "why"),
    [
        (None, "itemId must be a string"),
        (Number("1"), "itemId must be a string"),
        ({"S": "1"}, "itemId must be a string"),
        ("", "itemId must not be empty"),
        ("x" * 2049, "itemId is 2049 bytes long in UTF-8; the maximum is 2048"),
        ("é" * 1025, "itemId is 2050 bytes long in UTF-8; the maximum is 2048"),
        ("\ud800", "itemId contains an unpaired surrogate, which is not valid Unicode"),
    ],
)
def test_an_invalid_id_is_rejected(item_id: object, why: str) -> None:
    with pytest.raises(ItemError) as rejected:
        check_key(item_id)
    assert str(rejected.value) == why


def test_sets_and_binary_values_become_arrays_and_base64() -> None:
    """JSON has neither, but other tools can write them."""
    document = {"binary": Binary(b"\x00\xff"), "names": {"a"}, "numbers": {Decimal("1.5")}, "blobs": {Binary(b"a")}}
    written = {name: TypeSerializer().serialize(value) for name, value in document.items()}
    sent = json.loads(json.dumps(written, default=lambda value: base64.b64encode(bytes(value)).decode()))
    expected = {"binary": "AP8=", "names": ["a"], "numbers": [Decimal("1.5")], "blobs": ["YQ=="]}
    assert loads(json_text(sent)) == expected


def test_the_fingerprint_depends_neither_on_number_formats_nor_on_the_order_of_attributes_and_sets() -> None:
    one: dict[str, dict[str, Any]] = {
        "a": {"N": "100"},
        "b": {"M": {"c": {"SS": ["x", "y"]}, "d": {"L": [{"N": "0"}]}}},
    }
    same: dict[str, dict[str, Any]] = {
        "b": {"M": {"d": {"L": [{"N": "-0.0"}]}, "c": {"SS": ["y", "x"]}}},
        "a": {"N": "1E+2"},
    }
    assert fingerprint(one) == fingerprint(same)
    others = ({**one, "a": {"N": "101"}}, {**one, "a": {"S": "100"}}, {"b": one["b"]}, {**one, "c": {"NULL": True}})
    assert len({fingerprint(item) for item in (one, *others)}) == 5


def merged(target: str, patch: str) -> Any:
    return json.loads(json_text(merge(attributes(parse(target)), parse(patch))))


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ('{"a":"b"}', '{"a":"c"}', {"a": "c"}),
        ('{"a":"b"}', '{"b":"c"}', {"a": "b", "b": "c"}),
        ('{"a":"b"}', '{"a":null}', {}),
        ('{"a":"b","b":"c"}', '{"a":null}', {"b": "c"}),
        ('{"a":["b"]}', '{"a":"c"}', {"a": "c"}),
        ('{"a":"c"}', '{"a":["b"]}', {"a": ["b"]}),
        ('{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', {"a": {"b": "d"}}),
        ('{"a":[{"b":"c"}]}', '{"a":[1]}', {"a": [1]}),
        ('{"e":null}', '{"a":1}', {"e": None, "a": 1}),
        ("{}", '{"a":{"bb":{"ccc":null}}}', {"a": {"bb": {}}}),
        ('{"a":"x"}', '{"a":{"b":[null]}}', {"a": {"b": [None]}}),
    ],
)
def test_a_patch_is_merged_as_in_the_examples_of_rfc_7396(target: str, patch: str, result: Any) -> None:
    """Appendix A, as far as both are objects."""
    assert merged(target, patch) == result


def test_a_patch_keeps_the_types_that_json_does_not_have() -> None:
    stored: Any = {"s": {"SS": ["a"]}, "n": {"NS": ["1"]}, "b": {"B": "AAE="}, "m": {"M": {"bs": {"BS": ["AA=="]}}}}
    patched = merge(stored, parse('{"m":{"x":1.50},"b":"text"}'))
    assert patched == {**stored, "b": {"S": "text"}, "m": {"M": {"bs": {"BS": ["AA=="]}, "x": {"N": "1.5"}}}}


def test_a_patch_may_have_32_levels_like_an_item() -> None:
    assert merged("{}", nested(32)) == json.loads(nested(32))
    with pytest.raises(ItemError, match="is nested deeper than 32 levels"):
        merged("{}", nested(34))
