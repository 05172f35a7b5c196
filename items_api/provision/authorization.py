"""Who may call the API: the authorizer and the authorization of each route, as requests and as comparable fields."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from items_api.provision.outcome import Weakening

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from items_api.settings import Settings

    Document = Mapping[str, Any]

NAME = "jwt"
# The setting -> API Gateway's name for it.
TYPES = {"none": "NONE", "iam": "AWS_IAM", "jwt": "JWT"}
# What a browser sends in addition, and CORS must allow: signatures consist of four headers.
CORS_HEADERS = {
    "none": (),
    "iam": ("authorization", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token"),
    "jwt": ("authorization",),
}
_IDENTITY_SOURCE = "$request.header.Authorization"


def authorizer_request(settings: Settings) -> dict[str, Any]:
    return {
        "Name": NAME,
        "AuthorizerType": "JWT",
        "IdentitySource": [_IDENTITY_SOURCE],
        "JwtConfiguration": {"Issuer": settings.jwt_issuer, "Audience": list(settings.jwt_audiences)},
    }


def authorizer_fields(authorizer: Document) -> dict[str, Any]:
    jwt = authorizer.get("JwtConfiguration", {})
    return {
        "issuer": jwt.get("Issuer"),
        "audiences": sorted(jwt.get("Audience", [])),
        "identity source": list(authorizer.get("IdentitySource", [])),
    }


def scopes(settings: Settings, route: str) -> list[str]:
    """A token needs one of these scopes for the route."""
    scope = settings.jwt_read_scope if route.startswith("GET ") else settings.jwt_write_scope
    return [scope] if scope else []


def route_request(settings: Settings, route: str, authorizer_id: str | None) -> dict[str, Any]:
    """The part of CreateRoute that says who may call the route."""
    if settings.auth != "jwt":
        return {} if settings.auth == "none" else {"AuthorizationType": TYPES[settings.auth]}
    own = scopes(settings, route)
    return {
        "AuthorizationType": TYPES["jwt"],
        "AuthorizerId": authorizer_id,
        **({"AuthorizationScopes": own} if own else {}),
    }


def route_update(settings: Settings, route: str, authorizer_id: str | None) -> dict[str, Any]:
    """The same for UpdateRoute, for which an omitted field means no change."""
    request = {"AuthorizationType": "NONE", **route_request(settings, route, authorizer_id)}
    return request if settings.auth != "jwt" else {**request, "AuthorizationScopes": scopes(settings, route)}


def route_fields(route: Document, authorizer_id: str | None) -> dict[str, Any]:
    """An open route can keep the ID of its last authorizer, which has no effect."""
    kind = route.get("AuthorizationType", "NONE")
    fields: dict[str, Any] = {"authorization": kind}
    if kind != "JWT":
        return fields
    found = route.get("AuthorizerId")
    return {
        **fields,
        "authorizer": "ours" if found and found == authorizer_id else found,
        "scopes": sorted(route.get("AuthorizationScopes", [])),
    }


def wanted_route_fields(settings: Settings, route: str) -> dict[str, Any]:
    fields: dict[str, Any] = {"authorization": TYPES[settings.auth]}
    return fields if settings.auth != "jwt" else {**fields, "authorizer": "ours", "scopes": scopes(settings, route)}


def weakenings(routes: Mapping[str, Document | None], have: Document | None, settings: Settings) -> Iterator[Weakening]:
    """The changes that would accept callers who are rejected now.

    Args:
        routes: `route_fields` of each route that exists.
        have: `authorizer_fields` of the stack's own authorizer, if there is one.
        settings: the desired state.
    """
    effects: dict[Weakening, list[str]] = defaultdict(list)
    for route, found in routes.items():
        if found and (weakening := _weakening(found, settings, route)):
            effects[weakening].append(route)
    for (effect, option), affected in effects.items():
        which = "the API" if len(affected) == len(routes) else ", ".join(affected)
        yield Weakening(effect.format(which), option)
    if have and settings.auth == "jwt" and any(found and found["authorization"] == "JWT" for found in routes.values()):
        if have["issuer"] != settings.jwt_issuer:
            yield Weakening(f"accept tokens of {settings.jwt_issuer} instead of {have['issuer']}", "jwt-issuer")
        if added := sorted({*settings.jwt_audiences} - {*have["audiences"]}):
            yield Weakening(f"accept tokens for {', '.join(added)}", "jwt-audience")


def _weakening(found: Document, settings: Settings, route: str) -> Weakening | None:
    """None if one route will accept no callers who are rejected now. {} stands for the route."""
    kind, want = found["authorization"], TYPES[settings.auth]
    if kind == "NONE":
        return None
    if want == "NONE":
        return Weakening(f"allow anyone to call {{}}, which requires {_name(kind)} authorization", "auth")
    if kind != want:
        return Weakening(f"replace the {_name(kind)} authorization of {{}} with {_name(want)} authorization", "auth")
    if kind == "JWT" and found["authorizer"] != "ours":
        return Weakening("replace the authorizer of {}, which does not belong to this stack", "auth")
    return _scope_weakening(found["scopes"], scopes(settings, route), route) if kind == "JWT" else None


def _scope_weakening(required: list[str], accepted: list[str], route: str) -> Weakening | None:
    """One scope of the list is enough for a token."""
    option = "jwt-read-scope" if route.startswith("GET ") else "jwt-write-scope"
    if required and not accepted:
        return Weakening(f"no longer require the scope {' or '.join(required)} for {{}}", option)
    if required and (added := sorted({*accepted} - {*required})):
        return Weakening(f"accept the scope {' or '.join(added)} for {{}}", option)
    return None


def _name(kind: str) -> str:
    return kind.removeprefix("AWS_")
