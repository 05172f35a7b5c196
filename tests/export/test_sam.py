"""The SAM template creates the stack that `up` creates: expanded by SAM's own translator, compared property by property."""

import json
import re
from types import SimpleNamespace
from typing import Any

import pytest
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

from items_api.export import folders
from items_api.handler import ROUTES
from items_api.provision.bundle import sources
from items_api.settings import Arns, Settings
from tests.export.reference import BOTH, IDS, ORDINARY, parameters_of_up


class Expanded:
    """The template as CloudFormation sees it, with every intrinsic function computed."""

    def __init__(self, settings: Settings) -> None:
        arns = Arns(settings, IDS.account)
        self.up = parameters_of_up(settings)
        self.settings = settings
        self._known = {
            "AWS::AccountId": IDS.account,
            "AWS::Region": settings.region,
            "AWS::Partition": settings.partition,
            "Api": IDS.api,
            "Function": settings.function_name,
            "Function.Arn": arns.function,
            "FunctionAliassam": f"{arns.function}:sam",
            "LogGroup.Arn": f"{arns.log_group}:*",
            "Role.Arn": arns.role,
            "Table": settings.table_name,
            "Table.Arn": arns.table,
        }
        template = yaml_parse(folders.sam(settings)["template.yaml"].decode())
        # `sam build` uploads the code to S3; the translator accepts nothing else.
        template["Resources"]["Function"]["Properties"]["CodeUri"] = {"Bucket": "b", "Key": "k"}
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_DEFAULT_REGION", settings.region)
            resources = transform(template, {}, SimpleNamespace(load=dict))["Resources"]
        # SAM names the version after the hash of the code.
        versions = {
            name: resource for name, resource in resources.items() if resource["Type"] == "AWS::Lambda::Version"
        }
        self._known |= {f"{name}.Version": IDS.version for name in versions}
        self.resources: dict[str, dict[str, Any]] = {name: self._value(value) for name, value in resources.items()}

    def one(self, kind: str) -> dict[str, Any]:
        (properties,) = [resource["Properties"] for resource in self.resources.values() if resource["Type"] == kind]
        return dict(properties)

    def _value(self, value: Any) -> Any:
        match value:
            case {"Ref": str(name)}:
                return self._known[name]
            case {"Fn::GetAtt": [*parts]}:
                return self._known[".".join(parts)]
            case {"Fn::Sub": sub}:
                text, names = sub if isinstance(sub, list) else (sub, {})
                known = {**self._known, **self._value(names)}
                return re.sub(r"\$\{(.+?)\}", lambda name: known[name[1]], text)
            case dict():
                return {key: self._value(inner) for key, inner in value.items()}
            case list():
                return [self._value(inner) for inner in value]
            case _:
                return value


@pytest.fixture(scope="module", params=BOTH.values(), ids=[*BOTH])
def expanded(request: pytest.FixtureRequest) -> Expanded:
    return Expanded(request.param)


def of_sam(arn: str) -> str:
    """The ARN of SAM's alias instead of the one of `up`."""
    return f"{arn.removesuffix(':live')}:sam"


def as_map(tags: Any) -> dict[str, str]:
    """Without the tag that SAM adds: `lambda:createdBy`, `httpapi:createdBy`."""
    pairs = tags.items() if isinstance(tags, dict) else [(tag["Key"], tag["Value"]) for tag in tags]
    return {key: value for key, value in pairs if not key.endswith(":createdBy")}


@pytest.mark.parametrize("settings", BOTH.values(), ids=BOTH)
def test_cfn_lint_finds_nothing(settings: Settings) -> None:
    from cfnlint.api import lint  # noqa: PLC0415 - two seconds in every process that collects the tests
    from cfnlint.config import ManualArgs  # noqa: PLC0415

    assert lint(folders.sam(settings)["template.yaml"].decode(), config=ManualArgs()) == []


def test_the_table_role_and_policy_have_the_properties_that_up_sends(expanded: Expanded) -> None:
    up = expanded.up
    backups = {} if "backups" not in up else {k: v for k, v in up["backups"].items() if k != "TableName"}
    assert expanded.one("AWS::DynamoDB::Table") == {**up["table"], **backups}
    document = json.loads(up["policy"]["PolicyDocument"])
    assert expanded.one("AWS::IAM::Role") == {
        "RoleName": expanded.settings.role_name,
        "AssumeRolePolicyDocument": json.loads(up["role"]["AssumeRolePolicyDocument"]),
        "Policies": [{"PolicyName": expanded.settings.policy_name, "PolicyDocument": document}],
        "Tags": up["role"]["Tags"],
        **{name: up["role"][name] for name in ("PermissionsBoundary",) if expanded.settings.permissions_boundary},
    }


def test_the_log_group_function_and_stage_have_the_properties_that_up_sends(expanded: Expanded) -> None:
    """The log group is created before the function, which would otherwise create it without a retention period."""
    group, function, stage = (
        {**properties, "Tags": as_map(properties["Tags"])}
        for properties in map(
            expanded.one, ("AWS::Logs::LogGroup", "AWS::Lambda::Function", "AWS::ApiGatewayV2::Stage")
        )
    )
    assert group == {
        "LogGroupName": expanded.up["log group"]["logGroupName"],
        "RetentionInDays": expanded.up["retention"]["retentionInDays"],
        "Tags": expanded.up["log group"]["tags"],
    }
    up = {name: value for name, value in expanded.up["function"].items() if name != "Publish"}
    assert {**function, "Code": None} == {**up, "Code": None}
    assert expanded.resources["Function"]["DependsOn"] == "LogGroup"
    assert stage == expanded.up["stage"]


def test_the_code_is_the_handlers_source() -> None:
    files = folders.sam(ORDINARY)
    assert {path: content for path, content in files.items() if path != "template.yaml"} == {
        f"src/{path}": content for path, content in sources(ORDINARY).items()
    }


def test_the_api_and_its_cors(expanded: Expanded) -> None:
    body = expanded.one("AWS::ApiGatewayV2::Api")["Body"]
    cors = {name[0].upper() + name[1:]: value for name, value in body["x-amazon-apigateway-cors"].items()}
    assert body["info"]["title"] == expanded.up["api"]["Name"]
    assert cors == expanded.up["api"]["CorsConfiguration"]
    tags = expanded.up["api"]["Tags"]
    assert as_map({tag["name"]: tags.get(tag["name"], "") for tag in body["tags"]}) == tags


def test_the_routes_and_their_integrations(expanded: Expanded) -> None:
    paths = expanded.one("AWS::ApiGatewayV2::Api")["Body"]["paths"]
    integrations = {
        f"{method.upper()} {path}": operation["x-amazon-apigateway-integration"]
        for path, operations in paths.items()
        for method, operation in operations.items()
    }
    up, settings = expanded.up["integration"], expanded.settings
    # The long form of a function's ARN, which an OpenAPI document requires.
    path = f"lambda:path/2015-03-31/functions/{of_sam(up['IntegrationUri'])}/invocations"
    integration = {
        "type": up["IntegrationType"].lower(),
        "httpMethod": "POST",
        "payloadFormatVersion": up["PayloadFormatVersion"],
        "timeoutInMillis": up["TimeoutInMillis"],
        "uri": f"arn:{settings.partition}:apigateway:{settings.region}:{path}",
    }
    assert integrations == dict.fromkeys(ROUTES, integration)


def test_the_authorization_of_each_route(expanded: Expanded) -> None:
    body, settings = expanded.one("AWS::ApiGatewayV2::Api")["Body"], expanded.settings
    security = {
        f"{method.upper()} {path}": operation.get("security", [])
        for path, operations in body["paths"].items()
        for method, operation in operations.items()
    }
    schemes = body.get("components", {}).get("securitySchemes", {})
    if settings.auth == "none":
        assert (security, schemes) == ({key: [] for key in ROUTES}, {})
    elif settings.auth == "iam":
        assert security == {key: [{"AWS_IAM": []}] for key in ROUTES}
        assert schemes["AWS_IAM"]["x-amazon-apigateway-authtype"] == "awsSigv4"
    else:
        up = expanded.up["authorizer"]
        assert security == {key: [{"jwt": expanded.up[key].get("AuthorizationScopes", [])}] for key in ROUTES}
        authorizer = schemes["jwt"]["x-amazon-apigateway-authorizer"]
        assert authorizer["jwtConfiguration"] == {
            "issuer": up["JwtConfiguration"]["Issuer"],
            "audience": up["JwtConfiguration"]["Audience"],
        }
        assert [authorizer["identitySource"]] == up["IdentitySource"]


def test_the_invoke_permission_of_each_route(expanded: Expanded) -> None:
    """SAM adds one per route, where `up` adds one for all of them; together they allow no more."""
    permissions = [dict(r["Properties"]) for r in expanded.resources.values() if r["Type"] == "AWS::Lambda::Permission"]
    assert len(permissions) == len(ROUTES)
    up = expanded.up["permission"]
    for permission in permissions:
        assert permission.pop("SourceArn").startswith(up["SourceArn"])
        alias = of_sam(Arns(expanded.settings, IDS.account).alias)
        assert permission == {"FunctionName": alias, **{name: up[name] for name in ("Action", "Principal")}}


def test_the_alias_on_the_version_that_each_deployment_publishes(expanded: Expanded) -> None:
    alias, function = expanded.one("AWS::Lambda::Alias"), expanded.settings.function_name
    assert alias == {"Name": "sam", "FunctionName": function, "FunctionVersion": IDS.version}
    assert expanded.one("AWS::Lambda::Version") == {"FunctionName": function}


def test_cloudformation_can_import_the_named_resources_and_no_others_are_created(expanded: Expanded) -> None:
    """Its automatic import requires a literal name and a DeletionPolicy that keeps the resource."""
    keep = "RetainExceptOnCreate"
    assert {resource["Type"]: resource.get("DeletionPolicy") for resource in expanded.resources.values()} == {
        "AWS::DynamoDB::Table": keep,
        "AWS::IAM::Role": keep,
        "AWS::Logs::LogGroup": keep,
        "AWS::Lambda::Function": keep,
        "AWS::Lambda::Version": keep,
        "AWS::Lambda::Alias": keep,
        "AWS::Lambda::Permission": keep,
        "AWS::ApiGatewayV2::Api": None,
        "AWS::ApiGatewayV2::Stage": None,
    }
