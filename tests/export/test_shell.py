"""The scripts are the tool's own stack in another hand: what one of them makes, the other one knows and removes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from items_api.export import shell
from items_api.export.output import write_folder
from items_api.provision.bundle import bundle
from items_api.settings import Settings
from tests.export.conftest import local_aws_in

if TYPE_CHECKING:
    from collections.abc import Iterator

SETTINGS = Settings(name="shell-test", tags={"cost centre": "R+D = 7"}, memory=512)
OPTIONS = ["--name", SETTINGS.name, "--tag", "cost centre=R+D = 7", "--memory", "512"]
PROGRAMS = Path(sys.executable).parent


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The AWS CLI aimed at a local AWS, and this tool at the same one."""
    with local_aws_in(tmp_path / "home") as local_aws:
        yield {
            **os.environ,
            "PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}",
            "ITEMS_API_HOME": str(tmp_path / "home"),
            "AWS_ENDPOINT_URL": local_aws.endpoint_url,
            "AWS_ACCESS_KEY_ID": local_aws.access_key,
            "AWS_SECRET_ACCESS_KEY": local_aws.secret_key,
        }


def run(environment: dict[str, str], *command: str, code: int = 0) -> str:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def items_api(environment: dict[str, str], command: str, *options: str, code: int = 0) -> str:
    program = [sys.executable, "-m", "items_api", command, "--local", *options]
    return run(environment, *program, code=code)


def test_each_side_takes_the_others_stack_for_its_own(environment: dict[str, str], tmp_path: Path) -> None:
    """`up`, then down.sh leaves nothing of it; up.sh, then `status`, `smoke` and `down` work on it."""
    folder = tmp_path / "scripts of mine"
    write_folder(folder, shell.files(SETTINGS), force=False)

    items_api(environment, "up", *OPTIONS, "--yes")
    run(environment, str(folder / "down.sh"))
    items_api(environment, "status", *OPTIONS, code=4)

    endpoint = run(environment, str(folder / "up.sh")).strip()
    report = json.loads(items_api(environment, "status", *OPTIONS, "--json"))
    assert {resource["state"] for resource in report["resources"]} == {"ok"}
    assert report["endpoint"] == endpoint
    items_api(environment, "smoke", "--name", SETTINGS.name)
    items_api(environment, "down", "--name", SETTINGS.name, "--yes")


def test_the_folder_holds_all_that_the_scripts_need() -> None:
    assert set(shell.files(SETTINGS)) == {"up.sh", "down.sh", "function.zip"}
    assert shell.files(SETTINGS)["function.zip"] == bundle()


def test_the_account_and_what_aws_chooses_are_variables() -> None:
    up = shell.up(Settings())
    assert '--role "arn:aws:iam::${ACCOUNT}:role/items-api-role"' in up
    assert '--source-arn "arn:aws:execute-api:us-east-1:${ACCOUNT}:${API_ID}/*"' in up
    assert "items-api:role-id=${ROLE_ID}" in up


FAKE_AWS = """#!/bin/sh
# Answers as the AWS CLI would in an account where everything bears the names and nothing the tags.
echo "$*" >> "$LOG"
case $* in
  *get-caller-identity*) echo 123456789012 ;;
  *list-tags* | *list-role-tags*) echo None ;;
esac
"""


def test_down_leaves_alone_what_does_not_carry_the_tags(tmp_path: Path) -> None:
    write_folder(tmp_path, {**shell.files(SETTINGS), "bin/aws": FAKE_AWS.encode()}, force=False)
    (tmp_path / "bin" / "aws").chmod(0o755)
    log = tmp_path / "log"
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    run({**os.environ, "PATH": path, "LOG": str(log)}, str(tmp_path / "down.sh"))
    assert log.read_text().count("\n") > 4
    assert "delete-" not in log.read_text()


DENYING_AWS = """#!/bin/sh
echo 'An error occurred (AccessDenied) when calling the GetCallerIdentity operation' >&2
exit 254
"""


@pytest.mark.parametrize("script", ["up.sh", "down.sh"])
def test_a_script_stops_at_the_first_error(script: str, tmp_path: Path) -> None:
    write_folder(tmp_path, {**shell.files(SETTINGS), "bin/aws": DENYING_AWS.encode()}, force=False)
    (tmp_path / "bin" / "aws").chmod(0o755)
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    assert run({**os.environ, "PATH": path}, str(tmp_path / script), code=254) == ""


STOPPING_AWS = """#!/bin/sh
# Does as it is told until it is asked for what $UNTIL says.
case $* in
  *"$UNTIL"*) exit 254 ;;
  *) echo 123456789012 ;;
esac
"""


@pytest.mark.parametrize(("until", "told"), [("create-table", False), ("create-role", True)])
def test_up_names_down_once_it_has_made_something(until: str, told: bool, tmp_path: Path) -> None:
    """Not before: the table that is in its way may hold somebody's data."""
    write_folder(tmp_path, {**shell.files(SETTINGS), "bin/aws": STOPPING_AWS.encode()}, force=False)
    (tmp_path / "bin" / "aws").chmod(0o755)
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "UNTIL": until}
    done = subprocess.run([tmp_path / "up.sh"], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 254
    assert ("./down.sh removes" in done.stderr) == told


@pytest.mark.parametrize("script", ["up.sh", "down.sh"])
@pytest.mark.parametrize("interpreter", ["sh", "bash"])
def test_a_script_is_one_that_the_shell_can_read(interpreter: str, script: str) -> None:
    program = shutil.which(interpreter)
    assert program
    subprocess.run([program, "-n"], input=shell.files(SETTINGS)[script], check=True)
