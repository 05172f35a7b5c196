"""The HTTP API: CORS, one integration, a route a method, and the `$default` stage.

API Gateway's names are not unique and CreateApi is not idempotent, so an API is known by its tags. Where a lost answer
or a second `up` has made more than one, the oldest wins and the others go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from items_api.errors import AwsRefused, NotOurs, NotSettled
from items_api.handler.index import ROUTES
from items_api.provision import api_parts as parts
from items_api.provision.aws import LOST, code, is_unclear
from items_api.provision.step import Drift, Found, Step

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mypy_boto3_apigatewayv2.type_defs import ApiTypeDef

_ROUNDS = 6
_LOOKS_FOR_A_LOST_API = (0.0, 0.5, 1.5)  # seconds before each: GetApis may lag behind CreateApi


class Api(Step):
    """Its writes stay in sequence: API Gateway refuses parallel ones on one API."""

    type = "AWS::ApiGatewayV2::Api"
    title = "HTTP API"

    @property
    def name(self) -> str:
        return self.settings.api_name

    @property
    def api_id(self) -> str | None:
        return self.found.ids["api"] if self.found else None

    @property
    def endpoint(self) -> str | None:
        return self.found.ids["endpoint"] if self.found else None

    def want(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "cors": parts.cors_fields(parts.cors_configuration(self.settings)),
            "endpoint disabled": False,
            "integration": parts.integration_fields(parts.integration_request(self.arns.function)),
            **{f"route {route}": {"integration": "ours", "authorization": "NONE"} for route in ROUTES},
            "stage": parts.stage_fields(parts.stage_request(self.settings), self.want_tags()),
            "other integrations": [],
            "other routes": [],
            "other stages": [],
            "authorizers": [],
            "duplicates": [],
        }

    def read(self) -> Found | None:
        apis = self._apis()
        ours = self._ours(apis)
        strangers = [api for api in apis if api["Name"] == self.name and api not in ours]
        if not ours and not strangers:
            return None
        api, *duplicates = ours or sorted(strangers, key=_age)
        strange = strangers if ours else []
        try:
            return self._found(api, [dup["ApiId"] for dup in duplicates], strange)
        except ClientError as error:
            if code(error) == "NotFoundException":  # deleted since it was listed
                return None
            raise

    def _apis(self) -> list[ApiTypeDef]:
        return self.aws.every(self.aws.apigateway.get_apis, "Items")

    def _ours(self, apis: Iterable[ApiTypeDef]) -> list[ApiTypeDef]:
        """Oldest first."""
        owner = self.settings.owner_tags.items()
        return sorted((api for api in apis if owner <= api.get("Tags", {}).items()), key=_age)

    def _found(self, api: ApiTypeDef, duplicates: list[str], strangers: list[ApiTypeDef]) -> Found:
        gateway, api_id = self.aws.apigateway, api["ApiId"]
        integrations, routes, stages, authorizers = self.aws.together(
            lambda: self.aws.every(gateway.get_integrations, "Items", ApiId=api_id),
            lambda: self.aws.every(gateway.get_routes, "Items", ApiId=api_id),
            lambda: self.aws.every(gateway.get_stages, "Items", ApiId=api_id),
            lambda: self.aws.every(gateway.get_authorizers, "Items", ApiId=api_id),
        )
        inside = parts.Parts.of(self.arns.function, integrations, routes, stages, authorizers)
        return Found(
            arn=self.arns.api(api_id),
            fields={
                "name": api["Name"],
                "cors": parts.cors_fields(api.get("CorsConfiguration")),
                "endpoint disabled": api.get("DisableExecuteApiEndpoint", False),
                **inside.fields(ROUTES, self.want_tags()),
                "duplicates": duplicates,
            },
            tags=api.get("Tags", {}),
            ids={"api": api_id, "endpoint": api["ApiEndpoint"], "parts": inside},
            notes=tuple(f"API {s['ApiId']} has the same name and is not this stack's" for s in strangers),
        )

    def create(self) -> Found:
        for last in (False, False, True):
            try:
                return self._bare(self.aws.send_once(self.aws.apigateway.create_api, **self.create_request()))
            except (ClientError, *LOST) as error:
                if last or not is_unclear(error):
                    raise
                if found := self._find_lost():
                    return found
        raise AssertionError  # the last round returns or raises

    def create_request(self) -> dict[str, Any]:
        return {
            "Name": self.name,
            "ProtocolType": "HTTP",
            "CorsConfiguration": parts.cors_configuration(self.settings),
            "Tags": self.want_tags(),
        }

    def _find_lost(self) -> Found | None:
        """No answer to CreateApi: it may have made one. Look well before another is made."""
        for delay in _LOOKS_FOR_A_LOST_API:
            self.say("to see whether the HTTP API was made")
            self.aws.pause(delay)
            found = self.read()
            if found is not None and self.is_ours(found):
                return found
        return None

    def _bare(self, api: Mapping[str, Any]) -> Found:
        inside = parts.Parts.of(self.arns.function, [], [], [], [])
        fields = {**self.want(), **inside.fields(ROUTES, self.want_tags())}
        ids = {"api": api["ApiId"], "endpoint": api["ApiEndpoint"], "parts": inside}
        return Found(self.arns.api(api["ApiId"]), fields=fields, tags=self.want_tags(), ids=ids)

    def update(self, found: Found, drift: Mapping[str, Drift]) -> None:
        """Mend and look again until nothing differs: another `up` may be at work on the same API."""
        refusal: ClientError | None = None
        for _ in range(_ROUNDS):
            try:
                self._mend(found, drift)
            except ClientError as error:
                # Somebody else made, or deleted, what we were about to: look again.
                if code(error) not in ("ConflictException", "NotFoundException"):
                    raise
                refusal = error
            seen = self.look()
            if seen is None:
                raise AwsRefused(
                    f"The {self.title} {self.name} vanished while it was being configured.",
                    "Another items-api down is probably running.",
                    "Run up again when it has ended.",
                )
            found, drift = seen, {d.field: d for d in self.compare(seen)}
            if not drift:
                return
        raise refusal or NotSettled(
            f"The {self.title} {self.name} still differs after {_ROUNDS} rounds: {', '.join(drift)}.",
            "Something else keeps changing it.",
            "Find out what, and run up again.",
        )

    def _mend(self, found: Found, drift: Mapping[str, Drift]) -> None:
        gateway, api_id = self.aws.apigateway, found.ids["api"]
        for duplicate in found.fields["duplicates"]:
            self._delete_api(duplicate)
        if "tags" in drift:
            self.aws.send(gateway.tag_resource, ResourceArn=self.arns.api(api_id), Tags=self.want_tags())
        if drift.keys() & {"name", "cors", "endpoint disabled"}:
            self.aws.send(
                gateway.update_api,
                ApiId=api_id,
                Name=self.name,
                CorsConfiguration=parts.cors_update(self.settings, found.fields["cors"]),  # type: ignore[arg-type]
                DisableExecuteApiEndpoint=False,
            )
        inside: parts.Parts = found.ids["parts"]
        # What a route points at stands before the route and goes after it; the stage comes last, so that a new API is
        # deployed once.
        integration_id = self._mend_integration(api_id, inside, drift)
        self._mend_routes(api_id, inside, integration_id)
        self._mend_stage(api_id, inside, drift)
        for other in inside.other_integrations:
            self.aws.send(gateway.delete_integration, ApiId=api_id, IntegrationId=other["IntegrationId"])
        for authorizer in inside.authorizers:
            self.aws.send(gateway.delete_authorizer, ApiId=api_id, AuthorizerId=authorizer["AuthorizerId"])

    def _mend_integration(self, api_id: str, inside: parts.Parts, drift: Mapping[str, Drift]) -> str:
        gateway, request = self.aws.apigateway, parts.integration_request(self.arns.function)
        if inside.integration is None:
            return self.aws.send(gateway.create_integration, ApiId=api_id, **request)["IntegrationId"]
        integration_id: str = inside.integration["IntegrationId"]
        if "integration" in drift:
            self.aws.send(gateway.update_integration, ApiId=api_id, IntegrationId=integration_id, **request)
        return integration_id

    def _mend_routes(self, api_id: str, inside: parts.Parts, integration_id: str) -> None:
        gateway, target = self.aws.apigateway, f"integrations/{integration_id}"
        for key in ROUTES:
            route = inside.routes.get(key)
            if route is None:
                self.aws.send(gateway.create_route, ApiId=api_id, RouteKey=key, Target=target)
            elif route.get("Target") != target or route.get("AuthorizationType", "NONE") != "NONE":
                self.aws.send(
                    gateway.update_route,
                    ApiId=api_id,
                    RouteId=route["RouteId"],
                    Target=target,
                    AuthorizationType="NONE",
                )
        for key, route in inside.routes.items():
            if key not in ROUTES:
                self.aws.send(gateway.delete_route, ApiId=api_id, RouteId=route["RouteId"])

    def _mend_stage(self, api_id: str, inside: parts.Parts, drift: Mapping[str, Drift]) -> None:
        gateway, request = self.aws.apigateway, parts.stage_request(self.settings)
        stage = inside.stages.get(parts.STAGE)
        if stage is None:
            self.aws.send(gateway.create_stage, ApiId=api_id, **request, Tags=self.want_tags())
        elif "stage" in drift:
            for key in stage.get("RouteSettings", {}):
                self.aws.send(gateway.delete_route_settings, ApiId=api_id, StageName=parts.STAGE, RouteKey=key)
            self.aws.send(gateway.update_stage, ApiId=api_id, **request)
            self.aws.send(gateway.tag_resource, ResourceArn=self.arns.stage(api_id, parts.STAGE), Tags=self.want_tags())
        for name in inside.stages:
            if name != parts.STAGE:
                self.aws.send(gateway.delete_stage, ApiId=api_id, StageName=name)

    def check_adoptable(self, found: Found) -> None:
        if found.fields["duplicates"]:
            raise self.foreign(found)

    def foreign(self, found: Found) -> NotOurs:
        others = found.fields["duplicates"]
        if not others:
            return super().foreign(found)
        return NotOurs(
            f"{1 + len(others)} HTTP APIs are named {self.name}, and none is this stack's: "
            f"{', '.join([found.ids['api'], *others])}.",
            "Names of APIs are not unique, so --adopt can not tell which one is meant.",
            "Delete or rename all but one, or choose another --name.",
        )

    def delete(self, found: Found) -> None:
        for api_id in (found.ids["api"], *found.fields["duplicates"]):
            self._delete_api(api_id)
        self.settle(
            lambda: self._ours(self._apis()),
            until=lambda ours: not ours,
            waiting="until the HTTP API is gone",
        )

    def _delete_api(self, api_id: str) -> None:
        try:
            self.aws.send(self.aws.apigateway.delete_api, ApiId=api_id)
        except ClientError as error:
            if code(error) != "NotFoundException":
                raise


def _age(api: ApiTypeDef) -> tuple[Any, str]:
    return (api["CreatedDate"], api["ApiId"])
