"""The Terraform configuration names the stack that `up` makes, attribute by attribute, in Terraform's own layout."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from items_api.export import terraform
from items_api.export.blueprint import Ids, calls
from items_api.export.hcl import Applied, Block, Expression, to_hcl
from items_api.export.output import write_folder
from items_api.handler import ROUTES
from items_api.provision.bundle import bundle
from items_api.settings import Settings
from tests.export.recording import ACCOUNT, SETTINGS, deployed

if TYPE_CHECKING:
    from items_api.local import LocalAws

UP = {name: dict(call.parameters) for name, call in calls(SETTINGS, Ids(ACCOUNT, "AROA1", "api1", "int1")).items()}
# What Terraform puts where the configuration refers to something.
KNOWN = {
    "aws_apigatewayv2_api.items.id": "api1",
    "aws_apigatewayv2_integration.items.id": "int1",
    "aws_iam_role.items.arn": UP["function"]["Role"],
    "aws_iam_role.items.name": SETTINGS.role_name,
    "aws_iam_role.items.unique_id": "AROA1",
    "aws_lambda_function.items.arn": UP["integration"]["IntegrationUri"],
    "aws_lambda_function.items.function_name": SETTINGS.function_name,
    "data.aws_caller_identity.current.account_id": ACCOUNT,
}


def evaluated(value: Any) -> Any:
    match value:
        case Expression(text):
            return KNOWN.get(text, text)
        case Applied("jsonencode" | "toset", inner):
            return evaluated(inner)
        case str():
            return re.sub(r"\$\{([^}]+)\}", lambda reference: KNOWN[reference[1]], value)
        case dict():
            return {key: evaluated(inner) for key, inner in value.items()}
        case list():
            return [evaluated(inner) for inner in value]
        case _:
            return value


def resource(kind: str) -> dict[str, Any]:
    """The attributes of the one resource of this kind, and its blocks by their names."""
    (block,) = [block for block in terraform.blocks(SETTINGS) if block.labels[:1] == (kind,)]
    inside = {inner.kind: evaluated(dict(inner.attributes)) for inner in block.blocks}
    return {**{name: evaluated(value) for name, value in block.attributes.items()}, **inside}


def as_map(tags: list[dict[str, str]]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in tags}


def test_the_table() -> None:
    assert resource("aws_dynamodb_table") == {
        "name": UP["table"]["TableName"],
        "billing_mode": UP["table"]["BillingMode"],
        "hash_key": UP["table"]["KeySchema"][0]["AttributeName"],
        "attribute": {"name": "itemId", "type": "S"},
        "tags": as_map(UP["table"]["Tags"]),
    }


def test_the_role_and_its_inline_policy() -> None:
    assert resource("aws_iam_role") == {
        "name": UP["role"]["RoleName"],
        "assume_role_policy": json.loads(UP["role"]["AssumeRolePolicyDocument"]),
        "tags": as_map(UP["role"]["Tags"]),
    }
    assert resource("aws_iam_role_policy") == {
        "name": UP["policy"]["PolicyName"],
        "role": UP["policy"]["RoleName"],
        "policy": json.loads(UP["policy"]["PolicyDocument"]),
    }


def test_the_log_group() -> None:
    assert resource("aws_cloudwatch_log_group") == {
        "name": UP["log group"]["logGroupName"],
        "retention_in_days": UP["retention"]["retentionInDays"],
        "tags": UP["log group"]["tags"],
    }


def test_the_function_after_its_log_group() -> None:
    assert resource("aws_lambda_function") == {
        "function_name": UP["function"]["FunctionName"],
        "runtime": UP["function"]["Runtime"],
        "handler": UP["function"]["Handler"],
        "architectures": UP["function"]["Architectures"],
        "memory_size": UP["function"]["MemorySize"],
        "timeout": UP["function"]["Timeout"],
        "role": UP["function"]["Role"],
        "filename": '"${path.module}/function.zip"',
        "source_code_hash": Applied("filebase64sha256", Expression('"${path.module}/function.zip"')),
        "environment": {"variables": UP["function"]["Environment"]["Variables"]},
        "tags": UP["function"]["Tags"],
        "depends_on": ["aws_cloudwatch_log_group.items"],
    }
    assert terraform.files(SETTINGS)["function.zip"] == bundle()


def test_the_api_and_its_cors() -> None:
    cors = UP["api"]["CorsConfiguration"]
    assert resource("aws_apigatewayv2_api") == {
        "name": UP["api"]["Name"],
        "protocol_type": UP["api"]["ProtocolType"],
        "cors_configuration": {
            "allow_origins": cors["AllowOrigins"],
            "allow_methods": cors["AllowMethods"],
            "allow_headers": cors["AllowHeaders"],
            "expose_headers": cors["ExposeHeaders"],
        },
        "tags": UP["api"]["Tags"],
    }


def test_the_integration_and_its_routes() -> None:
    assert resource("aws_apigatewayv2_integration") == {
        "api_id": UP["integration"]["ApiId"],
        "integration_type": UP["integration"]["IntegrationType"],
        "integration_uri": UP["integration"]["IntegrationUri"],
        "payload_format_version": UP["integration"]["PayloadFormatVersion"],
        "timeout_milliseconds": UP["integration"]["TimeoutInMillis"],
    }
    routes = resource("aws_apigatewayv2_route")
    each = [{"ApiId": routes["api_id"], "RouteKey": key, "Target": routes["target"]} for key in routes["for_each"]]
    assert each == [UP[key] for key in ROUTES]
    assert routes["route_key"] == "each.key"


def test_the_stage_and_its_throttle() -> None:
    throttle = UP["stage"]["DefaultRouteSettings"]
    assert resource("aws_apigatewayv2_stage") == {
        "api_id": UP["stage"]["ApiId"],
        "name": UP["stage"]["StageName"],
        "auto_deploy": UP["stage"]["AutoDeploy"],
        "default_route_settings": {
            "throttling_rate_limit": throttle["ThrottlingRateLimit"],
            "throttling_burst_limit": throttle["ThrottlingBurstLimit"],
        },
        "tags": UP["stage"]["Tags"],
    }


def test_the_invoke_permission() -> None:
    assert resource("aws_lambda_permission") == {
        "function_name": UP["permission"]["FunctionName"],
        "statement_id": UP["permission"]["StatementId"],
        "action": UP["permission"]["Action"],
        "principal": UP["permission"]["Principal"],
        "source_arn": UP["permission"]["SourceArn"],
    }


LAYOUT = """\
resource "kind" "name" {
  a    = 1
  long = ["x"]
  map = {
    "k:1" = "v"
    plain = true
  }
  code = jsonencode({
    List = [
      {
        A = 1
      },
    ]
  })
  after = aws.reference

  inner {
    x = "$default"
  }
}

data "nothing" "here" {}
"""


def test_the_layout_is_that_of_terraform_fmt(tmp_path: Path) -> None:
    """The sample has every construct; where Terraform is installed, it is asked as well, about the export too."""
    inner = Block("inner", (), {"x": "$default"})
    attributes = {
        "a": 1,
        "long": ["x"],
        "map": {"k:1": "v", "plain": True},
        "code": Applied("jsonencode", {"List": [{"A": 1}]}),
        "after": Expression("aws.reference"),
    }
    sample = to_hcl([Block("resource", ("kind", "name"), attributes, (inner,)), Block("data", ("nothing", "here"))])
    assert sample == LAYOUT
    origins = tuple(f"https://app{number}.example.com" for number in range(6))
    main = terraform.main(Settings(cors_origins=origins, tags=SETTINGS.tags))
    for text in (sample, main, terraform.main(SETTINGS)):
        assert _formatted(text, tmp_path) == text


def _formatted(text: str, folder: Path) -> str:
    program = shutil.which("terraform")
    if program is None:
        return text
    environment = {**os.environ, "TF_CLI_CONFIG_FILE": os.devnull, "CHECKPOINT_DISABLE": "1"}
    (folder / "main.tf").write_text(text)
    subprocess.run([program, "fmt", str(folder)], env=environment, check=True, capture_output=True)
    return (folder / "main.tf").read_text()


def test_the_import_blocks_name_what_runs(local_aws: LocalAws, tmp_path: Path) -> None:
    """On the local AWS, by the real AWS CLI: one block for each resource of main.tf, with the id that AWS gave it."""
    settings = Settings(name="terraform-test")
    write_folder(tmp_path, terraform.files(settings), force=False)
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "AWS_ENDPOINT_URL": local_aws.endpoint_url,
        "AWS_ACCESS_KEY_ID": local_aws.access_key,
        "AWS_SECRET_ACCESS_KEY": local_aws.secret_key,
    }
    with deployed(local_aws, settings) as stack:
        script = tmp_path / "imports.sh"
        printed = subprocess.run([script], env=environment, check=True, capture_output=True, text=True)
        api = stack.api.api_id
        assert stack.api.found
        parts = stack.api.found.ids["parts"]

    blocks = dict(re.findall(r'import \{\n  to = (.+)\n  id = "(.+)"\n\}', printed.stdout))
    assert blocks == {
        "aws_dynamodb_table.items": settings.table_name,
        "aws_iam_role.items": settings.role_name,
        "aws_iam_role_policy.items": f"{settings.role_name}:{settings.policy_name}",
        "aws_cloudwatch_log_group.items": settings.log_group_name,
        "aws_lambda_function.items": settings.function_name,
        "aws_lambda_permission.items": f"{settings.function_name}/{settings.statement_id}",
        "aws_apigatewayv2_api.items": api,
        "aws_apigatewayv2_integration.items": f"{api}/{parts.integration['IntegrationId']}",
        "aws_apigatewayv2_stage.items": f"{api}/$default",
        **{f'aws_apigatewayv2_route.items["{key}"]': f"{api}/{parts.routes[key]['RouteId']}" for key in ROUTES},
    }
    configured = {f"{b.labels[0]}.{b.labels[1]}" for b in terraform.blocks(settings) if b.kind == "resource"}
    assert {address.partition("[")[0] for address in blocks} == configured
