"""The HTTP contract in docs/http.md, one request at a time, on moto's DynamoDB."""

import json
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from tests.handler.conftest import Gateway, Harness

AWKWARD_IDS = [
    *("a/b", "//", "/", "100%", "%2F", "%252F", "a b", " ", "a+b", "é", "😀", ".", "..", "a?b#c", "a&b=c", "\n\0"),
    *("-._~1", "x" * 2048, "é" * 1024),
]


def test_the_tutorials_curl_commands_work(gateway: Gateway) -> None:
    """`curl -d` declares the body as a form, so the gateway passes the JSON on in base64."""
    created = gateway("POST", "/items", b'{"itemId":"1","name":"Widget"}')
    assert (created.status, created.text) == (201, '{"itemId":"1","name":"Widget"}')
    found = gateway("GET", "/items/1")
    assert (found.status, found.text) == (200, '{"itemId":"1","name":"Widget"}')
    assert found.headers == {"content-type": "application/json", "etag": created.headers["etag"]}


def test_post_without_an_id_generates_a_random_uuid(gateway: Gateway) -> None:
    replies = [gateway("POST", "/items", '{"name":"Widget"}') for _ in range(20)]
    ids = [reply.json["itemId"] for reply in replies]
    assert ids == [str(uuid.UUID(item_id, version=4)) for item_id in ids]
    assert len(set(ids)) == 20
    for item_id, reply in zip(ids, replies, strict=True):
        assert gateway("GET", reply.headers["location"]).json == {"itemId": item_id, "name": "Widget"}


@pytest.mark.parametrize("item_id", AWKWARD_IDS)
def test_every_method_works_with_the_location_of_any_id(gateway: Gateway, item_id: str) -> None:
    """The id is percent-encoded according to RFC 3986, except that dots alone are encoded too, and decoded once."""
    created = gateway("POST", "/items", json.dumps({"itemId": item_id}))
    location = created.headers["location"]
    assert location == "/items/" + (item_id.replace(".", "%2E") if item_id in {".", ".."} else quote(item_id, safe=""))
    assert gateway("GET", location).json == {"itemId": item_id}
    assert gateway("PUT", location, '{"name":"Widget"}').json == {"itemId": item_id, "name": "Widget"}
    assert gateway.item("GET", item_id).status == 200
    assert gateway("DELETE", location).status == 204
    assert gateway.item("GET", item_id).status == 404


@pytest.mark.parametrize("other", ["2", "", 1, None])
def test_put_rejects_another_id_in_the_body(gateway: Gateway, other: Any) -> None:
    reply = gateway.item("PUT", "1", {"itemId": other})
    assert reply.error == (400, "The itemId in the body does not match the id in the path")
    assert gateway.item("GET", "1").status == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
@pytest.mark.parametrize("exists", [True, False])
@pytest.mark.parametrize("headers", [{"if-match"}, {"if-none-match"}, {"if-match", "if-none-match"}])
def test_a_failed_precondition_is_a_412_and_changes_nothing(
    gateway: Gateway, method: str, exists: bool, headers: set[str]
) -> None:
    """`If-Match: *` requires that the item exists, `If-None-Match: *` that it does not; both together always fail."""
    if exists:
        gateway.item("PUT", "1", {"name": "old"})
    path = "/items" if method == "POST" else "/items/1"
    body = None if method == "DELETE" else '{"itemId":"1","name":"new"}'
    reply = gateway(method, path, body, dict.fromkeys(headers, " * "))
    if headers == {"if-match" if exists else "if-none-match"}:
        success = {"POST": 201, "PUT": 200 if exists else 201, "DELETE": 204}
        assert reply.status == success[method]
    else:
        state = f"exists with the ETag {reply.headers['etag']}" if exists else "does not exist"
        assert reply.error == (412, f"Precondition failed: the item {state}")
        after = gateway.item("GET", "1")
        assert (after.status, after.json.get("name")) == ((200, "old") if exists else (404, None))


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (None, "The body is empty: send a JSON object"),
        ("", "The body is empty: send a JSON object"),
        (b"", "The body is empty: send a JSON object"),
        ("[1]", "The body must be a JSON object"),
        (b"\xff\xfe", "The body is not valid UTF-8"),
        (b'{"name":"\xed\xa0\x80"}', "The body is not valid UTF-8"),
        ('{"itemId":null}', "itemId must be a string"),
        ('{"price":1e400}', "price is outside the range from 1E-130 to 9.99E+125"),
    ],
)
def test_an_invalid_body_is_a_400_and_nothing_is_sent_to_dynamodb(
    harness: Harness, body: str | bytes | None, why: str
) -> None:
    assert harness.gateway("POST", "/items", body).error == (400, why)
    assert harness.dynamodb.operations == []


def test_invalid_base64_is_a_400(harness: Harness) -> None:
    event = {"rawPath": "/items", "requestContext": {"http": {"method": "POST"}}, "isBase64Encoded": True}
    for body in ("{}", "e30", "é", "\ud800"):
        reply = harness.api.handle({**event, "body": body})
        assert reply["statusCode"] == 400
        assert "base64" in reply["body"]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_an_id_that_is_too_long_is_a_400_for_every_method(gateway: Gateway, method: str) -> None:
    reply = gateway.item(method, "x" * 2049, {} if method == "PUT" else None)
    assert reply.error == (400, "itemId is 2049 bytes long in UTF-8; the maximum is 2048")


def test_an_item_over_400_kb_is_a_413_and_is_not_written(gateway: Gateway) -> None:
    reply = gateway.item("PUT", "1", {"text": "x" * 500_000})
    assert reply.error == (413, "The item is larger than 400 KB, including attribute names")
    assert gateway.item("GET", "1").status == 404


@pytest.mark.parametrize("encode", [str, str.encode])
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_body_with_more_elements_than_an_item_can_hold_is_a_413_before_it_is_parsed(
    harness: Harness, method: str, encode: Callable[[str], str | bytes]
) -> None:
    """Parsing it would take seconds, and 1 GB of memory."""
    reply = harness.gateway.item(method, "1", encode('{"list": [' + "0," * 409_601))  # not valid JSON either
    assert reply.error == (413, "The item is larger than 400 KB, including attribute names")
    assert harness.dynamodb.operations == []


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("PATCH", "/items", 405, "POST, GET"),
        ("POST", "/items/1", 405, "GET, PUT, PATCH, DELETE"),
        ("HEAD", "/items", 405, "POST, GET"),
        ("DELETE", "/items", 405, "POST, GET"),
        ("get", "/items", 405, "POST, GET"),
        ("GET", "/", 404, None),
        ("GET", "/items/", 404, None),
        ("GET", "/item", 404, None),
        ("GET", "items", 404, None),
        ("GET", "/prod/other", 404, None),
    ],
)
def test_a_request_without_a_route_is_a_405_with_allow_or_a_404(
    gateway: Gateway, method: str, path: str, status: int, allow: str | None
) -> None:
    """An HTTP API does not pass such requests on, but a direct invocation can send them."""
    reply = gateway(method, path)
    assert (reply.error[0], reply.headers.get("allow")) == (status, allow)


def test_the_id_is_read_from_the_path_parameters_if_there_is_a_base_path(harness: Harness) -> None:
    """`rawPath` includes the base path of a custom domain."""
    harness.gateway.item("PUT", "a/b", {})
    path = {"rawPath": "/prod/items/a/b", "pathParameters": {"id": "a/b"}}
    event = {**path, "requestContext": {"http": {"method": "GET"}}}
    assert json.loads(harness.api.handle(event)["body"]) == {"itemId": "a/b"}


def test_the_largest_item_fits_in_a_reply(harness: Harness) -> None:
    """DynamoDB stores 1E+125 in 3 bytes and returns 126 characters: 17 MB for an item of 400 KB."""
    numbers = [{"N": "1" + "0" * 125}] * 136_000
    item = {"Item": {"itemId": {"S": "1"}, "n": {"L": numbers}}}
    harness.dynamodb.faults = [lambda exchange: exchange.reply(200, json.dumps(item).encode())]
    reply = harness.gateway.item("GET", "1")
    assert reply.status == 200
    assert len(reply.text) < 6_000_000
