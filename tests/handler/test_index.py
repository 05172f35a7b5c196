"""The Lambda entry point: what it logs, what it needs, and that no event makes it raise."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import items_api.handler
from items_api.handler.connection import Connection
from items_api.handler.dynamodb import Client, Table
from items_api.handler.index import Api
from items_api.handler.sigv4 import Signer

if TYPE_CHECKING:
    from tests.handler.conftest import Harness

FOLDER = Path(items_api.handler.__file__).parent
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
METHODS = st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", None])
ALMOST_EVENTS = st.fixed_dictionaries(
    {},
    optional={
        "rawPath": st.sampled_from(["/items", "/items/1"]) | st.text().map("/items/".__add__) | JSON,
        "pathParameters": st.fixed_dictionaries({"id": JSON}) | JSON,
        "requestContext": st.fixed_dictionaries({"http": st.fixed_dictionaries({"method": METHODS | JSON})}) | JSON,
        "headers": st.dictionaries(st.sampled_from(["if-match", "if-none-match"]), st.just("*") | JSON) | JSON,
        "queryStringParameters": st.dictionaries(st.sampled_from(["limit", "next"]), JSON) | JSON,
        "isBase64Encoded": st.booleans() | JSON,
        "body": st.text() | st.binary().map(bytes.hex) | JSON.map(json.dumps) | JSON,
    },
)


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(event=ALMOST_EVENTS | JSON)
def test_no_event_raises_or_is_answered_with_a_5xx(harness: Harness, event: Any) -> None:
    """Whatever is thrown at the handler, the reply has the shape that the gateway wants, and blames the client."""
    reply = harness.api.handle(event, None)
    assert reply["statusCode"] in {200, 201, 204, 400, 404, 405, 412}
    assert set(reply) <= {"statusCode", "headers", "body"}
    assert all(type(value) is str for value in reply.get("headers", {}).values())
    assert json.loads(reply.get("body", "{}")) is not None


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=200) | JSON.map(json.dumps).map(str.encode))
def test_any_bytes_are_stored_whole_or_refused(harness: Harness, body: bytes) -> None:
    reply = harness.gateway("PUT", "/items/1", body)
    if reply.status in {200, 201}:
        assert harness.gateway("GET", "/items/1").json == reply.json
    else:
        assert reply.status == 400


def test_each_request_leaves_one_line_with_nothing_of_the_item_in_it(harness: Harness) -> None:
    harness.gateway("PUT", "/items/secret-id", '{"secret-name":"secret-text"}', {"x": "secret-header"})
    harness.gateway("GET", "/items/secret-id")
    harness.gateway("POST", "/items", "secret-noise")
    harness.gateway("GET", "/secret-path", query={"q": "secret-query"})
    harness.gateway("SECRET-METHOD", "/items")
    log = harness.log
    assert all(line.pop("ms") >= 0 for line in log)
    request_id = {"requestId": "the-request-id"}
    assert log == [
        {"method": "PUT", "route": "PUT /items/{id+}", "status": 201, **request_id, "cold": True},
        {"method": "GET", "route": "GET /items/{id+}", "status": 200, **request_id, "cold": False},
        {"method": "POST", "route": "POST /items", "status": 400, **request_id, "cold": False},
        {"method": None, "route": None, "status": 404, **request_id, "cold": False},
        {"method": None, "route": None, "status": 405, **request_id, "cold": False},
    ]
    assert "secret" not in "".join(harness.lines).lower()


class BrokenTable(Table):
    """A table with a bug in it."""

    def get(self, item_id: str, until: float) -> None:
        raise ZeroDivisionError(item_id, until)


def test_a_bug_is_a_500_that_tells_the_client_nothing_and_the_log_the_place() -> None:
    lines: list[str] = []
    client = Client(Connection("http://127.0.0.1:9"), Signer("127.0.0.1:9", "eu-central-1", "AKID", "secret"))
    api = Api(BrokenTable("Items", client), lines.append)
    reply = api.handle({"rawPath": "/items/secret-id", "requestContext": {"http": {"method": "GET"}}})
    assert (reply["statusCode"], json.loads(reply["body"])) == (500, {"error": "Internal server error"})
    assert json.loads(lines[0])["error"].startswith("ZeroDivisionError at ")
    assert "secret" not in lines[0]


@pytest.mark.parametrize(
    ("environ", "authority"),
    [
        ({"AWS_REGION": "eu-central-1"}, "dynamodb.eu-central-1.amazonaws.com"),
        ({"AWS_DEFAULT_REGION": "us-gov-west-1"}, "dynamodb.us-gov-west-1.amazonaws.com"),
        ({"AWS_REGION": "cn-north-1"}, "dynamodb.cn-north-1.amazonaws.com.cn"),
        ({"AWS_REGION": "eu-central-1", "AWS_ENDPOINT_URL": "http://localhost:4566"}, "localhost:4566"),
        ({"AWS_ENDPOINT_URL": "http://all:1", "AWS_ENDPOINT_URL_DYNAMODB": "http://dynamodb:2"}, "dynamodb:2"),
        (
            {"AWS_ENDPOINT_URL_DYNAMODB": "", "AWS_ENDPOINT_URL": "", "AWS_REGION": "a-b-1"},
            "dynamodb.a-b-1.amazonaws.com",
        ),
        ({}, "dynamodb..amazonaws.com"),
    ],
)
def test_the_endpoint_is_the_environments(environ: dict[str, str], authority: str) -> None:
    """The service's own variable over the general one over the region's endpoint; nothing fails before a request."""
    client = Client.from_environment(environ)
    headers = client._signer.headers("DynamoDB_20120810.GetItem", b"{}", 0)
    assert (headers["host"], client._connection.authority) == (authority, authority)


def run(code: str, environ: dict[str, str]) -> str:
    """What a fresh Python prints, in an environment of which only this is set."""
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout


def test_the_entry_point_answers_with_nothing_but_lambdas_variables(harness: Harness) -> None:
    """As Lambda loads it: `handler.index.handler`, signed with the session token from the environment."""
    harness.gateway.item("PUT", "1", {"name": "Widget"})
    environ = {
        "AWS_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SESSION_TOKEN": "token",
        "AWS_ENDPOINT_URL": harness.dynamodb.url,
        "TABLE_NAME": harness.table.name,
        "PYTHONPATH": str(FOLDER.parent),
    }
    event = {"rawPath": "/items/1", "requestContext": {"http": {"method": "GET"}, "requestId": "r"}}
    code = f"from handler.index import handler; print(handler({event!r}, None)['body'])"
    log, body = run(code, environ).splitlines()
    assert json.loads(body) == {"itemId": "1", "name": "Widget"}
    assert json.loads(log)["status"] == 200


def test_without_any_variable_the_entry_point_loads_and_a_request_is_a_500() -> None:
    """Nothing at import can fail the init; no region means no host name."""
    event = {"rawPath": "/items/1", "requestContext": {"http": {"method": "GET"}}}
    code = f"from handler.index import handler; print(handler({event!r}, None)['statusCode'])"
    log, status = run(code, {"PYTHONPATH": str(FOLDER.parent)}).splitlines()
    assert (status, json.loads(log)["status"]) == ("500", 500)


def test_the_handler_imports_nothing_heavy_and_nothing_of_the_package() -> None:
    """`http.client`, `email`, `typing` and their kind are what a cold start would wait for."""
    code = "import sys; import handler.index; print(*sorted(sys.modules))"
    modules = set(run(code, {"PYTHONPATH": str(FOLDER.parent)}).split())
    assert not modules & {
        "http.client",
        "email",
        "typing",
        "dataclasses",
        "inspect",
        "logging",
        "uuid",
        "random",
        "decimal",
    }
    assert not {module for module in modules if module.partition(".")[0] in {"items_api", "boto3", "botocore"}}
