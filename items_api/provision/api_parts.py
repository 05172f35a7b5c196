"""What is inside an HTTP API: the requests that make its parts, and what AWS tells of them, in one form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from items_api.settings import Settings

STAGE = "$default"
_EXTRAS = ("RequestParameters", "ResponseParameters", "CredentialsArn", "ConnectionId", "TlsConfig")


def cors_configuration(settings: Settings) -> dict[str, Any]:
    """CORS stands on the API, not in the function: API Gateway ignores CORS headers that a function sends."""
    return {
        "AllowOrigins": list(settings.cors_origins),
        "AllowMethods": ["GET", "POST", "PUT", "DELETE"],
        "AllowHeaders": ["content-type", "if-match", "if-none-match"],
        "ExposeHeaders": ["link", "location"],
    }


def cors_update(settings: Settings, have: Mapping[str, Any] | None) -> dict[str, Any]:
    """An omitted field is left as it was, so what somebody added is named to make it go."""
    added: dict[str, Any] = {"AllowCredentials": False} if have and have["credentials"] else {}
    if have and have["max age"]:
        added["MaxAge"] = 0
    return {**cors_configuration(settings), **added}


def cors_fields(cors: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """In one order and case: AWS hands headers back in lower case, and lists in an order of its own."""
    if not cors:
        return None
    return {
        "origins": sorted(cors.get("AllowOrigins", [])),
        "methods": sorted(cors.get("AllowMethods", [])),
        "headers": sorted(header.lower() for header in cors.get("AllowHeaders", [])),
        "expose": sorted(header.lower() for header in cors.get("ExposeHeaders", [])),
        "credentials": cors.get("AllowCredentials", False),
        "max age": cors.get("MaxAge", 0),
    }


def integration_request(function_arn: str) -> dict[str, Any]:
    return {
        "IntegrationType": "AWS_PROXY",
        "IntegrationUri": function_arn,
        "PayloadFormatVersion": "2.0",
        "TimeoutInMillis": 30_000,
    }


def integration_fields(integration: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": integration["IntegrationType"],
        "function": integration.get("IntegrationUri"),
        "payload": integration.get("PayloadFormatVersion"),
        "timeout": integration.get("TimeoutInMillis", 30_000),
    }


def stage_request(settings: Settings) -> dict[str, Any]:
    return {
        "StageName": STAGE,
        "AutoDeploy": True,
        "DefaultRouteSettings": {
            "ThrottlingRateLimit": float(settings.throttle_rate),
            "ThrottlingBurstLimit": settings.throttle_burst,
            "DetailedMetricsEnabled": False,  # they cost money, and the plain ones tell enough
        },
    }


def stage_fields(stage: Mapping[str, Any], have: Mapping[str, str], want: Mapping[str, str]) -> dict[str, Any]:
    """`have` and `want` are tags: others than the wanted ones on the stage are none of ours."""
    throttle = stage.get("DefaultRouteSettings", {})
    return {
        "auto deploy": stage.get("AutoDeploy", False),
        "throttle rate": throttle.get("ThrottlingRateLimit"),
        "throttle burst": throttle.get("ThrottlingBurstLimit"),
        "detailed metrics": throttle.get("DetailedMetricsEnabled", False),
        # A route's own settings go before the stage's, and so could lift the throttle.
        "route settings": sorted(stage.get("RouteSettings", {})),
        "tags": {key: have[key] for key in want if key in have},
    }


@dataclass(frozen=True)
class Parts:
    """The integrations, routes, stages and authorizers of one API, as AWS lists them."""

    integration: Mapping[str, Any] | None
    other_integrations: Sequence[Mapping[str, Any]]
    routes: Mapping[str, Mapping[str, Any]]
    stages: Mapping[str, Mapping[str, Any]]
    authorizers: Sequence[Mapping[str, Any]]
    stage_tags: Mapping[str, str]

    @classmethod
    def of(
        cls,
        function_arn: str,
        integrations: Sequence[Mapping[str, Any]],
        routes: Sequence[Mapping[str, Any]],
        stages: Sequence[Mapping[str, Any]],
        authorizers: Sequence[Mapping[str, Any]],
        *,
        stage_tags: Mapping[str, str],
    ) -> Parts:
        # Any two `up` must choose the same one: first those that fit, then by id. One that rewrites requests or signs
        # them can not be cleared of that, so it goes and another takes its place.
        plain = [i for i in integrations if not any(i.get(extra) for extra in _EXTRAS)]
        ranked = sorted(plain, key=lambda i: (i.get("IntegrationUri") != function_arn, i["IntegrationId"]))
        return cls(
            integration=ranked[0] if ranked else None,
            other_integrations=[i for i in integrations if i not in ranked[:1]],
            routes={route["RouteKey"]: route for route in routes},
            stages={stage["StageName"]: stage for stage in stages},
            authorizers=authorizers,
            stage_tags=stage_tags,
        )

    @property
    def quick_created(self) -> bool:
        everything = (*self.routes.values(), *self.stages.values(), *self.other_integrations, self.integration or {})
        return any(part.get("ApiGatewayManaged") for part in everything)

    def fields(self, routes: Sequence[str], tags: Mapping[str, str]) -> dict[str, Any]:
        stage = self.stages.get(STAGE)
        return {
            "integration": integration_fields(self.integration) if self.integration else None,
            **{f"route {key}": self._route_fields(key) for key in routes},
            "stage": stage_fields(stage, self.stage_tags, tags) if stage else None,
            "other integrations": sorted(i["IntegrationId"] for i in self.other_integrations),
            "other routes": sorted(key for key in self.routes if key not in routes),
            "other stages": sorted(name for name in self.stages if name != STAGE),
            "authorizers": sorted(a["Name"] for a in self.authorizers),
        }

    def _route_fields(self, key: str) -> dict[str, Any] | None:
        if key not in self.routes:
            return None
        route = self.routes[key]
        ours = f"integrations/{self.integration['IntegrationId']}" if self.integration else None
        target = route.get("Target")
        return {
            "integration": "ours" if target and target == ours else target,
            "authorization": route.get("AuthorizationType", "NONE"),
        }
