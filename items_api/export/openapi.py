"""The OpenAPI 3.1 document of the HTTP contract (docs/http.md), as a pure function of a title, a version and a URL."""

from __future__ import annotations

from typing import Any

from items_api.handler import ROUTES
from items_api.handler.index import MAX_LIMIT
from items_api.handler.item import MAX_DIGITS, MAX_KEY_BYTES

_JSON = "application/json"
# The largest and the smallest magnitude that DynamoDB stores, as closely as a JSON Schema validator's doubles allow.
_LARGEST = 9.9e125
_SMALLEST = 1e-130


def document(title: str, version: str, server_url: str | None = None) -> dict[str, Any]:
    """The document for one deployment.

    Args:
        title: the name of the API.
        version: the version of the contract.
        server_url: the endpoint, without a trailing slash. Without it, the document has no `servers`.
    """
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        method, _, template = route.partition(" ")
        path = template.replace("{id+}", "{id}")
        paths.setdefault(path, _path_item(path))[method.lower()] = _OPERATIONS[route]()
    return {
        "openapi": "3.1.0",
        "info": {
            "title": title,
            "version": version,
            "description": "Create, read, replace, delete and list items: JSON objects with a string `itemId`.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        **({"servers": [{"url": server_url}]} if server_url else {}),
        "tags": [{"name": "items"}],
        "paths": paths,
        "components": {
            "schemas": _schemas(),
            "parameters": _parameters(),
            "responses": _responses(),
        },
    }


def _path_item(path: str) -> dict[str, Any]:
    return {"parameters": [{"$ref": "#/components/parameters/id"}]} if "{id}" in path else {}


def _create() -> dict[str, Any]:
    created = _item_response("The item was created or replaced.")
    created["headers"] = {
        "Location": {
            "description": "The item's path, percent-encoded.",
            "required": True,
            "schema": {"type": "string", "pattern": "^/items/([A-Za-z0-9._~-]|%[0-9A-F]{2})+$"},
        }
    }
    created["links"] = {
        operation: {"operationId": operation, "parameters": {"path.id": "$response.body#/itemId"}}
        for operation in ("readItem", "replaceItem", "deleteItem")
    }
    return {
        **_operation("createItem", "Create an item or replace the one with the same itemId"),
        "parameters": _refs("parameters", "ifMatch", "ifNoneMatch"),
        "requestBody": _body("NewItem"),
        "responses": {"201": created, **_errors("400", "412", "413")},
    }


def _list() -> dict[str, Any]:
    page = {
        "description": "A page of items, in no particular order.",
        "headers": {
            "Link": {
                "description": "A link to the next page (RFC 8288, `rel=next`), if there is one.",
                "schema": {"type": "string", "pattern": '^</items\\?[^>]+>; rel="next"$'},
            }
        },
        "content": {_JSON: {"schema": {"type": "array", "items": _ref("schemas", "Item"), "maxItems": MAX_LIMIT}}},
    }
    return {
        **_operation("listItems", "List items"),
        "parameters": _refs("parameters", "limit", "next"),
        "responses": {"200": page, **_errors("400")},
    }


def _read() -> dict[str, Any]:
    return {
        **_operation("readItem", "Get an item (strongly consistent read)"),
        "responses": {"200": _item_response("The item."), **_errors("400", "404")},
    }


def _replace() -> dict[str, Any]:
    return {
        **_operation("replaceItem", "Create or replace the item with this id"),
        "parameters": _refs("parameters", "ifMatch", "ifNoneMatch"),
        "requestBody": _body("ReplacementItem"),
        "responses": {
            "200": _item_response("The item was replaced."),
            "201": _item_response("The item was created."),
            **_errors("400", "412", "413"),
        },
    }


def _delete() -> dict[str, Any]:
    return {
        **_operation("deleteItem", "Delete an item, whether or not it exists"),
        "parameters": _refs("parameters", "ifMatch", "ifNoneMatch"),
        "responses": {"204": {"description": "The item does not exist anymore."}, **_errors("400", "412")},
    }


_OPERATIONS = {
    "POST /items": _create,
    "GET /items": _list,
    "GET /items/{id+}": _read,
    "PUT /items/{id+}": _replace,
    "DELETE /items/{id+}": _delete,
}


def _operation(operation_id: str, summary: str) -> dict[str, Any]:
    return {"operationId": operation_id, "summary": summary, "tags": ["items"]}


def _ref(kind: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/components/{kind}/{name}"}


def _refs(kind: str, *names: str) -> list[dict[str, str]]:
    return [_ref(kind, name) for name in names]


def _body(schema: str) -> dict[str, Any]:
    return {
        "required": True,
        "description": "Parsed as JSON, regardless of the content type.",
        "content": {_JSON: {"schema": _ref("schemas", schema)}},
    }


def _item_response(description: str) -> dict[str, Any]:
    return {"description": description, "content": {_JSON: {"schema": _ref("schemas", "Item")}}}


def _errors(*statuses: str) -> dict[str, Any]:
    """The operation's own errors, and those that any request can return."""
    return {status: _ref("responses", status) for status in (*statuses, "429", "500", "503")}


def _schemas() -> dict[str, Any]:
    attribute = _ref("schemas", "Attribute")
    item_id = {"type": "string", "minLength": 1, "maxLength": MAX_KEY_BYTES}
    item = {
        "type": "object",
        "properties": {"itemId": item_id},
        "propertyNames": {"minLength": 1},
        "additionalProperties": attribute,
    }
    whole = 10**MAX_DIGITS - 1
    return {
        "Item": {**item, "required": ["itemId"]},
        "NewItem": {**item, "description": "Without an itemId, a random UUID is generated."},
        "ReplacementItem": {
            **item,
            "properties": {"itemId": {**item_id, "readOnly": True}},
            "description": "The path contains the itemId. The body may repeat it; a different one is rejected.",
        },
        "Attribute": {
            "description": "What DynamoDB can store: at most 32 levels of nesting, numbers with at most 38 digits.",
            "anyOf": [
                {"type": ["string", "boolean", "null"]},
                {"type": "integer", "minimum": -whole, "maximum": whole},
                {"type": "number", "minimum": _SMALLEST, "maximum": _LARGEST},
                {"type": "number", "minimum": -_LARGEST, "maximum": -_SMALLEST},
                {"type": "array", "items": attribute},
                {"type": "object", "propertyNames": {"minLength": 1}, "additionalProperties": attribute},
            ],
        },
        "Error": {
            "type": "object",
            "properties": {"error": {"type": "string", "description": "What is wrong, and with what."}},
            "required": ["error"],
        },
        "GatewayError": {
            "type": "object",
            "properties": {"message": {"type": "string"}},
            "required": ["message"],
        },
    }


def _parameters() -> dict[str, Any]:
    return {
        "id": {
            "name": "id",
            "in": "path",
            "required": True,
            "description": "The itemId, percent-encoded. API Gateway truncates a path at an encoded question mark.",
            "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY_BYTES},
        },
        "limit": {
            "name": "limit",
            "in": "query",
            "description": "The maximum number of items per page.",
            "schema": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT},
        },
        "next": {
            "name": "next",
            "in": "query",
            "description": "Where the page starts: a value from the Link header of the previous page.",
            "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{7,2736}$"},
        },
        "ifMatch": _condition("If-Match", "Write only if the item exists."),
        "ifNoneMatch": _condition("If-None-Match", "Write only if the item does not exist."),
    }


def _condition(name: str, description: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": description, "schema": {"const": "*"}}


def _responses() -> dict[str, Any]:
    ours = _ref("schemas", "Error")
    gateways = _ref("schemas", "GatewayError")
    either = {"anyOf": [ours, gateways]}
    retry = {
        "headers": {
            "Retry-After": {"description": "How long to wait, in seconds.", "schema": {"type": "integer", "minimum": 1}}
        }
    }
    return {
        "400": _error("The request is invalid. Nothing was written.", ours),
        "404": _error("The item does not exist.", either),
        "412": _error("The condition is not met. Nothing was written.", ours),
        "413": _error("The item exceeds DynamoDB's limit of 400 KB, or the body API Gateway's limit of 10 MB.", either),
        "429": _error("The request rate exceeds the throttling limits of the stage.", gateways),
        "500": _error("The deployment is faulty. The function's log contains the details.", either),
        "503": {**_error("The database is busy or unreachable.", either), **retry},
    }


def _error(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {_JSON: {"schema": schema}}}
