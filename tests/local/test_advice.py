"""Errors of the local AWS come without the advice that helps only on AWS."""

import json
from collections.abc import Callable
from typing import Any, NoReturn

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError
from botocore.parsers import ResponseParserError

from items_api.aws.client import Aws
from items_api.aws.errors import AwsError
from items_api.errors import AwsRefused, LocalUnavailable, Problem
from tests.local.conftest import Cli

ADVICE = "Run the command again; it starts the local AWS if necessary. If it fails again, see the log: "


def refused(code: str, message: str = "x") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "CreateTable")


def raising(error: Exception) -> Callable[..., Any]:
    def call() -> NoReturn:
        raise error

    return call


def problem_of(error: Exception) -> Problem:
    aws = Aws(boto3.Session(), local_advice="Do this.")
    with pytest.raises(AwsError) as caught:
        aws.send_once(raising(error))
    return caught.value.problem("Could not create the table")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        *((refused(code), AwsRefused) for code in ("AccessDenied", "403", "ExpiredToken", "SignatureDoesNotMatch")),
        (refused("InvalidClientTokenId"), AwsRefused),
        (refused("LimitExceededException"), AwsRefused),
        (refused("InternalFailure"), AwsRefused),
        (EndpointConnectionError(endpoint_url="http://127.0.0.1:4566"), LocalUnavailable),
        (ResponseParserError("not XML"), LocalUnavailable),
        (NoCredentialsError(), LocalUnavailable),
    ],
)
def test_every_error_has_the_advice_for_the_local_aws(error: Exception, kind: type[Problem]) -> None:
    problem = problem_of(error)
    assert (type(problem), problem.todo) == (kind, "Do this.")
    assert "Could not create the table" in problem.what + problem.why


def test_deletion_protection_is_explained_as_on_aws() -> None:
    problem = problem_of(refused("ValidationException", "Resource is protected against deletion"))
    assert problem.todo.startswith("Turn off deletion protection")


def test_rejected_credentials_are_not_a_missing_permission(cli: Cli) -> None:
    cli.ok("up")
    file = cli.home / "local-aws" / "settings.json"
    saved = file.read_text()
    file.write_text(json.dumps({**json.loads(saved), "access_key": "LOCALOTHER"}))
    error = cli.json("status")["error"]
    file.write_text(saved)
    assert (error["type"], error["todo"]) == ("LocalUnavailable", "Run items-api local stop, then the command again.")


def test_counts_are_exact_and_current(cli: Cli) -> None:
    endpoint = cli.json("up")["endpoint"]
    for count in (1, 2):
        cli.shell(f"""curl --fail --silent -X POST {endpoint}/items -d '{{"itemId":"{count}"}}'""")
        table = cli.json("status")["details"]["table"]
        assert table == {"items": count, "bytes": None, "counted_every_hours": 0}
    assert "  Table     2 items\n" in cli.ok("status")
    assert "the table Items and its 2 items. It needs" in cli.json("down")["error"]["why"]
