"""`serve` refuses what it cannot serve before it listens, and says what to do."""

import socket
from typing import Any

import boto3
import pytest

from items_api.settings.tags import KEY
from tests.aws import ErrorResponse, Process
from tests.commands.conftest import Run, document

TABLE_ONLY = ("serve", "--table-only", "--region", "us-east-1")


def test_a_missing_stack_is_an_error(run: Run) -> None:
    result = run("serve")
    assert result.exit_code == 1
    assert "Error: The stack items does not exist or is incomplete.\n  Why:  It has no table.\n" in result.stderr


def test_a_stack_with_iam_authorization_cannot_be_served(run: Run) -> None:
    run("up", "--auth", "iam")
    for arguments in (("serve",), (*TABLE_ONLY, "--auth", "iam")):
        result = run(*arguments)
        assert result.exit_code == 2
        assert "Error: serve cannot verify AWS signatures, which this stack requires.\n" in result.stderr
    found = document(run("serve", "--json"))
    assert (found["account"], found["region"], found["workers"]) == ("123456789012", "us-east-1", 0)


def test_settings_that_are_unknown_are_an_error_and_not_an_open_api(run: Run) -> None:
    run("up", "--auth", "jwt", "--jwt-issuer", "https://id.example", "--jwt-audience", "items", "--yes")
    client = boto3.client("dynamodb")
    arn = client.describe_table(TableName="Items")["Table"]["TableArn"]
    client.untag_resource(ResourceArn=arn, TagKeys=[KEY])
    result = run("serve")
    assert result.exit_code == 1
    assert (
        "Error: The settings of the stack items are missing, so serve cannot tell who may call its API.\n"
        in result.stderr
    )
    assert "Run items-api up to write it" in result.stderr


@pytest.mark.parametrize("option", [("--auth", "none"), ("--cors-origin", "*"), ("--index", "owner")])
def test_settings_are_those_of_the_stack_unless_the_stack_is_not_asked(run: Run, option: tuple[str, str]) -> None:
    result = run("serve", *option)
    assert result.exit_code == 2
    assert f"{option[0]} is for --table-only." in result.stderr


@pytest.mark.parametrize(
    ("env", "has"),
    [
        ({"ITEMS_API_AUTH": "jwt"}, "Error: ITEMS_API_AUTH=jwt is not what the stack items has: none.\n"),
        (
            {"ITEMS_API_JWT_ISSUER": "https://id.example"},
            "JWT_ISSUER=https://id.example is not what the stack items has.",
        ),
        (
            {"ITEMS_API_CORS_ORIGIN": "https://a.example"},
            "CORS_ORIGIN=https://a.example is not what the stack items has: *.",
        ),
        ({"ITEMS_API_THROTTLE_RATE": "5"}, "ITEMS_API_THROTTLE_RATE=5 is not what the stack items has: 100."),
        ({"ITEMS_API_INDEX": "owner"}, "ITEMS_API_INDEX=owner is not what the stack items has: status, team."),
    ],
)
def test_a_setting_that_the_stack_does_not_have_is_an_error_and_not_ignored(
    run: Run, env: dict[str, str], has: str
) -> None:
    run("up", "--index", "status", "--index", "team")
    result = run("serve", "--port", "0", env=env)
    assert (result.exit_code, result.stdout) == (2, "")
    assert has in result.stderr
    assert "To change the stack, run items-api up. Otherwise, remove this setting." in result.stderr


def test_settings_that_the_stack_has_may_be_given(run: Run) -> None:
    run("up", "--index", "status", "--index", "team", "--auth", "iam")
    result = run("serve", env={"ITEMS_API_INDEX": "team status", "ITEMS_API_AUTH": "iam", "ITEMS_API_TIMEOUT": "10"})
    assert "Error: serve cannot verify AWS signatures, which this stack requires.\n" in result.stderr


def test_without_the_stack_it_must_be_said_who_may_call_the_api(run: Run) -> None:
    result = run(*TABLE_ONLY)
    assert result.exit_code == 2
    assert "it needs --auth none or jwt." in result.stderr
    result = run(*TABLE_ONLY, env={"ITEMS_API_AUTH": "iam"})
    assert "serve cannot verify AWS signatures" in result.stderr


def test_a_port_that_is_taken_is_an_error(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        result = run(*TABLE_ONLY, "--auth", "none", "--port", str(port))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        f"Error: Cannot listen on 127.0.0.1:{port}.\n  Why:  Address already in use.\n"
        "  Next: Another program uses this port. Stop it, or choose another port with --port.\n"
    )


@pytest.mark.parametrize(
    ("host", "todo"),
    [
        ("192.0.2.1", "Use --host 127.0.0.1 for requests from this computer only"),
        ("no.such.invalid", "Correct --host."),
    ],
)
def test_an_address_of_another_computer_is_an_error(run: Run, host: str, todo: str) -> None:
    result = run(*TABLE_ONLY, "--auth", "none", "--host", host, "--port", "0")
    assert result.exit_code == 1
    assert f"Error: Cannot listen on {host}:0.\n" in result.stderr
    assert todo in result.stderr


@pytest.mark.parametrize("arguments", [("--port", "65536"), ("--port", "x"), ("--workers", "0"), ("--workers", "x")])
def test_an_invalid_number_is_a_usage_error(run: Run, arguments: tuple[str, str]) -> None:
    assert run("serve", *arguments).exit_code == 2


def test_an_error_is_the_one_document_on_stdout(run: Run) -> None:
    result = run("serve", "--json")
    assert (document(result)["ok"], document(result)["error"]["type"]) == (False, "NoStack")
    assert (document(result)["account"], document(result)["workers"]) == ("123456789012", 0)
    assert "resources" not in document(result)


def test_the_document_of_an_error_says_which_stack_was_to_be_served(run: Run) -> None:
    run("up")
    with socket.create_server(("127.0.0.1", 0)) as other:
        found = document(run("serve", "--json", "--port", str(other.getsockname()[1])))
    assert (found["account"], found["region"], found["workers"]) == ("123456789012", "us-east-1", 0)
    assert found["error"]["type"] == "CannotServe"


def test_packages_that_are_missing_are_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def find(name: str) -> Any:
        return None if name == "uvicorn" else name

    monkeypatch.setattr("items_api.commands.serve.importlib.util.find_spec", find)
    result = run("serve")
    assert result.exit_code == 1
    assert "Error: serve needs packages that are not installed.\n" in result.stderr
    assert " --editable '" in result.stderr
    assert "[serve]'" in result.stderr


def test_a_lookup_without_the_right_to_it_is_an_error(run: Run, process: Process) -> None:
    process.faults.at("dynamodb.DescribeTable", 1, ErrorResponse("AccessDeniedException", "not authorized"))
    result = run("serve")
    assert (result.exit_code, "access denied" in result.stderr) == (1, True)
