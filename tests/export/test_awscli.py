"""A command line of the AWS CLI sends the same request as the call that it stands for, according to the AWS CLI itself."""

import ast
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from items_api import provision
from items_api.aws.line import cli_line
from items_api.provision.bundle import bundle
from items_api.settings import Settings
from tests.export.conftest import Requests
from tests.export.recording import SETTINGS, WITH_BOUNDARY, WITH_TOKENS, writes

READS = ("get_", "list_", "describe_", "scan", "invoke")


OLD_VERSION = ("lambda", "delete_function", {"FunctionName": "items-api", "Qualifier": "1"})
NO_LAYERS = ("lambda", "update_function_configuration", {"FunctionName": "items-api", "Layers": []})
Call = tuple[str, str, Mapping[str, Any]]


@pytest.fixture(scope="module")
def recorded() -> list[Call]:
    """One call for each operation and set of parameters."""
    calls = [*writes(), *writes(WITH_BOUNDARY), *writes(WITH_TOKENS), NO_LAYERS, OLD_VERSION]
    return [
        *{
            (service, operation, *sorted(given)): (service, operation, given) for service, operation, given in calls
        }.values()
    ]


def test_the_aws_cli_sends_what_boto3_sends(recorded: list[Call], request_of: Requests) -> None:
    sent = [request_of(cli_line(*call), SETTINGS) for call in recorded]
    assert sent == recorded
    assert len(sent) > 50


def test_every_write_in_the_source_is_among_those_compared(recorded: list[Call]) -> None:
    """So that a new call is compared as well: each boto3 method that is passed to `Aws.send` or `send_once`."""
    written = {
        call.args[0].attr
        for path in Path(provision.__file__).parent.glob("*.py")
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr in ("send", "send_once")
        and call.args
        and isinstance(call.args[0], ast.Attribute)
        and not call.args[0].attr.startswith(READS)
    }
    assert written <= {operation for _, operation, _ in recorded}


TABLE = {
    "TableName": "Items",
    "AttributeDefinitions": [{"AttributeName": "itemId", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "itemId", "KeyType": "HASH"}],
    "BillingMode": "PAY_PER_REQUEST",
}
TABLE_LINE = (
    "--table-name Items --attribute-definitions AttributeName=itemId,AttributeType=S "
    "--key-schema AttributeName=itemId,KeyType=HASH --billing-mode PAY_PER_REQUEST"
)


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "options"),
    [
        ("dynamodb", "create_table", TABLE, TABLE_LINE),
        ("iam", "put_role_policy", {"PolicyDocument": '{"a": 1}'}, "--policy-document '{\"a\": 1}'"),
        ("lambda", "create_function", {"Code": {"ZipFile": bundle(Settings())}}, "--zip-file fileb://function.zip"),
        ("lambda", "update_function_code", {"ZipFile": bundle(Settings())}, "--zip-file fileb://function.zip"),
        ("apigatewayv2", "delete_stage", {"StageName": "$default"}, "--stage-name '$default'"),
        ("apigatewayv2", "update_api", {"DisableExecuteApiEndpoint": True}, "--disable-execute-api-endpoint"),
        ("apigatewayv2", "update_api", {"DisableExecuteApiEndpoint": False}, "--no-disable-execute-api-endpoint"),
    ],
    ids=["shorthand", "document inline", "code as a file", "new code as a file", "quotes", "flag", "opposite flag"],
)
def test_a_line_is_written_as_in_the_tutorial(
    service: str, operation: str, parameters: dict[str, Any], options: str
) -> None:
    line = cli_line(service, operation, parameters)
    assert line == f"aws {service} {operation.replace('_', '-')} {options}"


def test_a_shell_replaces_our_variables_and_nothing_else() -> None:
    call = ("lambda", "add_permission", {"FunctionName": '`id` $HOME "$API_ID" \\', "SourceArn": "$API_ID/$default"})
    printed = f"API_ID=a1; printf '%s\\n' {cli_line(*call).removeprefix('aws ')}"
    words = subprocess.run(["sh", "-c", printed], capture_output=True, text=True, check=True).stdout.splitlines()
    assert words[2:] == ["--function-name", '`id` $HOME "a1" \\', "--source-arn", "a1/$default"]
