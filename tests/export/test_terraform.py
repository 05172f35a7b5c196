"""The Terraform configuration describes the stack that `up` creates, attribute by attribute."""

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import hcl2
import pytest
from botocore import xform_name
from hcl2.utils import SerializationOptions

from items_api.export import folders
from items_api.export.output import write_folder
from items_api.handler import ROUTES
from items_api.local import LocalAws
from items_api.provision.stack import Stack
from items_api.provision.table import RECOVERY_DAYS
from items_api.settings import Arns, Settings
from tests.export.conftest import environment_of, existing_stack, finish, run
from tests.export.reference import BOTH, IDS, parameters_of_up


def parsed(text: str) -> dict[str, Any]:
    """Strings have no quotes, and expressions are written as `${expression}`."""
    return hcl2.loads(text, serialization_options=SerializationOptions(strip_string_quotes=True))


class Configuration:
    """A main.tf as Terraform reads it, with every reference resolved."""

    def __init__(self, settings: Settings) -> None:
        arns = Arns(settings, IDS.account)
        self.settings = settings
        self.up = parameters_of_up(settings)
        self._known: dict[str, Any] = {
            "aws_apigatewayv2_api.items.id": IDS.api,
            "aws_apigatewayv2_api.items.execution_arn": arns.invoke_source(IDS.api).removesuffix("/*"),
            "aws_apigatewayv2_authorizer.items.id": IDS.authorizer,
            "aws_apigatewayv2_integration.items.id": IDS.integration,
            "aws_cloudwatch_log_group.items.arn": arns.log_group,
            "aws_dynamodb_table.items.arn": arns.table,
            "aws_iam_role.items.arn": arns.role,
            "aws_iam_role.items.name": settings.role_name,
            "aws_lambda_alias.items.arn": arns.alias,
            "aws_lambda_alias.items.name": settings.alias_name,
            "aws_lambda_function.items.version": IDS.version,
            "aws_lambda_function.items.function_name": settings.function_name,
        }
        files = folders.terraform(settings)
        self.zip = files["function.zip"]
        document = parsed(files["main.tf"].decode())
        self.local = self._value(document["locals"])
        self._known |= {f"local.{name}": value for name, value in self.local.items()}
        self.providers = [self._value(block) for block in document["provider"]]
        self._resources = [self._value(block) for block in document["resource"]]

    def resource(self, kind: str) -> dict[str, Any]:
        (block,) = [block for block in self._resources if kind in block]
        return dict(block[kind]["items"])

    def _value(self, value: Any) -> Any:
        match value:
            case [{"__is_block__": True}]:
                return self._value(value[0])
            case dict():
                return {key: self._value(inner) for key, inner in value.items() if not key.startswith("__")}
            case list():
                return [self._value(inner) for inner in value]
            case str() if expression := re.fullmatch(r"\$\{(.+)\}", value):
                return self._expression(expression[1])
            case str():
                text = re.sub(r"\$\{(.+?)\}", lambda name: self._known.get(name[1], name[0]), value)
                return text.replace("$${", "${")
            case _:
                return value

    def _expression(self, text: str) -> Any:
        if merged := re.fullmatch(r"merge\(([\w.]+), (.+)\)", text):
            return {**self._expression(merged[1]), **self._expression(merged[2])}
        if applied := re.fullmatch(r"(?:jsonencode|toset)\((.+)\)", text):
            return self._expression(applied[1])
        if text[0] in "[{":
            return self._value(parsed(f"x = {text}\n")["x"])
        return self._known.get(text, text)


@pytest.fixture(scope="module", params=BOTH.values(), ids=[*BOTH])
def main(request: pytest.FixtureRequest) -> Configuration:
    return Configuration(request.param)


def as_map(tags: list[dict[str, str]]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in tags}


def _keys(table: dict[str, Any]) -> dict[str, Any]:
    """The attributes and indexes of the table. The parser shows a list if there is more than one."""
    attributes = [{"name": a["AttributeName"], "type": a["AttributeType"]} for a in table["AttributeDefinitions"]]
    indexes = [
        {
            "name": index["IndexName"],
            "hash_key": index["KeySchema"][0]["AttributeName"],
            "projection_type": index["Projection"]["ProjectionType"],
        }
        for index in table.get("GlobalSecondaryIndexes", [])
    ]
    return {
        "attribute": attributes if len(attributes) > 1 else attributes[0],
        **({"global_secondary_index": indexes} if indexes else {}),
    }


def renamed(parameters: dict[str, Any], **names: str) -> dict[str, Any]:
    """Boto3's names in Terraform's spelling, apart from those that differ."""
    return {names.get(key, xform_name(key)): value for key, value in parameters.items()}


@pytest.mark.parametrize("settings", BOTH.values(), ids=BOTH)
def test_terraform_fmt_changes_nothing(settings: Settings, tmp_path: Path) -> None:
    program = shutil.which("terraform")
    if program is None:
        pytest.skip("Terraform is not installed")
    write_folder(tmp_path, {"main.tf": folders.terraform(settings)["main.tf"]}, force=False)
    environment = {**os.environ, "TF_CLI_CONFIG_FILE": os.devnull, "CHECKPOINT_DISABLE": "1"}
    run(environment, program, "fmt", "-check", "-diff", tmp_path)


def test_the_table_role_policy_and_log_group_have_the_attributes_that_up_sends(main: Configuration) -> None:
    table, role, policy, group = (main.up[name] for name in ("table", "role", "policy", "log group"))
    assert main.resource("aws_dynamodb_table") == {
        "name": table["TableName"],
        "billing_mode": table["BillingMode"],
        "hash_key": table["KeySchema"][0]["AttributeName"],
        **_keys(table),
        "tags": as_map(table["Tags"]),
        **(
            {
                "deletion_protection_enabled": table["DeletionProtectionEnabled"],
                "point_in_time_recovery": {"enabled": True, "recovery_period_in_days": RECOVERY_DAYS},
            }
            if main.settings.protect
            else {}
        ),
    }
    assert main.resource("aws_iam_role") == {
        "name": role["RoleName"],
        "assume_role_policy": json.loads(role["AssumeRolePolicyDocument"]),
        "tags": as_map(role["Tags"]),
        **({"permissions_boundary": boundary} if (boundary := main.settings.permissions_boundary) else {}),
    }
    assert main.resource("aws_iam_role_policy") == {
        "name": policy["PolicyName"],
        "role": policy["RoleName"],
        "policy": json.loads(policy["PolicyDocument"]),
    }
    assert main.resource("aws_cloudwatch_log_group") == {
        "name": group["logGroupName"],
        "retention_in_days": main.up["retention"]["retentionInDays"],
        "tags": group["tags"],
    }


def test_the_function_after_its_log_group(main: Configuration) -> None:
    function = renamed(main.up["function"])
    assert function.pop("code") == {"ZipFile": main.zip}
    assert main.resource("aws_lambda_function") == {
        **function,
        "filename": "${path.module}/function.zip",
        "source_code_hash": 'filebase64sha256("${path.module}/function.zip")',
        "depends_on": ["aws_cloudwatch_log_group.items"],
    }


def test_the_alias_on_the_version_that_terraform_publishes(main: Configuration) -> None:
    assert main.resource("aws_lambda_alias") == renamed(main.up["alias"])


def test_the_api_stage_and_permission_have_the_attributes_that_up_sends(main: Configuration) -> None:
    api, stage = renamed(main.up["api"]), renamed(main.up["stage"], StageName="name")
    api["cors_configuration"] = renamed(api["cors_configuration"])
    stage["default_route_settings"] = renamed(stage["default_route_settings"])
    assert main.resource("aws_apigatewayv2_api") == api
    assert main.resource("aws_apigatewayv2_stage") == stage
    assert main.resource("aws_lambda_permission") == renamed(main.up["permission"])


def test_the_integration_and_its_routes(main: Configuration) -> None:
    integration = renamed(main.up["integration"], TimeoutInMillis="timeout_milliseconds")
    assert main.resource("aws_apigatewayv2_integration") == integration
    routes = main.resource("aws_apigatewayv2_route")
    assert routes["for_each"] == [*ROUTES]
    for key in ROUTES:
        route = {**main.up[key], "RouteKey": "each.key"}
        scopes = route.pop("AuthorizationScopes", [])
        expected = renamed(route) | {"for_each": [*ROUTES]}
        if main.settings.auth == "jwt":
            expected["authorization_scopes"] = 'startswith(each.key, "GET ") ? local.read_scopes : local.write_scopes'
            assert main.local["read_scopes" if key.startswith("GET ") else "write_scopes"] == scopes
        assert routes == expected


def test_the_authorizer(main: Configuration) -> None:
    if main.settings.auth == "jwt":
        authorizer = renamed(main.up["authorizer"], IdentitySource="identity_sources")
        authorizer["jwt_configuration"] = renamed(authorizer["jwt_configuration"])
        assert main.resource("aws_apigatewayv2_authorizer") == authorizer


def test_the_provider_uses_the_region_of_the_stack(main: Configuration) -> None:
    assert main.providers == [{"aws": {"region": main.settings.region}}]


def test_imports_sh_prints_a_block_for_each_resource_of_main_tf(
    local_aws: LocalAws, tmp_path: Path, aws_cli: Path
) -> None:
    """On the local AWS, with the real AWS CLI and the IDs that the local AWS chose."""
    settings = Settings(name="terraform-test")
    files = folders.terraform(settings)
    write_folder(tmp_path, files, force=False)
    with existing_stack(local_aws, settings) as stack:
        printed = run(environment_of(local_aws, aws_cli), tmp_path / "imports.sh").stdout
        assert stack.api.found
        api, parts = stack.api.found.api_id, stack.api.found.parts
        assert parts.integration

    blocks = dict(re.findall(r'import \{\n  to = (.+)\n  id = "(.+)"\n\}', printed))
    assert blocks == {
        "aws_dynamodb_table.items": settings.table_name,
        "aws_iam_role.items": settings.role_name,
        "aws_iam_role_policy.items": f"{settings.role_name}:{settings.policy_name}",
        "aws_cloudwatch_log_group.items": settings.log_group_name,
        "aws_lambda_function.items": settings.function_name,
        "aws_lambda_alias.items": f"{settings.function_name}/{settings.alias_name}",
        "aws_lambda_permission.items": f"{settings.function_name}:{settings.alias_name}/{settings.statement_id}",
        "aws_apigatewayv2_api.items": api,
        "aws_apigatewayv2_integration.items": f"{api}/{parts.integration['IntegrationId']}",
        "aws_apigatewayv2_stage.items": f"{api}/$default",
        **{f'aws_apigatewayv2_route.items["{key}"]': f"{api}/{parts.routes[key]['RouteId']}" for key in ROUTES},
    }
    kinds = re.findall(r'^resource "(\w+)" "items"', files["main.tf"].decode(), re.MULTILINE)
    assert {address.partition(".")[0] for address in blocks} == {*kinds}


def test_imports_sh_needs_an_existing_stack(local_aws: LocalAws, tmp_path: Path, aws_cli: Path) -> None:
    write_folder(tmp_path, folders.terraform(Settings(name="no-such-stack")), force=False)
    done = run(environment_of(local_aws, aws_cli), tmp_path / "imports.sh", code=1)
    assert (done.stdout, done.stderr) == ("", "The stack no-such-stack has no HTTP API in us-east-1.\n")


def test_imports_sh_does_not_choose_between_two_apis(local_aws: LocalAws, tmp_path: Path, aws_cli: Path) -> None:
    settings = Settings(name="two-apis")
    write_folder(tmp_path, folders.terraform(settings), force=False)
    with existing_stack(local_aws, settings) as stack:
        stack.aws.apigateway.create_api(Name=settings.api_name, ProtocolType="HTTP", Tags=settings.all_tags)
        done = run(environment_of(local_aws, aws_cli), tmp_path / "imports.sh", code=1)
        assert done.stdout == ""
        assert done.stderr.startswith("The stack two-apis has more than one HTTP API in us-east-1: ")
        finish(stack, Stack.up)
        assert run(environment_of(local_aws, aws_cli), tmp_path / "imports.sh").stdout
