"""The Lambda entry point: its log, its environment, and that no event makes it raise."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import items_api.handler
from items_api.handler.dynamodb import Client
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
def test_no_event_raises_or_causes_a_5xx(harness: Harness, event: Any) -> None:
    """The reply to any event has the structure that the gateway expects."""
    reply = harness.api.handle(event, None)
    assert reply["statusCode"] in {200, 201, 204, 400, 404, 405, 412}
    assert set(reply) <= {"statusCode", "headers", "body"}
    assert all(type(value) is str for value in reply.get("headers", {}).values())
    assert json.loads(reply.get("body", "{}")) is not None


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=200) | JSON.map(json.dumps).map(str.encode))
def test_any_body_is_stored_unchanged_or_rejected(harness: Harness, body: bytes) -> None:
    reply = harness.gateway("PUT", "/items/1", body)
    if reply.status in {200, 201}:
        assert harness.gateway("GET", "/items/1").json == reply.json
    else:
        assert reply.status == 400


def test_each_request_logs_one_line_without_user_data(harness: Harness) -> None:
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


def test_a_bug_is_a_500_and_only_the_log_has_the_exception_and_its_location(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    def get(item_id: str, _: float) -> None:
        raise ZeroDivisionError(item_id)

    monkeypatch.setattr(harness.table, "get", get)
    assert harness.gateway("GET", "/items/secret-id").error == (500, "Internal server error")
    assert harness.log[0]["error"].startswith("ZeroDivisionError at ")
    assert "secret" not in harness.lines[0]


@pytest.mark.parametrize(
    ("environ", "authority"),
    [
        ({"AWS_REGION": "eu-central-1"}, "dynamodb.eu-central-1.amazonaws.com"),
        ({"AWS_DEFAULT_REGION": "us-gov-west-1"}, "dynamodb.us-gov-west-1.amazonaws.com"),
        ({"AWS_REGION": "cn-north-1"}, "dynamodb.cn-north-1.amazonaws.com.cn"),
        ({"AWS_REGION": "eu-central-1", "AWS_ENDPOINT_URL": "http://localhost:4566"}, "localhost:4566"),
        ({"AWS_ENDPOINT_URL": "http://all:1", "AWS_ENDPOINT_URL_DYNAMODB": "http://dynamodb:2"}, "dynamodb:2"),
        ({"AWS_ENDPOINT_URL_DYNAMODB": "", "AWS_ENDPOINT_URL": "", "AWS_REGION": "a-1"}, "dynamodb.a-1.amazonaws.com"),
        ({}, "dynamodb..amazonaws.com"),
    ],
)
def test_the_endpoint_comes_from_the_environment(environ: dict[str, str], authority: str) -> None:
    """Precedence: the service's variable, the general one, the region. A missing region is no error before a request."""
    client = Client.from_environment(environ)
    headers = client._signer.headers("DynamoDB_20120810.GetItem", b"{}", 0)
    assert (headers["host"], client._connection.authority) == (authority, authority)


def run(code: str, environ: dict[str, str]) -> str:
    """The output of a new Python process with exactly these variables, and the parent of the handler on its path."""
    environ = {"PYTHONPATH": str(FOLDER.parent)} | environ
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout


CALL_HANDLER = """
from handler.index import handler
event = {"rawPath": "/items/1", "requestContext": {"http": {"method": "GET"}}}
print(handler(event, None)["body"])
"""


def test_the_entry_point_needs_only_lambdas_variables(harness: Harness) -> None:
    harness.gateway.item("PUT", "1", {"name": "Widget"})
    environ = {
        "AWS_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SESSION_TOKEN": "token",
        "AWS_ENDPOINT_URL": harness.dynamodb.url,
    }
    in_the_zip = f"import handler; handler.TABLE_NAME = {harness.table.name!r}\n"
    log, body = run(in_the_zip + CALL_HANDLER, environ).splitlines()
    assert json.loads(body) == {"itemId": "1", "name": "Widget"}
    assert json.loads(log)["status"] == 200


def test_without_any_variable_the_entry_point_loads_and_a_request_is_a_500() -> None:
    """The import cannot fail Lambda's init phase. Without a region there is no valid host name."""
    log, body = run(CALL_HANDLER, {}).splitlines()
    assert (json.loads(log)["status"], json.loads(body)) == (500, {"error": "Internal server error"})


def test_the_handler_imports_no_slow_module_and_nothing_else_from_the_project() -> None:
    """Each of these modules would add to every cold start."""
    modules = set(run("import sys, handler.index; print(*sys.modules)", {}).split())
    slow = "http.client email typing dataclasses inspect logging uuid random decimal"
    assert not modules & set(slow.split())
    assert not {module for module in modules if module.partition(".")[0] in {"items_api", "boto3", "botocore"}}
