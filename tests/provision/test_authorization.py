"""Who may call the API: every route gets the authorization of the settings, and none is ever open for a moment."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import boto3
import pytest

from items_api.handler import ROUTES
from items_api.settings import Settings
from tests.aws import Account, ErrorResponse
from tests.provision.drive import changes, errors, new_process, states, up, weakenings
from tests.provision.manual_changes import api_id, protect

ISSUER = "https://issuer.example"
NONE = Settings()
IAM = Settings(auth="iam")
JWT = Settings(auth="jwt", jwt_issuer=ISSUER, jwt_audiences=("a", "b"), jwt_read_scope="r", jwt_write_scope="w")
PLAIN_JWT = Settings(auth="jwt", jwt_issuer=ISSUER, jwt_audiences=("a",))
ALL = {"none": NONE, "iam": IAM, "jwt": JWT, "plain jwt": PLAIN_JWT}


def gateway() -> Any:
    return boto3.client("apigatewayv2")


def routes() -> dict[str, dict[str, Any]]:
    return {route["RouteKey"]: route for route in gateway().get_routes(ApiId=api_id())["Items"]}


def authorizers() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = gateway().get_authorizers(ApiId=api_id())["Items"]
    return found


def asked(account: Account, settings: Settings) -> list[str]:
    stack = new_process(account, settings=settings)
    stack.look()
    return weakenings(stack)


def test_iam_is_on_every_route_from_the_beginning(quick_account: Account) -> None:
    assert errors(up(quick_account, settings=IAM)) == []
    created = quick_account.journal.of("apigatewayv2.CreateRoute")
    assert [call.parameters["AuthorizationType"] for call in created] == ["AWS_IAM"] * len(ROUTES)
    assert {route["AuthorizationType"] for route in routes().values()} == {"AWS_IAM"}
    assert authorizers() == []


def test_jwt_has_one_authorizer_and_a_scope_for_reads_and_one_for_writes(quick_account: Account) -> None:
    assert errors(up(quick_account, settings=JWT)) == []
    [authorizer] = authorizers()
    assert (authorizer["Name"], authorizer["IdentitySource"]) == ("jwt", ["$request.header.Authorization"])
    assert authorizer["JwtConfiguration"] == {"Issuer": ISSUER, "Audience": ["a", "b"]}
    for call in quick_account.journal.of("apigatewayv2.CreateRoute"):
        assert call.parameters["AuthorizationType"] == "JWT"
        assert call.parameters["AuthorizerId"] == authorizer["AuthorizerId"]
        assert call.parameters["AuthorizationScopes"] == (["r"] if "GET" in call.parameters["RouteKey"] else ["w"])


@pytest.mark.parametrize("before", ALL)
@pytest.mark.parametrize("after", ALL)
def test_any_kind_of_authorization_can_follow_any_other(quick_account: Account, before: str, after: str) -> None:
    assert errors(up(quick_account, settings=ALL[before])) == []
    assert errors(up(quick_account, settings=ALL[after])) == []
    assert changes(up(quick_account, settings=ALL[after])) == {"unchanged"}
    assert set(states(quick_account, ALL[after]).values()) == {"ok"}
    assert len(authorizers()) == ("jwt" in after)


def test_cors_allows_the_headers_that_each_kind_needs(quick_account: Account) -> None:
    allowed = {}
    for name, settings in ALL.items():
        up(quick_account, settings=settings)
        allowed[name] = {*gateway().get_apis()["Items"][0]["CorsConfiguration"]["AllowHeaders"]}
    own = {"content-type", "if-match", "if-none-match"}
    assert allowed["none"] == own
    assert allowed["jwt"] == allowed["plain jwt"] == own | {"authorization"}
    signing = {"authorization", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token"}
    assert allowed["iam"] == own | signing


def change_issuer() -> None:
    [authorizer] = authorizers()
    evil = {"Issuer": "https://evil.example", "Audience": ["a", "b", "c"]}
    gateway().update_authorizer(ApiId=api_id(), AuthorizerId=authorizer["AuthorizerId"], JwtConfiguration=evil)


def change_identity_source() -> None:
    [authorizer] = authorizers()
    source = ["$request.querystring.token"]
    gateway().update_authorizer(ApiId=api_id(), AuthorizerId=authorizer["AuthorizerId"], IdentitySource=source)


def open_route() -> None:
    route = routes()["POST /items"]
    gateway().update_route(ApiId=api_id(), RouteId=route["RouteId"], AuthorizationType="NONE")


def change_scopes() -> None:
    route = routes()["GET /items"]
    gateway().update_route(ApiId=api_id(), RouteId=route["RouteId"], AuthorizationScopes=["x", "w"])


def use_another_authorizer() -> None:
    protect("PUT /items/{id+}")


@pytest.mark.parametrize(
    ("change", "drift"),
    [
        (
            change_issuer,
            {
                "authorizer.issuer": ("https://evil.example", ISSUER),
                "authorizer.audiences": (["a", "b", "c"], ["a", "b"]),
            },
        ),
        (
            change_identity_source,
            {"authorizer.identity source": (["$request.querystring.token"], ["$request.header.Authorization"])},
        ),
        (
            open_route,
            {
                "route POST /items.authorization": ("NONE", "JWT"),
                "route POST /items.authorizer": (None, "ours"),
                "route POST /items.scopes": (None, ["w"]),
            },
        ),
        (change_scopes, {"route GET /items.scopes": (["w", "x"], ["r"])}),
    ],
)
def test_drift_is_shown_field_by_field_and_repaired(
    quick_account: Account, change: Callable[[], None], drift: dict[str, tuple[Any, Any]]
) -> None:
    up(quick_account, settings=JWT)
    quick_account.rest()
    before = quick_account.snapshot()
    change()
    outcomes = up(quick_account, settings=JWT)
    assert {d.field: (d.have, d.want) for d in outcomes["HTTP API"].drift} == drift
    quick_account.rest()
    assert quick_account.snapshot() == before


def test_other_authorizers_are_removed_after_the_routes_that_used_them_are_repaired(quick_account: Account) -> None:
    up(quick_account, settings=JWT)
    use_another_authorizer()
    [effect] = asked(quick_account, JWT)
    assert effect.startswith("replace the authorizer of ")
    outcomes = up(quick_account, settings=JWT)
    assert errors(outcomes) == []
    assert ("other authorizers", ["gate"], []) in [(d.field, d.have, d.want) for d in outcomes["HTTP API"].drift]
    assert [authorizer["Name"] for authorizer in authorizers()] == ["jwt"]


@pytest.mark.parametrize(
    ("before", "after", "effects"),
    [
        (IAM, NONE, ["allow anyone to call the API, which requires IAM authorization"]),
        (JWT, NONE, ["allow anyone to call the API, which requires JWT authorization"]),
        (JWT, IAM, ["replace the JWT authorization of the API with IAM authorization"]),
        (IAM, JWT, ["replace the IAM authorization of the API with JWT authorization"]),
        (NONE, IAM, []),
        (NONE, JWT, []),
        (PLAIN_JWT, JWT, ["accept tokens for b"]),
        (
            JWT,
            PLAIN_JWT,
            [
                "no longer require the scope w for POST /items, PUT /items/{id+}, PATCH /items/{id+}, DELETE /items/{id+}",
                "no longer require the scope r for GET /items, GET /items/{id+}",
            ],
        ),
        (
            JWT,
            replace(JWT, jwt_read_scope="other"),
            ["accept the scope other for GET /items, GET /items/{id+}"],
        ),
        (
            PLAIN_JWT,
            Settings(auth="jwt", jwt_issuer="https://other.example", jwt_audiences=("a",)),
            ["accept tokens of https://other.example instead of https://issuer.example"],
        ),
    ],
)
def test_what_lets_in_other_callers_is_asked_about(
    quick_account: Account, before: Settings, after: Settings, effects: list[str]
) -> None:
    """The methods and headers that CORS needs for it are not."""
    up(quick_account, settings=before)
    assert asked(quick_account, after) == effects


def test_an_issuer_that_api_gateway_does_not_accept_is_explained(quick_account: Account) -> None:
    """The message is the one that users of Terraform report."""
    session = quick_account.session()
    message = (
        f"Caught exception when connecting to {ISSUER}/.well-known/openid-configuration for issuer {ISSUER}. "
        f"Please try again later. Error: Invalid issuer: {ISSUER}. Issuer must have a valid discovery endpoint ended with "
        "'/.well-known/openid-configuration'"
    )
    session.faults.at("apigatewayv2.CreateAuthorizer", 1, ErrorResponse("BadRequestException", message))
    [error] = errors(up(quick_account, session, JWT))
    assert error.startswith(f"API Gateway does not accept the issuer {ISSUER}.")
    assert f"make {ISSUER}/.well-known/openid-configuration reachable from the internet" in error
    assert quick_account.journal.of("apigatewayv2.CreateRoute") == []
