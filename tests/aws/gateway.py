"""API Gateway v2: operations that moto lacks, requests that only moto accepts, and lists that lag.

GetAuthorizers, UpdateStage, DeleteRouteSettings and CORS are added to moto's own classes. There, parameters are named
as on the wire: their names begin with a lower-case letter. The rest is a layer. Messages as in
hashicorp/terraform-provider-aws (`internal/service/apigatewayv2`) and in what its users report.
"""

import itertools
import json
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote

from botocore import xform_name
from moto.apigatewayv2 import urls
from moto.apigatewayv2.models import ApiGatewayV2Backend
from moto.apigatewayv2.responses import ApiGatewayV2Response

from tests.aws.delays import Timing
from tests.aws.faults import Call, ErrorResponse
from tests.aws.layer import ACCOUNT, Document, Layer, backend

# UpdateStage merges these: what is not given in them stays.
_MERGED = ("defaultRouteSettings", "routeSettings", "stageVariables")
_moto_create_api, _moto_update_api = ApiGatewayV2Backend.create_api, ApiGatewayV2Backend.update_api


def get_authorizers(response: ApiGatewayV2Response) -> tuple[int, dict[str, str], str]:
    api = response.apigatewayv2_backend.get_api(response.path.split("/")[-2])
    return 200, {}, json.dumps({"items": [authorizer.to_json() for authorizer in api.authorizers.values()]})


def update_stage(response: ApiGatewayV2Response) -> tuple[int, dict[str, str], str]:
    stage = _stage_in_path(response)
    for name, value in json.loads(response.body).items():
        attribute = xform_name(name)
        setattr(stage, attribute, {**getattr(stage, attribute), **value} if name in _MERGED else value)
    return 200, {}, json.dumps(stage.to_json())


def delete_route_settings(response: ApiGatewayV2Response) -> tuple[int, dict[str, str], str]:
    del _stage_in_path(response).route_settings[unquote(response.path.rpartition("/")[2])]
    return 204, {}, ""


def create_api(moto: ApiGatewayV2Backend, *, cors_configuration: Any, **rest: Any) -> Any:
    return _moto_create_api(moto, cors_configuration=_merged_cors(None, cors_configuration), **rest)


def update_api(moto: ApiGatewayV2Backend, api_id: str, *, cors_configuration: Any, **rest: Any) -> Any:
    cors = _merged_cors(moto.get_api(api_id).cors_configuration, cors_configuration)
    return _moto_update_api(moto, api_id=api_id, cors_configuration=cors, **rest)


def _stage_in_path(response: ApiGatewayV2Response) -> Any:
    api_id, _, stage, *_ = (unquote(part) for part in response.path.partition("/apis/")[2].split("/"))
    return response.apigatewayv2_backend.get_stage(api_id, stage)


def _merged_cors(have: Any, given: Any) -> Any:
    """An omitted field is no change, so an empty configuration changes nothing. Header names become lower-case."""
    merged = {**(have or {}), **(given or {})}
    for key in merged.keys() & {"allowHeaders", "exposeHeaders"}:
        merged[key] = [name.lower() for name in merged[key]]
    return merged or None


for _class, _methods in (
    (ApiGatewayV2Response, (get_authorizers, update_stage, delete_route_settings)),
    (ApiGatewayV2Backend, (create_api, update_api)),
):
    for _method in _methods:
        setattr(_class, _method.__name__, _method)
_ROUTE_SETTINGS = "{0}/v2/apis/(?P<api_id>[^/]+)/stages/(?P<stage_name>[^/]+)/routesettings/(?P<route_key>[^/]+)$"
urls.url_paths[_ROUTE_SETTINGS] = ApiGatewayV2Response.dispatch


class ApiGateway(Layer):
    service = "apigatewayv2"
    conflict = (
        "ConflictException",
        "Unable to complete operation due to concurrent modification. Please try again later.",
        409,
    )

    def __init__(self, timing: Timing) -> None:
        super().__init__(timing)
        self._deployments = itertools.count(1)
        self._listed_at: dict[str, float] = {}
        self._created: dict[str, datetime] = {}
        self._last_created = self.date

    def busy_with(self, call: Call) -> str | None:
        return call.parameters.get("ApiId") or _api_and_stage(call)[0]

    def before(self, call: Call) -> Document | None:
        p = call.parameters
        if "ApiId" in p:
            api = _api(call)
            for key, kind, parts in (
                ("IntegrationId", "Integration", api.integrations),
                ("RouteId", "Route", api.routes),
                ("AuthorizerId", "Authorizer", api.authorizers),
            ):
                if key in p and p[key] not in parts:
                    raise _invalid(kind, p[key])
        return super().before(call)

    def after_create_api(self, call: Call, response: Document) -> None:
        # Distinct, so that there is an oldest one.
        self._last_created = max(self.date, self._last_created + timedelta(milliseconds=1))
        self._created[response["ApiId"]] = response["CreatedDate"] = self._last_created
        self._listed_at[response["ApiId"]] = self.now + self.delays.apis_listed

    def after_get_api(self, call: Call, response: Document) -> None:
        response["CreatedDate"] = self._created[response["ApiId"]]

    after_update_api = after_get_api

    def after_get_apis(self, call: Call, response: Document) -> None:
        """The list may lag, and promises no order."""
        listed = [api for api in response["Items"] if self.now >= self._listed_at[api["ApiId"]]]
        response["Items"] = sorted(listed, key=lambda api: str(api["ApiId"]))  # the ids are random
        for api in response["Items"]:
            self.after_get_api(call, api)

    def after_get_stages(self, call: Call, response: Document) -> None:
        """The deployment id changes."""
        for stage in response["Items"]:
            stage["Tags"] = _api(call).stages[stage["StageName"]].tags
            if stage.get("AutoDeploy"):
                stage["DeploymentId"] = f"d{next(self._deployments):06}"

    def before_create_route(self, call: Call) -> None:
        api, key = _api(call), call.parameters.get("RouteKey")
        kind, _, target = call.parameters.get("Target", "").partition("/")
        if kind == "integrations" and target not in api.integrations:
            raise ErrorResponse("BadRequestException", f"Invalid Integration identifier specified {target}")
        if any(route.route_key == key for route in api.routes.values()):
            raise _conflict(f"Route with key {key} already exists for this API")

    before_update_route = before_create_route

    def after_update_route(self, call: Call, response: Document) -> None:
        """A route with another authorization loses its authorizer and scopes. moto ignores new scopes."""
        route = _api(call).routes[call.parameters["RouteId"]]
        if "AuthorizationScopes" in call.parameters:
            route.authorization_scopes = call.parameters["AuthorizationScopes"] or None
        if route.authorization_type != "JWT":
            route.authorizer_id = route.authorization_scopes = None
            response.pop("AuthorizerId", None)

    def before_delete_integration(self, call: Call) -> None:
        target = f"integrations/{call.parameters['IntegrationId']}"
        if users := [r.route_id for r in _api(call).routes.values() if r.target == target]:
            why = "Cannot delete Integration because it is referenced by the following Routes: "
            raise _conflict(why + ", ".join(users))

    def before_delete_authorizer(self, call: Call) -> None:
        if any(r.authorizer_id == call.parameters["AuthorizerId"] for r in _api(call).routes.values()):
            raise _conflict("Cannot delete Authorizer because it is referenced by a Route")

    def before_create_stage(self, call: Call) -> None:
        if call.parameters["StageName"] in _api(call).stages:
            raise _conflict("Stage already exists")

    def before_delete_stage(self, call: Call) -> None:
        if call.parameters["StageName"] not in _api(call).stages:
            raise _invalid("Stage", call.parameters["StageName"])

    before_update_stage = before_delete_stage

    def before_delete_route_settings(self, call: Call) -> None:
        self.before_delete_stage(call)
        key = call.parameters["RouteKey"]
        if key not in _api(call).stages[call.parameters["StageName"]].route_settings:
            raise ErrorResponse("NotFoundException", f"Unable to find Route by key {key}", 404)

    def before_get_tags(self, call: Call) -> Document | None:
        """A stage has tags too."""
        stage = _tagged_stage(call)
        return {"Tags": stage.tags} if stage else None

    def before_tag_resource(self, call: Call) -> Document | None:
        if stage := _tagged_stage(call):
            stage.tags = {**stage.tags, **call.parameters["Tags"]}
        return {} if stage else None

    def before_untag_resource(self, call: Call) -> Document | None:
        if stage := _tagged_stage(call):
            stage.tags = {key: value for key, value in stage.tags.items() if key not in call.parameters["TagKeys"]}
        return {} if stage else None


def _api(call: Call) -> Any:
    api_id = call.parameters["ApiId"]
    apis = backend("apigatewayv2", call.region).apis
    if api_id not in apis:
        raise _invalid("API", f"{ACCOUNT}:{api_id}")
    return apis[api_id]


def _api_and_stage(call: Call) -> tuple[str, str]:
    """What the ARN in a tag request names: `arn:aws:apigateway:us-east-1::/apis/ID` or `.../apis/ID/stages/NAME`."""
    api_id, _, stage = call.parameters.get("ResourceArn", "").partition("/apis/")[2].partition("/stages/")
    return api_id, stage


def _tagged_stage(call: Call) -> Any:
    """Moto's stage, or None if the ARN names an API."""
    api_id, name = _api_and_stage(call)
    api = backend("apigatewayv2", call.region).apis.get(api_id)
    if name and (api is None or name not in api.stages):
        raise _invalid("Stage", name)
    return api.stages[name] if name else None


def _conflict(why: str) -> ErrorResponse:
    return ErrorResponse("ConflictException", why, 409)


def _invalid(kind: str, identifier: str) -> ErrorResponse:
    return ErrorResponse("NotFoundException", f"Invalid {kind} identifier specified {identifier}", 404)
