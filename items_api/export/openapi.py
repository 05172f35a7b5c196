"""The OpenAPI 3.1 document of the HTTP contract (docs/http.md)."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from items_api import oidc
from items_api.provision.authorization import scopes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from items_api.settings import Settings

_SIGNATURE = {
    "type": "apiKey",
    "name": "Authorization",
    "in": "header",
    "description": "AWS Signature Version 4, for the service execute-api.",
    "x-amazon-apigateway-authtype": "awsSigv4",
}
_REFUSED = {"401": "The token is missing or invalid.", "403": "The caller may not do this."}


def document(
    title: str, version: str, server_url: str | None = None, settings: Settings | None = None
) -> dict[str, Any]:
    """The document for one deployment.

    Args:
        title: the name of the API.
        version: of the contract.
        server_url: the endpoint without a trailing slash; None leaves `servers` out.
        settings: who may call the API, and its indexes; None means anyone, and no indexes.
    """
    template = (files(__package__) / "templates" / "openapi.json").read_text("utf-8")
    found: dict[str, Any] = json.loads(template)
    found["info"] |= {"title": title, "version": version}
    if settings and settings.auth != "none":
        _authorize(found, settings)
    if settings:
        _add_indexes(found, settings.index_names)
    return found if server_url is None else {**found, "servers": [{"url": server_url}]}


def _add_indexes(document: dict[str, Any], attributes: Iterable[str]) -> None:
    """Add a query parameter for each attribute with an index, and its type to the bodies of requests."""
    schemas = document["components"]["schemas"]
    key = {name: schemas["Item"]["properties"]["itemId"][name] for name in ("type", "minLength", "maxLength")}
    for attribute in attributes:
        document["paths"]["/items"]["get"]["parameters"].append(
            {
                "name": attribute,
                "in": "query",
                "description": f"Only items with this {attribute}. At most one attribute can be given.",
                "schema": key,
            }
        )
        for schema in ("NewItem", "ReplacementItem"):
            schemas[schema]["properties"][attribute] = key
        schemas["Patch"]["properties"][attribute] = {**key, "type": ["string", "null"]}


def _authorize(document: dict[str, Any], settings: Settings) -> None:
    """Add the security scheme, and to each operation what it requires and how it refuses."""
    scheme = _SIGNATURE
    if settings.auth == "jwt":
        scheme = {"type": "openIdConnect", "openIdConnectUrl": oidc.discovery_url(settings.jwt_issuer)}
    document["components"].setdefault("securitySchemes", {})[settings.auth] = scheme
    codes = ("401", "403") if settings.auth == "jwt" else ("403",)
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}}
    message = {"type": "object", "properties": {"message": {"type": "string"}}, "required": ["message"]}
    document["components"]["schemas"]["Refusal"] = message
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if method in ("get", "post", "put", "patch", "delete"):
                needed = scopes(settings, f"{method.upper()} {path}") if settings.auth == "jwt" else []
                operation["security"] = [{settings.auth: needed}]
                operation["responses"] |= {code: {"description": _REFUSED[code], "content": content} for code in codes}
