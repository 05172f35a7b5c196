"""The writes that make an HTTP API match the settings, in an order in which it always works."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from items_api import oidc
from items_api.aws.errors import ServiceError
from items_api.errors import AwsRefused
from items_api.handler import ROUTES
from items_api.provision import api_parts
from items_api.provision.authorization import authorizer_request, route_request, route_update

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Set

    from items_api.provision.api import Api, FoundApi


class ApiUpdate:
    """One pass over an API that was found. `parts` are the fields that differ.

    The writes are sent one by one: API Gateway rejects parallel writes on one API.
    """

    def __init__(self, step: Api, found: FoundApi, parts: Set[str]) -> None:
        self._settings = step.settings
        self._step = step
        self._gateway = step.aws.apigateway
        self._found = found
        self._have = found.parts
        self._parts = parts

    def _send(self, call: Callable[..., Any], **request: Any) -> Any:
        return self._step.aws.send(call, ApiId=self._found.api_id, **request)

    def apply(self) -> None:
        gateway = self._gateway
        if "tags" in self._parts:
            self._apply_tags(self._found.arn, self._found.tags or {})
        if self._parts & {"name", "cors", "endpoint disabled"}:
            cors = api_parts.cors_update(self._settings, self._found.fields["cors"])
            name = self._settings.api_name
            self._send(gateway.update_api, Name=name, CorsConfiguration=cors, DisableExecuteApiEndpoint=False)
        # An integration or authorizer is created before the route that points to it and deleted after it. The stage
        # comes last, so that a new API is deployed once.
        integration_id = self._apply_integration()
        authorizer_id = self._apply_authorizer() if self._settings.auth == "jwt" else None
        self._apply_routes(integration_id, authorizer_id)
        self._apply_stage()
        for other in self._have.other_integrations:
            self._send(gateway.delete_integration, IntegrationId=other["IntegrationId"])
        unused = [self._have.authorizer] if self._have.authorizer and authorizer_id is None else []
        for authorizer in (*unused, *self._have.other_authorizers):
            self._send(gateway.delete_authorizer, AuthorizerId=authorizer["AuthorizerId"])

    def _apply_integration(self) -> str:
        request = api_parts.integration_request(self._step.arns.alias)
        if self._have.integration is None:
            return str(self._send(self._gateway.create_integration, **request)["IntegrationId"])
        integration_id = str(self._have.integration["IntegrationId"])
        if "integration" in self._parts:
            self._send(self._gateway.update_integration, IntegrationId=integration_id, **request)
        return integration_id

    def _apply_authorizer(self) -> str:
        request = authorizer_request(self._settings)
        try:
            if self._have.authorizer is None:
                return str(self._send(self._gateway.create_authorizer, **request)["AuthorizerId"])
            authorizer_id = str(self._have.authorizer["AuthorizerId"])
            if "authorizer" in self._parts:
                self._send(self._gateway.update_authorizer, AuthorizerId=authorizer_id, **request)
        except ServiceError as error:
            # API Gateway fetches the issuer's discovery document.
            issuer = self._settings.jwt_issuer
            if not error.says("BadRequestException", text=issuer):
                raise
            raise AwsRefused(
                f"API Gateway does not accept the issuer {issuer}.",
                f"{error.operation}: {error.message}",
                f"Correct --jwt-issuer, or make {oidc.discovery_url(issuer)} reachable from the internet.",
            ) from error
        return authorizer_id

    def _apply_routes(self, integration_id: str, authorizer_id: str | None) -> None:
        """A new route is never open for a moment: it is created with its authorization."""
        target, want = f"integrations/{integration_id}", self._step.want()
        for key in ROUTES:
            route = self._have.routes.get(key)
            if route is None:
                who = route_request(self._settings, key, authorizer_id)
                self._send(self._gateway.create_route, RouteKey=key, Target=target, **who)
            elif self._found.fields[f"route {key}"] != want[f"route {key}"]:
                who = route_update(self._settings, key, authorizer_id)
                self._send(self._gateway.update_route, RouteId=route["RouteId"], Target=target, **who)
        for key, route in self._have.routes.items():
            if key not in ROUTES:
                self._send(self._gateway.delete_route, RouteId=route["RouteId"])

    def _apply_stage(self) -> None:
        gateway, request = self._gateway, api_parts.stage_request(self._settings)
        stage = self._have.stages.get(api_parts.STAGE)
        if stage is None:
            self._send(gateway.create_stage, **request, Tags=self._step.want_tags())
        elif "stage" in self._parts:
            for key in stage.get("RouteSettings", {}):
                self._send(gateway.delete_route_settings, StageName=api_parts.STAGE, RouteKey=key)
            self._send(gateway.update_stage, **request)
            self._apply_tags(self._step.arns.stage(self._found.api_id, api_parts.STAGE), stage.get("Tags", {}))
        for name in self._have.stages:
            if name != api_parts.STAGE:
                self._send(gateway.delete_stage, StageName=name)

    def _apply_tags(self, arn: str, have: Mapping[str, str]) -> None:
        send = self._step.aws.send
        send(self._gateway.tag_resource, ResourceArn=arn, Tags=self._step.want_tags())
        if unwanted := self._step.unwanted(have):
            send(self._gateway.untag_resource, ResourceArn=arn, TagKeys=unwanted)
