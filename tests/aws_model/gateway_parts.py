"""API Gateway v2: the integrations, routes, stages and authorizers of an HTTP API.

Messages as in hashicorp/terraform-provider-aws (`internal/service/apigatewayv2`) and in what its users report.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from tests.aws_model.refusal import Refusal
from tests.aws_model.service import Document, Service, clone

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.aws_model.gateway import Api

_MERGED = ("DefaultRouteSettings", "RouteSettings", "StageVariables")  # what is not given in them stays


class GatewayParts(Service):
    @abstractmethod
    def _api(self, p: Document) -> Api: ...

    def create_integration(self, p: Document) -> Document:
        api, integration_id = self._api(p), self.place.new_id("integration", 7)
        if p["IntegrationType"] == "AWS_PROXY" and "IntegrationUri" not in p:
            raise Refusal("BadRequestException", "IntegrationUri is required for AWS_PROXY integrations")
        defaults = {"ConnectionType": "INTERNET", "IntegrationMethod": "POST", "TimeoutInMillis": 30_000}
        api.integrations[integration_id] = {**defaults, **_without_ids(p), "IntegrationId": integration_id}
        return self._deployed(api, api.integrations[integration_id])

    def get_integrations(self, p: Document) -> Document:
        return self._page([clone(item) for item in self._api(p).integrations.values()], p)

    def update_integration(self, p: Document) -> Document:
        api = self._api(p)
        integration = _part(api.integrations, p["IntegrationId"], "Integration")
        integration.update(_without_ids(p))
        return self._deployed(api, integration)

    def delete_integration(self, p: Document) -> None:
        api, integration_id = self._api(p), p["IntegrationId"]
        _part(api.integrations, integration_id, "Integration")
        users = [r for r in api.routes.values() if r.get("Target") == f"integrations/{integration_id}"]
        if users:
            why = "Cannot delete Integration because it is referenced by the following Routes: "
            raise Refusal("ConflictException", why + ", ".join(r["RouteId"] for r in users), 409)
        del api.integrations[integration_id]

    def create_route(self, p: Document) -> Document:
        api, route_id = self._api(p), self.place.new_id("route", 7)
        self._check_route(api, p)
        defaults = {"ApiKeyRequired": False, "AuthorizationType": "NONE"}
        api.routes[route_id] = {**defaults, **_without_ids(p), "RouteId": route_id}
        return self._deployed(api, api.routes[route_id])

    def get_routes(self, p: Document) -> Document:
        return self._page([clone(item) for item in self._api(p).routes.values()], p)

    def update_route(self, p: Document) -> Document:
        api = self._api(p)
        route = _part(api.routes, p["RouteId"], "Route")
        self._check_route(api, p, besides=p["RouteId"])
        route.update(_without_ids(p))
        if route["AuthorizationType"] == "NONE":
            route.pop("AuthorizerId", None)
        return self._deployed(api, route)

    def delete_route(self, p: Document) -> None:
        api = self._api(p)
        _part(api.routes, p["RouteId"], "Route")
        del api.routes[p["RouteId"]]
        self._deployed(api, {})

    def create_stage(self, p: Document) -> Document:
        api, name = self._api(p), p["StageName"]
        if name in api.stages:
            raise Refusal("ConflictException", "Stage already exists", 409)
        _check_deployment(p)
        self._check_route_settings(api, p)
        api.stages[name] = {
            "CreatedDate": self.place.time(),
            "LastUpdatedDate": self.place.time(),
            "DefaultRouteSettings": {"DetailedMetricsEnabled": False},
            "RouteSettings": {},
            "StageVariables": {},
            "Tags": {},
        }
        _merge(api.stages[name], p)
        return self._deployed(api, api.stages[name])

    def get_stages(self, p: Document) -> Document:
        return self._page([clone(item) for item in self._api(p).stages.values()], p)

    def update_stage(self, p: Document) -> Document:
        api = self._api(p)
        stage = self._stage(api, p["StageName"])
        _check_deployment({**stage, "DeploymentId": None, **p})
        self._check_route_settings(api, p)
        _merge(stage, p)
        stage["LastUpdatedDate"] = self.place.time()
        return self._deployed(api, stage)

    def delete_stage(self, p: Document) -> None:
        api = self._api(p)
        self._stage(api, p["StageName"])
        del api.stages[p["StageName"]]

    def delete_route_settings(self, p: Document) -> None:
        settings = self._stage(self._api(p), p["StageName"])["RouteSettings"]
        if p["RouteKey"] not in settings:
            raise Refusal("NotFoundException", f"Unable to find Route by key {p['RouteKey']}", 404)
        del settings[p["RouteKey"]]

    def delete_access_log_settings(self, p: Document) -> None:
        self._stage(self._api(p), p["StageName"]).pop("AccessLogSettings", None)

    def create_authorizer(self, p: Document) -> Document:
        api, authorizer_id = self._api(p), self.place.new_id("authorizer", 6)
        api.authorizers[authorizer_id] = {**_without_ids(p), "AuthorizerId": authorizer_id}
        return clone(api.authorizers[authorizer_id])  # type: ignore[no-any-return]

    def get_authorizers(self, p: Document) -> Document:
        return self._page([clone(item) for item in self._api(p).authorizers.values()], p)

    def delete_authorizer(self, p: Document) -> None:
        api, authorizer_id = self._api(p), p["AuthorizerId"]
        _part(api.authorizers, authorizer_id, "Authorizer")
        if any(route.get("AuthorizerId") == authorizer_id for route in api.routes.values()):
            why = "Cannot delete Authorizer because it is referenced by a Route"
            raise Refusal("ConflictException", why, 409)
        del api.authorizers[authorizer_id]

    def _check_route(self, api: Api, p: Document, besides: str = "") -> None:
        kind, _, target = p.get("Target", "").partition("/")
        if kind == "integrations" and target not in api.integrations:
            raise Refusal("BadRequestException", f"Invalid Integration identifier specified {target}")
        authorizer = p.get("AuthorizerId")
        if authorizer and authorizer not in api.authorizers:
            raise Refusal("BadRequestException", f"Invalid Authorizer identifier specified {authorizer}")
        key = p.get("RouteKey")
        for other in (route["RouteKey"] for route_id, route in api.routes.items() if route_id != besides):
            if other == key:
                raise Refusal("ConflictException", f"Route with key {key} already exists for this API", 409)
            if key and _shape(other) == _shape(key):
                why = f"Route with key {key} has a conflicting variable on the same hierarchical level"
                raise Refusal("ConflictException", why, 409)

    def _check_route_settings(self, api: Api, p: Document) -> None:
        for key in p.get("RouteSettings", {}):
            if key not in [route["RouteKey"] for route in api.routes.values()]:
                why = f"Unable to find Route by key {key} within the provided RouteSettings"
                raise Refusal("NotFoundException", why, 404)

    def _stage(self, api: Api, name: str) -> Document:
        return _part(api.stages, name, "Stage")

    def _deployed(self, api: Api, answer: Document) -> Document:
        """Every change of what a stage with auto-deploy serves is a new deployment."""
        for stage in api.stages.values():
            if stage.get("AutoDeploy"):
                stage["DeploymentId"] = deployment = self.place.new_id("deployment", 6)
                said = f"Successfully deployed stage with deployment ID '{deployment}'"
                stage["LastDeploymentStatusMessage"] = said
        return clone(answer)  # type: ignore[no-any-return]

    def _page(self, items: Sequence[Any], p: Document) -> Document:
        page, token = self.place.page(items, p.get("NextToken"))
        return {"Items": page, **({"NextToken": token} if token else {})}


def _part(parts: dict[str, Document], part_id: str, kind: str) -> Document:
    if part_id not in parts:
        raise Refusal("NotFoundException", f"Invalid {kind} identifier specified {part_id}", 404)
    return parts[part_id]


def _without_ids(p: Document) -> Document:
    return {k: clone(v) for k, v in p.items() if k not in ("ApiId", "IntegrationId", "RouteId")}


def _merge(stage: Document, p: Document) -> None:
    for key, value in _without_ids(p).items():
        stage[key] = {**stage.get(key, {}), **value} if key in _MERGED else value


def _check_deployment(p: Document) -> None:
    if p.get("AutoDeploy") and p.get("DeploymentId"):
        why = "Deployment ID cannot be set on a stage with AutoDeploy turned on"
        raise Refusal("BadRequestException", why)


def _shape(route_key: str) -> str:
    """The key without the names of its variables: `GET /items/{}`."""
    return re.sub(r"\{[^}+]*(\+?)\}", r"{\1}", route_key)
