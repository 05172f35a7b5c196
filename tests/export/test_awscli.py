"""An AWS call and its `aws` line are the same request: the AWS CLI itself is asked what it would send."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from items_api import provision
from items_api.aws.line import cli_line
from items_api.provision.bundle import bundle
from tests.export.recording import writes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.export.conftest import Requests

READS = ("get_", "list_", "describe_", "scan")


def _described(call: tuple[str, str, Mapping[str, Any]]) -> str:
    return f"{call[0]} {call[1]} {sorted(call[2])}"


NO_LAYERS = ("lambda", "update_function_configuration", {"FunctionName": "items-api", "Layers": []})
# One of each operation and set of parameters, in an order of their own: steps run side by side.
WRITES = [call for _, call in sorted({_described(call): call for call in (*writes(), NO_LAYERS)}.items())]


@pytest.mark.parametrize("call", WRITES, ids=_described)
def test_the_aws_cli_reads_back_what_boto3_sends(call: tuple[str, str, dict[str, Any]], request_of: Requests) -> None:
    assert request_of(cli_line(*call)) == call


def test_every_write_in_the_source_is_among_those_compared() -> None:
    """So a new call can not slip past the comparison above."""
    assert _written_in_source() <= {operation for _, operation, _ in WRITES}


def _written_in_source() -> set[str]:
    """Names of the boto3 methods that `Aws.send` and `send_once` are given in items_api/provision."""
    return {
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


def test_a_line_reads_as_the_tutorial_writes_it() -> None:
    parameters = {
        "TableName": "Items",
        "AttributeDefinitions": [{"AttributeName": "itemId", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "itemId", "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
    }
    assert cli_line("dynamodb", "create_table", parameters) == (
        "aws dynamodb create-table --table-name Items --attribute-definitions AttributeName=itemId,AttributeType=S "
        "--key-schema AttributeName=itemId,KeyType=HASH --billing-mode PAY_PER_REQUEST"
    )


def test_a_document_stands_inline() -> None:
    parameters = {"RoleName": "items-api-role", "PolicyDocument": '{"Version": "2012-10-17"}'}
    assert cli_line("iam", "update_assume_role_policy", parameters) == (
        'aws iam update-assume-role-policy --role-name items-api-role --policy-document \'{"Version": "2012-10-17"}\''
    )


def test_the_code_is_a_file_and_not_its_bytes() -> None:
    create = cli_line("lambda", "create_function", {"FunctionName": "items-api", "Code": {"ZipFile": bundle()}})
    update = cli_line("lambda", "update_function_code", {"FunctionName": "items-api", "ZipFile": bundle()})
    assert create == "aws lambda create-function --function-name items-api --zip-file fileb://function.zip"
    assert update == "aws lambda update-function-code --function-name items-api --zip-file fileb://function.zip"


def test_what_the_shell_would_expand_is_quoted() -> None:
    assert cli_line("apigatewayv2", "delete_stage", {"ApiId": "a1", "StageName": "$default"}) == (
        "aws apigatewayv2 delete-stage --api-id a1 --stage-name '$default'"
    )


def test_a_switch_is_a_flag_or_its_opposite() -> None:
    on = cli_line("apigatewayv2", "update_api", {"ApiId": "a1", "DisableExecuteApiEndpoint": True})
    off = cli_line("apigatewayv2", "update_api", {"ApiId": "a1", "DisableExecuteApiEndpoint": False})
    assert on == "aws apigatewayv2 update-api --api-id a1 --disable-execute-api-endpoint"
    assert off == "aws apigatewayv2 update-api --api-id a1 --no-disable-execute-api-endpoint"
