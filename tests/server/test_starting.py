"""`serve` says at its start why it cannot read the table."""

import socket
import subprocess
from pathlib import Path

import pytest

from tests.handler.conftest import FakeDynamoDB, Harness
from tests.server.conftest import arguments, environment, failing


def test_a_table_that_does_not_exist_is_an_error_at_the_start(dynamodb: FakeDynamoDB) -> None:
    said = failing(arguments(dynamodb, "--auth", "none"))
    assert "Error: The stack items0 does not exist or is incomplete.\n" in said
    assert "  Why:  The table Items0 does not exist in eu-central-1.\n" in said


def test_a_missing_permission_is_an_error_at_the_start(dynamodb: FakeDynamoDB, harness: Harness) -> None:
    dynamodb.faults = [lambda exchange: exchange.reject(400, "AccessDeniedException", "User: x is not authorized")]
    said = failing(arguments(dynamodb, "--auth", "none"))
    assert "Error: Could not read the table Items0: access denied.\n" in said
    assert "Your user or role needs GetItem." in said


def test_a_dynamodb_that_cannot_be_reached_is_an_error_at_the_start(
    dynamodb: FakeDynamoDB, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    said = failing([word if word != dynamodb.url else url for word in arguments(dynamodb, "--auth", "none")])
    assert f"Error: Could not read the table Items0: no response from {url}.\n" in said
    assert "  Why:  The connection was refused.\n" in said
    assert "serve connects to DynamoDB directly, without a proxy." in said


def test_missing_credentials_are_an_error_at_the_start(dynamodb: FakeDynamoDB, tmp_path: Path) -> None:
    nothing = str(tmp_path / "nothing")
    variables = {"AWS_SHARED_CREDENTIALS_FILE": nothing, "AWS_CONFIG_FILE": nothing, "AWS_ACCESS_KEY_ID": ""}
    said = failing(arguments(dynamodb, "--auth", "none"), **variables, AWS_SECRET_ACCESS_KEY="")
    assert "no usable AWS credentials" in said
    assert "Run aws configure" in said


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has /dev/full")
def test_a_document_that_cannot_be_written_ends_it_at_once(dynamodb: FakeDynamoDB, harness: Harness) -> None:
    """A program that waits for the document would never learn the port."""
    command = arguments(dynamodb, "--auth", "none", "--json")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command, env=environment(), stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False
        )
    assert done.returncode == 1
    assert done.stderr.startswith("Error: Could not write the output.\n  Why:  No space left on device.\n")
    assert done.stderr.count("Error: ") == 1
