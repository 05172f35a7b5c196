"""The HTTP API: CORS, one integration, one route per method and path, and the `$default` stage.

API Gateway's names are not unique and CreateApi is not idempotent, so an API is identified by its tags. If a lost
response or a second `up` has created more than one, the oldest stays and the others are deleted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from items_api.aws.errors import AwsError, ServiceError, tolerate
from items_api.errors import ForeignResource, TimedOut
from items_api.handler import ROUTES
from items_api.provision import api_parts
from items_api.provision.api_update import ApiUpdate
from items_api.provision.authorization import authorizer_fields, authorizer_request, wanted_route_fields, weakenings
from items_api.provision.outcome import Weakening
from items_api.provision.step import Found, Right, Step

if TYPE_CHECKING:
    from collections.abc import Mapping, Set

    from mypy_boto3_apigatewayv2.type_defs import ApiTypeDef

    from items_api.settings import Arns, Settings

_ABSENT = "NotFoundException"
_ROUNDS = 6
_LOOKS_FOR_A_LOST_API = (0.0, 0.5, 1.5)  # seconds before each: GetApis may lag behind CreateApi


def create_request(settings: Settings) -> dict[str, Any]:
    return {
        "Name": settings.api_name,
        "ProtocolType": "HTTP",
        "CorsConfiguration": api_parts.cors_configuration(settings),
        "Tags": settings.all_tags,
    }


@dataclass(frozen=True, kw_only=True)
class FoundApi(Found):
    api_id: str
    endpoint: str
    parts: api_parts.Parts


class Api(Step[FoundApi]):
    type = "AWS::ApiGatewayV2::Api"
    title = "HTTP API"
    _created_id: str | None = None  # what CreateApi returned to this command

    @property
    def name(self) -> str:
        return self.settings.api_name

    @classmethod
    def rights(cls, arns: Arns) -> tuple[Right, ...]:
        """API Gateway's actions are HTTP methods, and its resources are the paths of its REST API.

        The first API of an account creates API Gateway's service-linked role, with the caller's rights. AWS documents
        it for every API; others have met it only in CreateDomainName. A first `up` that is denied costs more than a
        right that creates nothing but this role.
        https://docs.aws.amazon.com/apigateway/latest/developerguide/using-service-linked-roles.html
        """
        service = "ops.apigateway.amazonaws.com"
        any_api = arns.api("*")
        apis = any_api.removesuffix("/*")
        tags = apis.removesuffix("/apis") + "/tags/*"
        return (
            # AWS chooses an API's id, so no pattern separates this stack's API from others in the region.
            Right(("apigateway:GET", "apigateway:POST"), (apis, any_api, tags)),
            Right(("apigateway:PATCH",), (any_api,)),
            Right(("apigateway:DELETE",), (any_api, tags)),
            # Not in AWS's reference, but creating a tagged stage is denied without it:
            # https://github.com/aws-amplify/amplify-cli/issues/12316
            Right(("apigateway:TagResource",), (arns.stage("*", "*").removesuffix("/*"), arns.stage("*", "*"))),
            Right(
                ("iam:CreateServiceLinkedRole",),
                (arns.service_role(service, "AWSServiceRoleForAPIGateway"),),
                {"StringEquals": {"iam:AWSServiceName": service}},
            ),
        )

    def want(self) -> dict[str, Any]:
        stage = api_parts.stage_request(self.settings)
        return {
            "name": self.name,
            "cors": api_parts.cors_fields(api_parts.cors_configuration(self.settings)),
            "endpoint disabled": False,
            "integration": api_parts.integration_fields(api_parts.integration_request(self.arns.alias)),
            **{f"route {key}": {"integration": "ours", **wanted_route_fields(self.settings, key)} for key in ROUTES},
            "stage": api_parts.stage_fields({**stage, "Tags": self.want_tags()}),
            "other integrations": [],
            "other routes": [],
            "other stages": [],
            "authorizer": authorizer_fields(authorizer_request(self.settings)) if self.settings.auth == "jwt" else None,
            "other authorizers": [],
            "duplicates": [],
        }

    @property
    def calls_release(self) -> bool:
        """Whether the release answers every request of the API that `look` found, if there is one."""
        parts = self.found.parts if self.found else api_parts.Parts.of(self.arns.alias)
        if parts.integration is None:
            return not parts.routes
        ours = f"integrations/{parts.integration['IntegrationId']}"
        return parts.integration.get("IntegrationUri") == self.arns.alias and all(
            route.get("Target") == ours for route in parts.routes.values()
        )

    def weakenings(self, found: FoundApi) -> tuple[Weakening, ...]:
        want = self.want()
        stage = found.fields["stage"]
        return (
            *api_parts.cors_weakenings(found.fields["cors"], want["cors"]),
            *([Weakening("enable the API's endpoint, which is disabled")] if found.fields["endpoint disabled"] else []),
            *weakenings(
                {key: found.fields[f"route {key}"] for key in ROUTES}, found.fields["authorizer"], self.settings
            ),
            *(api_parts.throttle_weakenings(stage, want["stage"]) if stage else ()),
        )

    def read(self) -> FoundApi | None:
        ours, others = self._apis()
        if not ours and not others:
            return None
        api, *duplicates = ours or others
        with tolerate(_ABSENT):  # it was deleted after it was listed
            return self._found(api, [duplicate["ApiId"] for duplicate in duplicates], others if ours else [])
        return None

    def _apis(self) -> tuple[list[ApiTypeDef], list[ApiTypeDef]]:
        """The stack's own APIs, and others with the same name; each list oldest first."""
        owner = self.settings.owner_tags.items()
        ours: list[ApiTypeDef] = []
        others: list[ApiTypeDef] = []
        for api in sorted(self._listed(), key=age):
            if owner <= api.get("Tags", {}).items():
                ours.append(api)
            elif api["Name"] == self.name:
                others.append(api)
        return ours, others

    def _listed(self) -> list[ApiTypeDef]:
        """Every API. GetApis may lag behind CreateApi, so an API that this command created is also read by its id."""
        apis: list[ApiTypeDef] = self.aws.every(self.aws.apigateway.get_apis, "Items")
        if self._created_id and all(api["ApiId"] != self._created_id for api in apis):
            with tolerate(_ABSENT):
                created: Any = self.aws.send(self.aws.apigateway.get_api, ApiId=self._created_id)
                apis.append(created)
        return apis

    def _found(self, api: ApiTypeDef, duplicates: list[str], others: list[ApiTypeDef]) -> FoundApi:
        gateway, api_id = self.aws.apigateway, api["ApiId"]
        listings = (gateway.get_integrations, gateway.get_routes, gateway.get_stages, gateway.get_authorizers)
        lists = self.aws.together(
            *(lambda listing=listing: self.aws.every(listing, "Items", ApiId=api_id) for listing in listings)
        )
        parts = api_parts.Parts.of(self.arns.alias, *lists)
        return FoundApi(
            arn=self.arns.api(api_id),
            fields={
                "name": api["Name"],
                "cors": api_parts.cors_fields(api.get("CorsConfiguration")),
                "endpoint disabled": api.get("DisableExecuteApiEndpoint", False),
                **parts.fields(ROUTES),
                "duplicates": duplicates,
            },
            tags=api.get("Tags", {}),
            api_id=api_id,
            endpoint=api["ApiEndpoint"],
            parts=parts,
            notes=tuple(f"API {o['ApiId']} has the same name but belongs to someone else" for o in others),
        )

    def create(self) -> FoundApi:
        for last in (False, False, True):
            try:
                request = create_request(self.settings)
                return self._bare(self.aws.send_once(self.aws.apigateway.create_api, **request))
            except AwsError as error:
                if last or not error.is_unclear:
                    raise
            if found := self._find_lost():
                return found
        raise AssertionError  # the last round returns or raises

    def _find_lost(self) -> FoundApi | None:
        """CreateApi gave no response and may have created an API: look for it before creating another."""
        for delay in _LOOKS_FOR_A_LOST_API:
            self.report("to see whether the HTTP API was created")
            self.aws.pause(delay)
            found = self.read()
            if found is not None and self.is_ours(found):
                return found
        return None

    def _bare(self, api: Mapping[str, Any]) -> FoundApi:
        self._created_id = api["ApiId"]
        parts = api_parts.Parts.of(self.arns.alias)
        return FoundApi(
            arn=self.arns.api(api["ApiId"]),
            fields={**self.want(), **parts.fields(ROUTES)},
            tags=self.want_tags(),
            api_id=api["ApiId"],
            endpoint=api["ApiEndpoint"],
            parts=parts,
        )

    def update(self, found: FoundApi, parts: Set[str]) -> None:
        """Apply and look again until nothing differs: another `up` may be working on the same API."""
        conflict: ServiceError | None = None
        for _ in range(_ROUNDS):
            try:
                for duplicate in found.fields["duplicates"]:
                    self._delete_api(duplicate)
                ApiUpdate(self, found, parts).apply()
            except ServiceError as error:
                # Another process created or deleted the same part first: look again.
                if not error.says("ConflictException", _ABSENT):
                    raise
                conflict = error
            self.found = seen = self.read_again()
            if seen is None:
                raise self.deleted_meanwhile("while it was being configured")
            found, parts = seen, {d.part for d in self.compare(seen)}
            if not parts:
                return
        raise conflict or TimedOut(
            f"The {self.title} {self.name} still differs after {_ROUNDS} attempts: {', '.join(sorted(parts))}.",
            "Something else keeps changing it.",
            "Find out what it is, then run the command again.",
        )

    def check_adoptable(self, found: FoundApi) -> None:
        if found.fields["duplicates"]:
            raise self.foreign(found)
        if found.parts.quick_created:
            raise ForeignResource(
                f"The {self.title} {self.name} ({found.api_id}) was created with quick create (--target).",
                "API Gateway manages its route, integration and stage, and does not allow changes to them.",
                "Delete it and run the command again to create a new one, or choose another --name.",
            )

    def foreign(self, found: FoundApi) -> ForeignResource:
        others = found.fields["duplicates"]
        if not others:
            return super().foreign(found)
        return ForeignResource(
            f"{1 + len(others)} HTTP APIs are named {self.name}, and none belongs to this stack: "
            f"{', '.join([found.api_id, *others])}.",
            "API names are not unique, so --adopt cannot tell which one you mean.",
            "Delete or rename all but one, or choose another --name.",
        )

    def delete(self, found: FoundApi) -> None:
        def delete() -> None:
            for api_id in (found.api_id, *found.fields["duplicates"]):
                self._delete_api(api_id)

        self.delete_until_gone(found, delete, absent=_ABSENT)

    def is_gone(self) -> bool:
        return not self._apis()[0]

    def _delete_api(self, api_id: str) -> None:
        with tolerate(_ABSENT):
            self.aws.send(self.aws.apigateway.delete_api, ApiId=api_id)


def age(api: ApiTypeDef) -> tuple[Any, str]:
    """A sort key: of several APIs with a stack's tags, the oldest is the stack's."""
    return (api["CreatedDate"], api["ApiId"])
