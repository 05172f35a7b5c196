"""API Gateway v2: HTTP APIs themselves. Their parts are in `gateway_parts`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.aws_model.gateway_parts import GatewayParts
from tests.aws_model.refusal import Refusal
from tests.aws_model.service import Document, Place, clone

if TYPE_CHECKING:
    from collections.abc import Mapping

_CORS_HEADER_LISTS = ("AllowHeaders", "ExposeHeaders")


@dataclass
class Api:
    api_id: str
    described: Document  # with no tags
    tags: dict[str, str]
    listed_at: float
    integrations: dict[str, Document] = field(default_factory=dict)
    routes: dict[str, Document] = field(default_factory=dict)
    stages: dict[str, Document] = field(default_factory=dict)
    authorizers: dict[str, Document] = field(default_factory=dict)


class Gateway(GatewayParts):
    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.apis: dict[str, Api] = {}
        self._last_created = datetime.min.replace(tzinfo=place.time().tzinfo)

    def busy_with(self, operation: str, parameters: Mapping[str, Any]) -> str | None:
        del operation
        if "ResourceArn" in parameters:
            return str(parameters["ResourceArn"]).partition("/apis/")[2].partition("/")[0]
        return parameters.get("ApiId")

    def overlap(self) -> Refusal:
        return Refusal(
            "ConflictException",
            "Unable to complete operation due to concurrent modification. Please try again later.",
            409,
        )

    def create_api(self, p: Document) -> Document:
        """Always another one: neither idempotent, nor are names unique."""
        if "Target" in p or "RouteKey" in p:
            raise NotImplementedError("quick create is not modelled")
        # Distinct, so that there is an oldest.
        self._last_created = created = max(self.place.time(), self._last_created + timedelta(milliseconds=1))
        api_id = self.place.new_id("api")
        api = Api(
            api_id,
            {
                "ApiEndpoint": f"https://{api_id}.execute-api.{self.place.region}.amazonaws.com",
                "ApiId": api_id,
                "ApiKeySelectionExpression": "$request.header.x-api-key",
                "CreatedDate": created,
                "DisableExecuteApiEndpoint": p.get("DisableExecuteApiEndpoint", False),
                "IpAddressType": "ipv4",
                "Name": p["Name"],
                "ProtocolType": p["ProtocolType"],
                "RouteSelectionExpression": "$request.method $request.path",
            },
            tags=dict(p.get("Tags", {})),
            listed_at=self.place.now() + self.place.delays.apis_listed,
        )
        self._set(api, p)
        self.apis[api_id] = api
        return self._described(api)

    def get_apis(self, p: Document) -> Document:
        listed = [api for api in self.apis.values() if self.place.now() >= api.listed_at]
        # In no order that tells anything.
        return self._page([self._described(api) for api in sorted(listed, key=lambda api: api.api_id)], p)

    def get_api(self, p: Document) -> Document:
        return self._described(self._api(p))

    def update_api(self, p: Document) -> Document:
        api = self._api(p)
        self._set(api, p)
        return self._described(api)

    def delete_api(self, p: Document) -> None:
        del self.apis[self._api(p).api_id]

    def delete_cors_configuration(self, p: Document) -> None:
        self._api(p).described.pop("CorsConfiguration", None)

    def get_tags(self, p: Document) -> Document:
        return {"Tags": dict(self._tagged(p))}

    def tag_resource(self, p: Document) -> Document:
        self._tagged(p).update(p["Tags"])
        return {}

    def untag_resource(self, p: Document) -> None:
        tags = self._tagged(p)
        for key in p["TagKeys"]:
            tags.pop(key, None)

    def _tagged(self, p: Document) -> dict[str, str]:
        """The tags of the API or the stage that an ARN names: `arn:aws:apigateway:us-east-1::/apis/ID/stages/NAME`."""
        api_id, _, stage = str(p["ResourceArn"]).partition("/apis/")[2].partition("/stages/")
        api = self._api({"ApiId": api_id})
        tags: dict[str, str] = self._stage(api, stage).setdefault("Tags", {}) if stage else api.tags
        return tags

    def _set(self, api: Api, p: Document) -> None:
        """What is not given is no change, inside CORS too, so an empty CORS does not clear it."""
        for key in ("Name", "Description", "Version", "DisableExecuteApiEndpoint"):
            if key in p:
                api.described[key] = p[key]
        cors = clone(p.get("CorsConfiguration")) or {}
        for key in _CORS_HEADER_LISTS:
            if key in cors:
                cors[key] = [header.lower() for header in cors[key]]
        if cors:
            api.described["CorsConfiguration"] = {**api.described.get("CorsConfiguration", {}), **cors}

    def _api(self, p: Document) -> Api:
        api = self.apis.get(p["ApiId"])
        if api is None:
            why = f"Invalid API identifier specified {self.place.account}:{p['ApiId']}"
            raise Refusal("NotFoundException", why, 404)
        return api

    def _described(self, api: Api) -> Document:
        return {**clone(api.described), "Tags": dict(api.tags)}
