"""The parts of an HTTP API: the requests that create them, and comparable forms of what AWS returns for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from items_api.provision import authorization
from items_api.provision.authorization import NAME, authorizer_fields, route_fields
from items_api.provision.outcome import Weakening

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from items_api.settings import Settings

    Document = Mapping[str, Any]

STAGE = "$default"
CORS_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
CORS_HEADERS = ("content-type", "if-match", "if-none-match")
CORS_EXPOSED = ("etag", "link", "location")
_EXTRAS = ("RequestParameters", "ResponseParameters", "CredentialsArn", "ConnectionId", "TlsConfig")


def cors_configuration(settings: Settings) -> dict[str, Any]:
    """CORS is configured on the API: API Gateway ignores CORS headers that a function returns."""
    return {
        "AllowOrigins": list(settings.cors_origins),
        "AllowMethods": list(CORS_METHODS),
        "AllowHeaders": [*CORS_HEADERS, *authorization.CORS_HEADERS[settings.auth]],
        "ExposeHeaders": list(CORS_EXPOSED),
    }


def cors_update(settings: Settings, have: Document | None) -> dict[str, Any]:
    """Omitting a field leaves it unchanged, so settings that someone added are reset by name."""
    added: dict[str, Any] = {"AllowCredentials": False} if have and have["credentials"] else {}
    if have and have["max age"]:
        added["MaxAge"] = 0
    return {**cors_configuration(settings), **added}


def cors_fields(cors: Document | None) -> dict[str, Any] | None:
    """In a fixed order and case: AWS returns headers in lowercase and lists in any order."""
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


def integration_request(alias_arn: str) -> dict[str, Any]:
    return {
        "IntegrationType": "AWS_PROXY",
        "IntegrationUri": alias_arn,
        "PayloadFormatVersion": "2.0",
        "TimeoutInMillis": 30_000,
    }


def integration_fields(integration: Document) -> dict[str, Any]:
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
            "DetailedMetricsEnabled": False,  # they cost extra, and the standard metrics are enough
        },
    }


def stage_fields(stage: Document) -> dict[str, Any]:
    throttle = stage.get("DefaultRouteSettings", {})
    return {
        "auto deploy": stage.get("AutoDeploy", False),
        "throttle rate": throttle.get("ThrottlingRateLimit"),
        "throttle burst": throttle.get("ThrottlingBurstLimit"),
        "detailed metrics": throttle.get("DetailedMetricsEnabled", False),
        # Settings of a route override those of the stage, so they could raise the throttle.
        "route settings": sorted(stage.get("RouteSettings", {})),
        "tags": stage.get("Tags", {}),
    }


@dataclass(frozen=True)
class Parts:
    """The integrations, routes, stages and authorizers of one API, as AWS lists them."""

    integration: Document | None
    other_integrations: Sequence[Document]
    routes: Mapping[str, Document]
    stages: Mapping[str, Document]
    authorizer: Document | None
    other_authorizers: Sequence[Document]

    @classmethod
    def of(
        cls,
        alias_arn: str,
        integrations: Sequence[Document] = (),
        routes: Sequence[Document] = (),
        stages: Sequence[Document] = (),
        authorizers: Sequence[Document] = (),
    ) -> Parts:
        # Two concurrent `up` commands must choose the same integration: first by function, then the smallest ID. The
        # settings that rewrite or sign requests cannot be cleared, so such an integration is replaced.
        plain = [i for i in integrations if not any(i.get(extra) for extra in _EXTRAS)]
        ranked = sorted(plain, key=lambda i: (i.get("IntegrationUri") != alias_arn, i["IntegrationId"]))
        jwt = [a for a in authorizers if (a["Name"], a["AuthorizerType"]) == (NAME, "JWT")]
        jwt.sort(key=lambda a: str(a["AuthorizerId"]))
        return cls(
            integration=ranked[0] if ranked else None,
            other_integrations=[i for i in integrations if i not in ranked[:1]],
            routes={route["RouteKey"]: route for route in routes},
            stages={stage["StageName"]: stage for stage in stages},
            authorizer=jwt[0] if jwt else None,
            other_authorizers=[a for a in authorizers if a not in jwt[:1]],
        )

    @property
    def quick_created(self) -> bool:
        everything = (*self.routes.values(), *self.stages.values(), *self.other_integrations, self.integration or {})
        return any(part.get("ApiGatewayManaged") for part in everything)

    def fields(self, routes: Sequence[str]) -> dict[str, Any]:
        stage = self.stages.get(STAGE)
        return {
            "integration": integration_fields(self.integration) if self.integration else None,
            **{f"route {key}": self._route_fields(key) for key in routes},
            "stage": stage_fields(stage) if stage else None,
            "other integrations": sorted(i["IntegrationId"] for i in self.other_integrations),
            "other routes": sorted(key for key in self.routes if key not in routes),
            "other stages": sorted(name for name in self.stages if name != STAGE),
            "authorizer": authorizer_fields(self.authorizer) if self.authorizer else None,
            "other authorizers": sorted(a["Name"] for a in self.other_authorizers),
        }

    def _route_fields(self, key: str) -> dict[str, Any] | None:
        if key not in self.routes:
            return None
        route = self.routes[key]
        ours = f"integrations/{self.integration['IntegrationId']}" if self.integration else None
        target = route.get("Target")
        authorizer = self.authorizer["AuthorizerId"] if self.authorizer else None
        return {"integration": "ours" if target and target == ours else target, **route_fields(route, authorizer)}


def cors_weakenings(have: Document | None, want: Document) -> Iterator[Weakening]:
    """The restrictions that changing the CORS configuration (as `cors_fields`) from `have` to `want` would remove.

    Only the origins are a setting. The API needs its methods and headers.
    """
    if have is None:
        yield Weakening("allow browsers on other origins to call the API")
    elif not all(_is_allowed(origin, have["origins"]) for origin in want["origins"]):
        now = ", ".join(have["origins"]) or "none"
        yield Weakening(f"allow browsers on {', '.join(want['origins'])} to call the API (now: {now})")


def _is_allowed(origin: str, allowed: Sequence[str]) -> bool:
    scheme = origin.partition("://")[0]
    return not {"*", f"{scheme}://*", origin}.isdisjoint(allowed)


def throttle_weakenings(have: Document, want: Document) -> Iterator[Weakening]:
    """The same for a stage (as `stage_fields`)."""
    for limit in ("throttle rate", "throttle burst"):
        if have[limit] is not None and want[limit] > have[limit]:
            yield Weakening(f"raise the {limit} from {have[limit]:g} to {want[limit]:g}")
