"""docs/permissions.md and docs/leaving.md show what the code does, and commands that work."""

import json
import re
import shlex
from pathlib import Path

import click
import pytest

from items_api.cli import cli
from items_api.export import deployer, folders
from items_api.handler import ROUTES
from items_api.provision.policies import INDEX_ACTION, LOG_ACTIONS, TABLE_ACTIONS, table_access_policy, trust_policy
from items_api.settings import Arns, Settings
from tests.export.conftest import Requests

DOCS = Path(__file__).resolve().parents[2] / "docs"
PERMISSIONS = (DOCS / "permissions.md").read_text()
BOUNDARY = "arn:aws:iam::123456789012:policy/items-boundary"
LEAVING = (DOCS / "leaving.md").read_text()
LINES = [
    line for block in re.findall(r"```sh\n(.*?)```", PERMISSIONS + LEAVING, re.DOTALL) for line in block.splitlines()
]


def test_the_policies_are_those_of_the_code() -> None:
    """If this fails, paste them from `items-api export deployer-policy` and items_api/provision/policies.py."""
    shown = re.findall(r"```json\n(.*?)\n```", PERMISSIONS, re.DOTALL)
    documents = (
        *(trust_policy(), table_access_policy(Arns(Settings(), "123456789012")), deployer.policy(Settings())),
        *deployer.policy(Settings(permissions_boundary=BOUNDARY))["Statement"][1:2],
        *deployer.policy(Settings(permissions_boundary=BOUNDARY))["Statement"][-2:],
    )
    assert shown == [json.dumps(document, indent=2) for document in documents]


def test_each_action_of_the_function_is_explained() -> None:
    table = "\n".join(line for line in PERMISSIONS.splitlines() if line.startswith("| `"))
    assert set(re.findall(r"`(dynamodb:\w+|logs:\w+)`", table)) == {*TABLE_ACTIONS, INDEX_ACTION, *LOG_ACTIONS}


def test_each_resource_of_main_tf_is_listed_with_its_import_id() -> None:
    documented = re.findall(r"^\| `(aws_\w+)` \|", LEAVING, re.MULTILINE)
    resources = re.findall(r'^resource "(\w+)"', folders.terraform(Settings())["main.tf"].decode(), re.MULTILINE)
    assert sorted(documented) == sorted(resources)
    assert f"`{len(resources) - 1 + len(ROUTES)} to import, 0 to add`" in LEAVING


# Without the waiters, which would poll an AWS that does not exist.
@pytest.mark.parametrize("line", [line for line in LINES if line.startswith("aws ") and " wait " not in line])
def test_the_aws_cli_accepts_the_line(line: str, request_of: Requests) -> None:
    service, operation, parameters = request_of(line)
    _, shown_service, shown_operation, *_ = shlex.split(line)
    assert (service, operation) == (shown_service, shown_operation.replace("-", "_"))
    assert parameters


@pytest.mark.parametrize("line", [line for line in LINES if line.startswith("items-api ")])
def test_items_api_has_the_command(line: str) -> None:
    command: click.Command | None = cli
    for word in shlex.split(re.split(" > | --", line)[0])[1:]:
        assert isinstance(command, click.Group)
        command = command.get_command(click.Context(command), word)
    assert command
