"""API Gateway v2 refuses what moto accepts: duplicate route keys, parts that are in use, parts that do not exist.

Messages as in hashicorp/terraform-provider-aws (`internal/service/apigatewayv2`) and in what its users report.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tests.aws.actions import ACCOUNT
from tests.aws.backends import backend
from tests.aws.layer import Document, Layer
from tests.aws.refusal import Refusal

if TYPE_CHECKING:
    from tests.aws.journal import Call


class StrictGateway(Layer):
    service = "apigatewayv2"

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
                    # The thing itself is not found; a reference to it is a bad request.
                    code, status = ("BadRequestException", 400) if key != _own_id(call) else ("NotFoundException", 404)
                    raise Refusal(code, f"Invalid {kind} identifier specified {p[key]}", status)
        return super().before(call)

    def before_create_route(self, call: Call) -> None:
        api, key = _api(call), call.parameters.get("RouteKey")
        kind, _, target = call.parameters.get("Target", "").partition("/")
        if kind == "integrations" and target not in api.integrations:
            raise Refusal("BadRequestException", f"Invalid Integration identifier specified {target}")
        for other in (r.route_key for r in api.routes.values() if r.route_id != call.parameters.get("RouteId")):
            if other == key:
                raise Refusal("ConflictException", f"Route with key {key} already exists for this API", 409)
            if key and _shape(other) == _shape(key):
                why = f"Route with key {key} has a conflicting variable on the same hierarchical level"
                raise Refusal("ConflictException", why, 409)

    before_update_route = before_create_route

    def after_update_route(self, call: Call, answer: Document) -> None:
        """A route that becomes open forgets its authorizer."""
        if answer.get("AuthorizationType") == "NONE":
            _api(call).routes[call.parameters["RouteId"]].authorizer_id = None
            answer.pop("AuthorizerId", None)

    def before_delete_integration(self, call: Call) -> None:
        target = f"integrations/{call.parameters['IntegrationId']}"
        if users := [r.route_id for r in _api(call).routes.values() if r.target == target]:
            why = "Cannot delete Integration because it is referenced by the following Routes: "
            raise Refusal("ConflictException", why + ", ".join(users), 409)

    def before_delete_authorizer(self, call: Call) -> None:
        if any(r.authorizer_id == call.parameters["AuthorizerId"] for r in _api(call).routes.values()):
            raise Refusal("ConflictException", "Cannot delete Authorizer because it is referenced by a Route", 409)

    def before_create_stage(self, call: Call) -> None:
        if call.parameters["StageName"] in _api(call).stages:
            raise Refusal("ConflictException", "Stage already exists", 409)
        _check_stage(call)

    def before_update_stage(self, call: Call) -> None:
        self.before_delete_stage(call)
        _check_stage(call)

    def before_delete_stage(self, call: Call) -> None:
        name = call.parameters["StageName"]
        if name not in _api(call).stages:
            raise Refusal("NotFoundException", f"Invalid Stage identifier specified {name}", 404)

    def before_delete_route_settings(self, call: Call) -> None:
        self.before_delete_stage(call)
        key = call.parameters["RouteKey"]
        if key not in _api(call).stages[call.parameters["StageName"]].route_settings:
            raise Refusal("NotFoundException", f"Unable to find Route by key {key}", 404)


def _api(call: Call) -> Any:
    api_id = call.parameters["ApiId"]
    apis = backend("apigatewayv2", call.region).apis
    if api_id not in apis:
        raise Refusal("NotFoundException", f"Invalid API identifier specified {ACCOUNT}:{api_id}", 404)
    return apis[api_id]


def _own_id(call: Call) -> str:
    """`UpdateRoute` is about the `RouteId` that it names."""
    return re.sub("^(Get|Update|Delete)", "", call.action_name) + "Id"


def _check_stage(call: Call) -> None:
    p = call.parameters
    if p.get("AutoDeploy") and p.get("DeploymentId"):
        raise Refusal("BadRequestException", "Deployment ID cannot be set on a stage with AutoDeploy turned on")
    keys = [route.route_key for route in _api(call).routes.values()]
    for key in p.get("RouteSettings", {}):
        if key not in keys:
            why = f"Unable to find Route by key {key} within the provided RouteSettings"
            raise Refusal("NotFoundException", why, 404)


def _shape(route_key: str) -> str:
    """The key without the names of its variables: `GET /items/{}`."""
    return re.sub(r"\{[^}+]*(\+?)\}", r"{\1}", route_key)
