"""Corrections of ministack's control plane of API Gateway, where it differs from AWS in what this tool needs."""

from __future__ import annotations

import re
from functools import wraps
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from ministack.services import apigateway  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_ROUTE_SETTINGS = re.compile(r"/v2/apis/(?P<api>[^/]+)/stages/(?P<stage>[^/]+)/routesettings/(?P<route>[^/]+)/?")


def correct_ministack() -> None:
    """Its lists have only the tags of the creation, and its DeleteRouteSettings deletes the stage."""
    apigateway.handle_request = _keeping_the_stage(apigateway.handle_request)
    apigateway._tag_resource = _copying(apigateway._tag_resource)  # noqa: SLF001 - no public API
    apigateway._untag_resource = _copying(apigateway._untag_resource)  # noqa: SLF001


def _keeping_the_stage(handle: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    @wraps(handle)
    async def handle_request(method: str, path: str, *request: Any) -> Any:
        found = _ROUTE_SETTINGS.fullmatch(path) if method == "DELETE" else None
        if found is None:
            return await handle(method, path, *request)
        stage = apigateway._stages.get(found["api"], {}).get(unquote(found["stage"]), {})  # noqa: SLF001
        if stage.get("routeSettings", {}).pop(unquote(found["route"]), None) is None:
            return apigateway._apigw_error("NotFoundException", "Unable to find Route by key", 404)  # noqa: SLF001
        return 204, {}, b""

    return handle_request


def _copying(change: Callable[[str, Any], Any]) -> Callable[[str, Any], Any]:
    @wraps(change)
    def copying(arn: str, argument: Any) -> Any:
        response = change(arn, argument)
        api_id, _, stage = arn.partition("/apis/")[2].partition("/stages/")
        record = apigateway._stages.get(api_id, {}).get(stage) if stage else apigateway._apis.get(api_id)  # noqa: SLF001
        if record is not None:
            record["tags"] = dict(apigateway._api_tags.get(arn, {}))  # noqa: SLF001
        return response

    return copying
