"""The requests with which `up` creates a stack (see test_reference.py). The exports are compared with them."""

from dataclasses import dataclass
from typing import Any

from items_api.handler import ROUTES
from items_api.provision import (
    api,
    api_parts,
    authorization,
    function,
    log_group,
    permission,
    release,
    role,
    table,
    versions,
)
from items_api.provision.bundle import code_sha256
from items_api.settings import Arns, Settings

Request = tuple[str, str, dict[str, Any]]

ORDINARY = Settings()
# Everything that `Settings` accept and that a parser or a shell might misread.
NASTY = Settings(
    name="team-todo-2",
    region="us-gov-west-1",
    tags={
        "team": "web",
        "cost centre": " R+D = 7/ä ",
        "empty": "",
        "yes": "no",
        "0x1F": "1e3",
        "ключ": "値 𠀀",
        "@name@": "@region@@tags@",
        "path:/to": "C:/a//b",
        "- dash": "-1",
        "= equals": "a=b=c",
    },
    cors_origins=("https://*", "http://[::1]:5173", "http://localhost:8080"),
    memory=10_240,
    timeout=30,
    log_retention=3653,
    throttle_rate=10_000,
    throttle_burst=1,
    permissions_boundary="arn:aws-us-gov:iam::123456789012:policy/it's/path/=,.@-_",
    auth="jwt",
    jwt_issuer="https://issuer.example/it's/${a}/",
    jwt_audiences=("api://items", "a,b=c ${d}"),
    jwt_write_scope="https://issuer.example/items.write",
    protect=True,
    indexes=("owner", "sort.key-2_x"),
)
SIGNED = Settings(auth="iam")
BOTH = {"ordinary": ORDINARY, "nasty": NASTY, "signed": SIGNED}


@dataclass(frozen=True)
class Ids:
    """The ids that AWS chooses."""

    account: str = "123456789012"
    api: str = "api1"
    integration: str = "int1"
    authorizer: str = "auth1"
    version: str = "1"


IDS = Ids()


def requests_of_up(settings: Settings, ids: Ids = IDS) -> dict[str, Request]:
    """What is created -> (service, operation, parameters) as boto3 names them, in the tutorial's order."""
    arns = Arns(settings, ids.account)
    in_api = {"ApiId": ids.api}
    backups = table.backups_request(settings)
    target = f"integrations/{ids.integration}"
    who = {key: authorization.route_request(settings, key, ids.authorizer) for key in ROUTES}
    authorizer = {**in_api, **authorization.authorizer_request(settings)}
    integration = {**in_api, **api_parts.integration_request(arns.alias)}
    sha = code_sha256(settings)
    stage = {**in_api, **api_parts.stage_request(settings), "Tags": settings.all_tags}
    return {
        "table": ("dynamodb", "create_table", table.create_request(settings)),
        "role": ("iam", "create_role", role.create_request(settings)),
        "policy": ("iam", "put_role_policy", role.policy_request(arns)),
        "log group": ("logs", "create_log_group", log_group.create_request(settings)),
        "retention": ("logs", "put_retention_policy", log_group.retention_request(settings)),
        "function": ("lambda", "create_function", function.create_request(arns)),
        "api": ("apigatewayv2", "create_api", api.create_request(settings)),
        "integration": ("apigatewayv2", "create_integration", integration),
        **({"authorizer": ("apigatewayv2", "create_authorizer", authorizer)} if settings.auth == "jwt" else {}),
        **{
            key: ("apigatewayv2", "create_route", {**in_api, "RouteKey": key, "Target": target, **who[key]})
            for key in ROUTES
        },
        "stage": ("apigatewayv2", "create_stage", stage),
        **({"backups": ("dynamodb", "update_continuous_backups", backups)} if settings.protect else {}),
        "version": ("lambda", "publish_version", versions.publish_request(settings, {"code": sha})),
        "alias": ("lambda", "create_alias", release.alias_request(settings, ids.version, None)),
        "permission": ("lambda", "add_permission", permission.create_request(arns, ids.api)),
    }


def parameters_of_up(settings: Settings) -> dict[str, dict[str, Any]]:
    return {name: parameters for name, (_, _, parameters) in requests_of_up(settings).items()}
