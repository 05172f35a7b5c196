"""The HTTP API: CORS, one integration, a route a method, and the `$default` stage.

API Gateway's names are not unique and CreateApi is not idempotent, so an API is known by its tags. Where a lost answer
or a second `up` has made more than one, the oldest wins and the others go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from items_api.errors import NotOurs, NotSettled, Vanished
from items_api.handler import ROUTES
from items_api.provision import api_parts
from items_api.provision.answers import LOST, code, is_unclear
from items_api.provision.step import Found, Right, Step

if TYPE_CHECKING:
    from collections.abc import Mapping, Set

    from mypy_boto3_apigatewayv2.type_defs import ApiTypeDef

    from items_api.settings import Arns

_ROUNDS = 6
_LOOKS_FOR_A_LOST_API = (0.0, 0.5, 1.5)  # seconds before each: GetApis may lag behind CreateApi


class Api(Step):
    """Its writes stay in sequence: API Gateway refuses parallel ones on one API."""

    type = "AWS::ApiGatewayV2::Api"
    title = "HTTP API"
    _made: str | None = None  # the id that CreateApi gave this command

    @property
    def name(self) -> str:
        return self.settings.api_name

    @property
    def api_id(self) -> str | None:
        return self.found.ids["api"] if self.found else None

    @property
    def endpoint(self) -> str | None:
        return self.found.ids["endpoint"] if self.found else None

    @classmethod
    def rights(cls, arns: Arns) -> tuple[Right, ...]:
        """API Gateway's actions are HTTP methods, its resources the paths of its REST API."""
        anything = arns.api("*")
        apis = anything.removesuffix("/*")
        tags = apis.removesuffix("/apis") + "/tags/*"
        return (
            # AWS chooses an API's id, so no pattern can tell this stack's API from the region's others.
            Right(("apigateway:GET", "apigateway:POST"), (apis, anything, tags)),
            Right(("apigateway:PATCH", "apigateway:DELETE"), (anything,)),
            # Not in AWS's reference, yet it is what the creation of a tagged stage is refused for:
            # https://github.com/aws-amplify/amplify-cli/issues/12316
            Right(("apigateway:TagResource",), (arns.stage("*", "*").removesuffix("/*"), arns.stage("*", "*"))),
        )

    def want(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "cors": api_parts.cors_fields(api_parts.cors_configuration(self.settings)),
            "endpoint disabled": False,
            "integration": api_parts.integration_fields(api_parts.integration_request(self.arns.function)),
            **{f"route {route}": {"integration": "ours", "authorization": "NONE"} for route in ROUTES},
            "stage": api_parts.stage_fields(api_parts.stage_request(self.settings), self.want_tags(), self.want_tags()),
            "other integrations": [],
            "other routes": [],
            "other stages": [],
            "authorizers": [],
            "duplicates": [],
        }

    def read(self) -> Found | None:
        ours, strangers = self._apis()
        if not ours and not strangers:
            return None
        api, *duplicates = ours or strangers
        try:
            return self._found(api, [dup["ApiId"] for dup in duplicates], strangers if ours else [])
        except ClientError as error:
            if code(error) == "NotFoundException":  # deleted since it was listed
                return None
            raise

    def _apis(self) -> tuple[list[ApiTypeDef], list[ApiTypeDef]]:
        """The stack's own APIs and those that only bear its name, each oldest first."""
        owner = self.settings.owner_tags.items()
        ours: list[ApiTypeDef] = []
        strangers: list[ApiTypeDef] = []
        for api in sorted(self._listed(), key=_age):
            if owner <= api.get("Tags", {}).items():
                ours.append(api)
            elif api["Name"] == self.name:
                # The list of an emulator may not know of tags that came after the creation.
                tagged = owner <= self._tags(self.arns.api(api["ApiId"])).items()
                (ours if tagged else strangers).append(api)
        return ours, strangers

    def _listed(self) -> list[ApiTypeDef]:
        """Every API; GetApis may lag behind CreateApi, so the one that this command made is asked for by its id."""
        apis: list[ApiTypeDef] = self.aws.every(self.aws.apigateway.get_apis, "Items")
        if self._made and all(api["ApiId"] != self._made for api in apis):
            try:
                made: Any = self.aws.send(self.aws.apigateway.get_api, ApiId=self._made)
                apis.append(made)
            except ClientError as error:
                if code(error) != "NotFoundException":
                    raise
        return apis

    def _tags(self, arn: str) -> dict[str, str]:
        try:
            return self.aws.send(self.aws.apigateway.get_tags, ResourceArn=arn)["Tags"]
        except ClientError as error:
            if code(error) == "NotFoundException":
                return {}
            raise

    def _found(self, api: ApiTypeDef, duplicates: list[str], strangers: list[ApiTypeDef]) -> Found:
        gateway, api_id = self.aws.apigateway, api["ApiId"]
        listings = (gateway.get_integrations, gateway.get_routes, gateway.get_stages, gateway.get_authorizers)
        tags, stage_tags, *lists = self.aws.together(
            lambda: self._tags(self.arns.api(api_id)),
            lambda: self._tags(self.arns.stage(api_id, api_parts.STAGE)),
            *(lambda listing=listing: self.aws.every(listing, "Items", ApiId=api_id) for listing in listings),
        )
        inside = api_parts.Parts.of(self.arns.function, *lists, stage_tags=stage_tags)
        return Found(
            arn=self.arns.api(api_id),
            fields={
                "name": api["Name"],
                "cors": api_parts.cors_fields(api.get("CorsConfiguration")),
                "endpoint disabled": api.get("DisableExecuteApiEndpoint", False),
                **inside.fields(ROUTES, self.want_tags()),
                "duplicates": duplicates,
            },
            tags=tags,
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
            "CorsConfiguration": api_parts.cors_configuration(self.settings),
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
        self._made = api["ApiId"]
        inside = api_parts.Parts.of(self.arns.function, [], [], [], [], stage_tags={})
        fields = {**self.want(), **inside.fields(ROUTES, self.want_tags())}
        ids = {"api": api["ApiId"], "endpoint": api["ApiEndpoint"], "parts": inside}
        return Found(self.arns.api(api["ApiId"]), fields=fields, tags=self.want_tags(), ids=ids)

    def update(self, found: Found, parts: Set[str]) -> None:
        """Mend and look again until nothing differs: another `up` may be at work on the same API."""
        refusal: ClientError | None = None
        for _ in range(_ROUNDS):
            try:
                self._mend(found, parts)
            except ClientError as error:
                # Somebody else made, or deleted, what we were about to: look again.
                if code(error) not in ("ConflictException", "NotFoundException"):
                    raise
                refusal = error
            seen = self.look()
            if seen is None:
                raise Vanished(
                    f"The {self.title} {self.name} vanished while it was being configured.",
                    "Another items-api down is probably running.",
                    "Run up again when it has ended.",
                )
            found, parts = seen, {d.part for d in self.compare(seen)}
            if not parts:
                return
        raise refusal or NotSettled(
            f"The {self.title} {self.name} still differs after {_ROUNDS} rounds: {', '.join(sorted(parts))}.",
            "Something else keeps changing it.",
            "Find out what, and run up again.",
        )

    def _mend(self, found: Found, parts: Set[str]) -> None:
        gateway, api_id = self.aws.apigateway, found.ids["api"]
        for duplicate in found.fields["duplicates"]:
            self._delete_api(duplicate)
        if "tags" in parts:
            self.aws.send(gateway.tag_resource, ResourceArn=self.arns.api(api_id), Tags=self.want_tags())
        if parts & {"name", "cors", "endpoint disabled"}:
            self.aws.send(
                gateway.update_api,
                ApiId=api_id,
                Name=self.name,
                CorsConfiguration=api_parts.cors_update(self.settings, found.fields["cors"]),  # type: ignore[arg-type]
                DisableExecuteApiEndpoint=False,
            )
        inside: api_parts.Parts = found.ids["parts"]
        # What a route points at stands before the route and goes after it; the stage comes last, so that a new API is
        # deployed once.
        integration_id = self._mend_integration(api_id, inside, parts)
        self._mend_routes(api_id, inside, integration_id)
        self._mend_stage(api_id, inside, parts)
        for other in inside.other_integrations:
            self.aws.send(gateway.delete_integration, ApiId=api_id, IntegrationId=other["IntegrationId"])
        for authorizer in inside.authorizers:
            self.aws.send(gateway.delete_authorizer, ApiId=api_id, AuthorizerId=authorizer["AuthorizerId"])

    def _mend_integration(self, api_id: str, inside: api_parts.Parts, parts: Set[str]) -> str:
        gateway, request = self.aws.apigateway, api_parts.integration_request(self.arns.function)
        if inside.integration is None:
            return self.aws.send(gateway.create_integration, ApiId=api_id, **request)["IntegrationId"]
        integration_id: str = inside.integration["IntegrationId"]
        if "integration" in parts:
            self.aws.send(gateway.update_integration, ApiId=api_id, IntegrationId=integration_id, **request)
        return integration_id

    def _mend_routes(self, api_id: str, inside: api_parts.Parts, integration_id: str) -> None:
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

    def _mend_stage(self, api_id: str, inside: api_parts.Parts, parts: Set[str]) -> None:
        gateway, request = self.aws.apigateway, api_parts.stage_request(self.settings)
        stage = inside.stages.get(api_parts.STAGE)
        if stage is None:
            self.aws.send(gateway.create_stage, ApiId=api_id, **request, Tags=self.want_tags())
        elif "stage" in parts:
            for key in stage.get("RouteSettings", {}):
                self.aws.send(gateway.delete_route_settings, ApiId=api_id, StageName=api_parts.STAGE, RouteKey=key)
            self.aws.send(gateway.update_stage, ApiId=api_id, **request)
            self.aws.send(
                gateway.tag_resource, ResourceArn=self.arns.stage(api_id, api_parts.STAGE), Tags=self.want_tags()
            )
        for name in inside.stages:
            if name != api_parts.STAGE:
                self.aws.send(gateway.delete_stage, ApiId=api_id, StageName=name)

    def check_adoptable(self, found: Found) -> None:
        if found.fields["duplicates"]:
            raise self.foreign(found)
        if found.ids["parts"].quick_created:
            raise NotOurs(
                f"The {self.title} {self.name} ({found.ids['api']}) was made by quick create (--target).",
                "API Gateway manages its route, integration and stage itself and lets nobody change them.",
                "Delete it and run up, which makes one in its place; or choose another --name.",
            )

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
            self._apis,
            until=lambda apis: not apis[0],
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
