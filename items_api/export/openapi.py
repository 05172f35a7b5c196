"""The OpenAPI 3.1 document of the HTTP contract (docs/http.md)."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any


def document(title: str, version: str, server_url: str | None = None) -> dict[str, Any]:
    """The document for one deployment.

    Args:
        title: the name of the API.
        version: of the contract.
        server_url: the endpoint without a trailing slash; None leaves `servers` out.
    """
    template = (files(__package__) / "templates" / "openapi.json").read_text("utf-8")
    found: dict[str, Any] = json.loads(template)
    found["info"] |= {"title": title, "version": version}
    return found if server_url is None else {**found, "servers": [{"url": server_url}]}
