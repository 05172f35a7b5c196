"""The OpenAPI document is valid, and agrees with the routes and with what the handler accepts."""

import json
from typing import Any

import jsonschema_rs
import openapi_spec_validator
import pytest

from items_api.export.openapi import document
from items_api.handler import ROUTES
from items_api.handler.item import MAX_DIGITS, MAX_KEY_BYTES, ItemError, attributes, parse
from items_api.handler.paging import MAX_LIMIT
from items_api.settings import Settings

DOCUMENT = document("team-todo", "1.2.3", "https://abc123.execute-api.eu-central-1.amazonaws.com")
OPERATIONS: dict[str, dict[str, Any]] = {
    f"{method.upper()} {path}": operation
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
    if method != "parameters"
}


def test_the_document_is_valid_openapi() -> None:
    openapi_spec_validator.OpenAPIV31SpecValidator(DOCUMENT).validate()


def test_limits_are_those_of_the_handler() -> None:
    components = DOCUMENT["components"]
    assert components["parameters"]["limit"]["schema"]["maximum"] == MAX_LIMIT
    assert components["parameters"]["id"]["schema"]["maxLength"] == MAX_KEY_BYTES
    [integer] = [kind for kind in components["schemas"]["Attribute"]["anyOf"] if kind["type"] == "integer"]
    assert (integer["minimum"], integer["maximum"]) == (1 - 10**MAX_DIGITS, 10**MAX_DIGITS - 1)


def test_paths_and_methods_are_the_routes() -> None:
    assert [*OPERATIONS] == [route.replace("{id+}", "{id}") for route in ROUTES]


def test_title_version_and_server_come_from_the_caller() -> None:
    assert (DOCUMENT["info"]["title"], DOCUMENT["info"]["version"]) == ("team-todo", "1.2.3")
    assert DOCUMENT["servers"] == [{"url": "https://abc123.execute-api.eu-central-1.amazonaws.com"}]
    assert "servers" not in document("team-todo", "1.2.3")


def test_every_operation_has_a_unique_id_and_lists_its_errors() -> None:
    assert len({operation["operationId"] for operation in OPERATIONS.values()}) == len(OPERATIONS)
    for operation in OPERATIONS.values():
        assert {"400", "429", "431", "500", "503"} < operation["responses"].keys()


def test_requests_for_one_item_accept_both_conditional_headers_and_lists_accept_none() -> None:
    for route, operation in OPERATIONS.items():
        taken = {parameter["$ref"].rpartition("/")[2] for parameter in operation.get("parameters", [])}
        assert ({"ifMatch", "ifNoneMatch"} <= taken) == (route != "GET /items")


@pytest.mark.parametrize(
    "body",
    [
        "{}",
        '{"itemId":"1","name":"Widget"}',
        '{"a":["",null,true,{"b":{}}],"n":-0.5}',
        '{"n":99999999999999999999999999999999999999}',
        '{"n":1e125}',
        '{"n":1e126}',
        '{"n":1e-131}',
        '{"itemId":1}',
        '{"itemId":""}',
        '{"":1}',
        '{"a":{"":1}}',
        "[]",
        "null",
    ],
)
def test_the_schema_of_a_body_agrees_with_the_handler(body: str) -> None:
    """Both accept the same bodies, apart from depth and digits, which only the handler counts."""
    schema = {"$ref": "#/components/schemas/NewItem", "components": DOCUMENT["components"]}
    described = jsonschema_rs.Draft202012Validator(schema).is_valid(json.loads(body))
    assert described == is_stored(body)


def is_stored(body: str) -> bool:
    try:
        item = attributes(parse(body))
    except ItemError:
        return False
    return item.get("itemId", {"S": "made"}).get("S") not in {None, ""}


def operations_of(settings: Settings) -> dict[str, dict[str, Any]]:
    described = document("x", "1", None, settings)
    openapi_spec_validator.OpenAPIV31SpecValidator(described).validate()
    return {
        f"{method.upper()} {path}": operation
        for path, item in described["paths"].items()
        for method, operation in item.items()
        if method != "parameters"
    }


def test_with_iam_every_operation_needs_a_signature() -> None:
    for operation in operations_of(Settings(auth="iam")).values():
        assert operation["security"] == [{"iam": []}]
        assert "403" in operation["responses"]


def test_with_jwt_every_operation_needs_a_token_with_its_scope() -> None:
    settings = Settings(
        auth="jwt", jwt_issuer="https://issuer.example/", jwt_audiences=("a",), jwt_read_scope="r", jwt_write_scope="w"
    )
    for route, operation in operations_of(settings).items():
        assert operation["security"] == [{"jwt": ["r" if route.startswith("GET") else "w"]}]
        assert {"401", "403"} < operation["responses"].keys()
    scheme = document("x", "1", None, settings)["components"]["securitySchemes"]["jwt"]
    assert scheme["openIdConnectUrl"] == "https://issuer.example/.well-known/openid-configuration"


def test_an_open_api_has_no_security_scheme() -> None:
    assert document("x", "1", None, Settings()) == document("x", "1")
