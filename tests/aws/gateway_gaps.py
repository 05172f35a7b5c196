"""The API Gateway v2 operations that moto lacks, added to its own classes: importing this module is enough.

GetAuthorizers, UpdateStage, DeleteRouteSettings, and tags of stages. Also what UpdateApi means by a CORS configuration.
Parameters are in `call.body` as on the wire, so their names begin with a lower-case letter.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

from moto.apigatewayv2 import urls
from moto.apigatewayv2.models import ApiGatewayV2Backend
from moto.apigatewayv2.responses import ApiGatewayV2Response

# UpdateStage merges these: what is not given in them stays.
_MERGED = ("defaultRouteSettings", "routeSettings", "stageVariables")
_ATTRIBUTES = {
    "autoDeploy": "auto_deploy",
    "defaultRouteSettings": "default_route_settings",
    "description": "description",
    "routeSettings": "route_settings",
    "stageVariables": "stage_variables",
}
_of_api = {name: getattr(ApiGatewayV2Backend, name) for name in ("get_tags", "tag_resource", "untag_resource")}
_set_api = {name: getattr(ApiGatewayV2Backend, name) for name in ("create_api", "update_api")}


def _stage_in_path(call: ApiGatewayV2Response) -> Any:
    api_id, _, stage, *_ = (unquote(part) for part in call.path.partition("/apis/")[2].split("/"))
    return call.apigatewayv2_backend.get_stage(api_id, stage)


def get_authorizers(call: ApiGatewayV2Response) -> tuple[int, dict[str, str], str]:
    api = call.apigatewayv2_backend.get_api(call.path.split("/")[-2])
    return 200, {}, json.dumps({"items": [authorizer.to_json() for authorizer in api.authorizers.values()]})


def update_stage(call: ApiGatewayV2Response) -> tuple[int, dict[str, str], str]:
    stage = _stage_in_path(call)
    for name, value in json.loads(call.body).items():
        attribute = _ATTRIBUTES[name]
        setattr(stage, attribute, {**getattr(stage, attribute), **value} if name in _MERGED else value)
    return 200, {}, json.dumps(stage.to_json())


def delete_route_settings(call: ApiGatewayV2Response) -> tuple[int, dict[str, str], str]:
    del _stage_in_path(call).route_settings[unquote(call.path.rpartition("/")[2])]
    return 204, {}, ""


def _stage_of(backend: ApiGatewayV2Backend, arn: str) -> Any:
    """The stage that an ARN names, or None: `arn:aws:apigateway:us-east-1::/apis/ID/stages/NAME`."""
    api_id, _, stage = arn.partition("/apis/")[2].partition("/stages/")
    return backend.get_stage(api_id, stage) if stage else None


def get_tags(backend: ApiGatewayV2Backend, resource_id: str) -> Any:
    stage = _stage_of(backend, resource_id)
    return stage.tags if stage else _of_api["get_tags"](backend, resource_id)


def tag_resource(backend: ApiGatewayV2Backend, resource_arn: str, tags: dict[str, str]) -> None:
    if stage := _stage_of(backend, resource_arn):
        stage.tags = {**stage.tags, **tags}
    else:
        _of_api["tag_resource"](backend, resource_arn, tags)


def untag_resource(backend: ApiGatewayV2Backend, resource_arn: str, tag_keys: list[str]) -> None:
    if stage := _stage_of(backend, resource_arn):
        stage.tags = {key: value for key, value in stage.tags.items() if key not in tag_keys}
    else:
        _of_api["untag_resource"](backend, resource_arn, tag_keys)


def create_api(backend: ApiGatewayV2Backend, *, cors_configuration: Any, **rest: Any) -> Any:
    return _set_api["create_api"](backend, cors_configuration=_merged_cors(None, cors_configuration), **rest)


def update_api(backend: ApiGatewayV2Backend, api_id: str, *, cors_configuration: Any, **rest: Any) -> Any:
    cors = _merged_cors(backend.get_api(api_id).cors_configuration, cors_configuration)
    return _set_api["update_api"](backend, api_id=api_id, cors_configuration=cors, **rest)


def _merged_cors(have: Any, given: Any) -> Any:
    """An omitted field is no change, so an empty configuration changes nothing. Header names become lower-case."""
    lower = {
        key: [name.lower() for name in given[key]] for key in ("allowHeaders", "exposeHeaders") if key in (given or {})
    }
    return {**(have or {}), **(given or {}), **lower} or None


for _class, _methods in (
    (ApiGatewayV2Response, (get_authorizers, update_stage, delete_route_settings)),
    (ApiGatewayV2Backend, (get_tags, tag_resource, untag_resource, create_api, update_api)),
):
    for _method in _methods:
        setattr(_class, _method.__name__, _method)
_ROUTE_SETTINGS = "{0}/v2/apis/(?P<api_id>[^/]+)/stages/(?P<stage_name>[^/]+)/routesettings/(?P<route_key>[^/]+)$"
urls.url_paths[_ROUTE_SETTINGS] = ApiGatewayV2Response.dispatch
