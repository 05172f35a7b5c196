"""The scripts create and delete the stack that `up` creates and `down` deletes."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from items_api.export import deployer, folders
from items_api.export.output import write_folder
from items_api.local import ACCOUNT, LocalAws
from items_api.settings import Settings
from tests.export.conftest import Requests, environment_of, existing_stack, local_aws_in, owner_of, run
from tests.export.reference import BOTH, IDS, ORDINARY, requests_of_up

SETTINGS = Settings(name="shell-test", tags={"cost centre": "R+D = 7/ä", "@name@": ""}, memory=512)
OPTIONS = ["--name", SETTINGS.name, "--tag", "cost centre=R+D = 7/ä", "--tag", "@name@=", "--memory", "512"]
PROGRAMS = Path(sys.executable).parent
# Records its arguments, and answers as the AWS CLI would, until the operation in $FAIL. The one in $MISSING finds that the
# resource does not exist, and at the one in $STOP, the script gets a SIGTERM.
FAKE_AWS = f"""#!{sys.executable}
import json, os, signal, sys
operation = sys.argv[2]
with open(__file__ + ".calls", "a") as calls:
    calls.write(json.dumps(sys.argv[1:]) + "\\n")
if operation == os.environ.get("FAIL"):
    sys.exit("An error occurred (AccessDenied)")
if operation == os.environ.get("MISSING"):
    sys.exit("An error occurred (ResourceNotFoundException)")
if operation == os.environ.get("STOP"):
    os.kill(os.getppid(), signal.SIGTERM)
ids = {{"get-caller-identity": {IDS.account!r}, "create-api": {IDS.api!r},
       "create-integration": {IDS.integration!r}, "publish-version": {IDS.version!r},
       "create-authorizer": {IDS.authorizer!r}, "get-api": "https://endpoint",
       "describe-table": "DELETING"}}
if answer := ids.get(operation):
    print(answer)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for an export, with a space in its name."""
    return tmp_path / "my scripts"


def run_faked(
    folder: Path, script: str, settings: Settings, *, code: int = 0, **at: str
) -> subprocess.CompletedProcess[str]:
    """Run a script with the fake AWS CLI; `at` are its operations, such as fail="create-role"."""
    write_folder(folder, {**folders.shell(settings), "bin/aws": FAKE_AWS.encode()}, force=True)
    (folder / "bin" / "aws").chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
        **{name.upper(): operation for name, operation in at.items()},
    }
    return run(environment, folder / script, code=code)


def calls(folder: Path) -> list[list[str]]:
    return [json.loads(line) for line in (folder / "bin" / "aws.calls").read_text().splitlines()]


@pytest.mark.parametrize("settings", BOTH.values(), ids=BOTH)
def test_shellcheck_finds_nothing(settings: Settings, tmp_path: Path) -> None:
    files = {**folders.shell(settings), **folders.terraform(settings)}
    paths = write_folder(tmp_path, {name: files[name] for name in files if name.endswith(".sh")}, force=False)
    assert [path.name for path in paths] == ["up.sh", "down.sh", "imports.sh"]
    done = subprocess.run([PROGRAMS / "shellcheck", *paths], capture_output=True, text=True, check=False)
    assert done.stdout + done.stderr == ""


@pytest.mark.parametrize("settings", BOTH.values(), ids=BOTH)
def test_up_sh_sends_what_up_sends(
    settings: Settings, folder: Path, request_of: Requests, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each `aws` command, parsed by the real AWS CLI, is the request that boto3 sends; the script also waits."""
    for name in ("READ_SCOPE", "WRITE_SCOPE", "SCOPE"):
        monkeypatch.setenv(name, "of-the-caller")
    done = run_faked(folder, "up.sh", settings)
    assert done.stdout == "https://endpoint\n"
    _, *creates, _ = calls(folder)
    waits = [creates.pop(creates.index(wait)) for wait in [call for call in creates if call[1] == "wait"]]
    sent = [request_of(shlex.join(["aws", *arguments]), settings) for arguments in creates]
    assert [parsed(request) for request in sent] == [parsed(request) for request in requests_of_up(settings).values()]
    assert waits == [
        ["dynamodb", "wait", "table-exists", "--table-name", settings.table_name],
        ["lambda", "wait", "function-active-v2", "--function-name", settings.function_name],
    ]


def parsed(request: tuple[str, str, dict[str, Any]]) -> tuple[str, str, dict[str, Any]]:
    """With policy documents as what they say: their layout does not matter."""
    service, operation, parameters = request
    documents = {key: json.loads(value) for key, value in parameters.items() if key.endswith("PolicyDocument")}
    return service, operation, {**parameters, **documents}


@pytest.mark.parametrize(
    ("script", "fail", "advised"),
    [
        ("up.sh", "get-caller-identity", False),
        ("up.sh", "create-table", False),
        ("up.sh", "create-role", True),
        ("down.sh", "list-tags", False),
    ],
)
def test_a_script_stops_at_the_first_error_and_points_to_down_sh_only_if_it_created_something(
    script: str, fail: str, *, advised: bool, folder: Path
) -> None:
    """If the table already exists, its items may be someone else's. In down.sh, only "not found" counts as absence."""
    done = run_faked(folder, script, ORDINARY, fail=fail, code=1)
    assert done.stdout == ""
    assert "AccessDenied" in done.stderr
    assert "remains" not in done.stderr
    assert ("./down.sh deletes what was created." in done.stderr) == advised
    assert calls(folder)[-1][1] == fail


def test_a_terminated_script_points_to_down_sh(folder: Path) -> None:
    """In dash, which is /bin/sh on Debian and Ubuntu, a signal alone does not run the trap for the end of a script."""
    done = run_faked(folder, "up.sh", ORDINARY, stop="create-role", code=143)
    assert calls(folder)[-1][1] == "create-role"
    assert "./down.sh deletes what was created." in done.stderr


def test_scripts_and_commands_recognize_each_others_stack(tmp_path: Path, folder: Path, aws_cli: Path) -> None:
    """After `up`, down.sh leaves nothing; after up.sh, `status`, `smoke` and `down` work.

    The scripts run as a user with the exported policy, and imports.sh as one who can only read.
    """
    write_folder(folder, {**folders.terraform(SETTINGS), **folders.shell(SETTINGS)}, force=False)
    with local_aws_in(tmp_path / "home") as local_aws:
        environment = {**environment_of(local_aws, aws_cli), "ITEMS_API_HOME": str(tmp_path / "home")}
        iam = owner_of(local_aws, SETTINGS.region).iam

        def user(name: str, *, read_only: bool) -> dict[str, str]:
            iam.create_user(UserName=name)
            document = json.dumps(deployer.policy(SETTINGS, ACCOUNT, read_only=read_only, local=True))
            iam.put_user_policy(UserName=name, PolicyName="exported", PolicyDocument=document)
            key = iam.create_access_key(UserName=name)["AccessKey"]
            keys = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
            return environment | keys

        def items_api(command: str, *options: str, code: int = 0) -> str:
            return run(environment, sys.executable, "-m", "items_api", command, "--local", *options, code=code).stdout

        deploys, reads = user("deployer", read_only=False), user("reader", read_only=True)
        items_api("up", *OPTIONS, "--yes")
        run(reads, folder / "down.sh", code=1)
        run(deploys, folder / "down.sh")
        items_api("status", *OPTIONS, code=4)
        assert run(deploys, folder / "down.sh").stderr.endswith("Nothing of the stack shell-test remains.\n")

        endpoint = run(deploys, folder / "up.sh").stdout.strip()
        run(reads, folder / "imports.sh")
        report = json.loads(items_api("status", *OPTIONS, "--json"))
        assert {resource["state"] for resource in report["resources"]} == {"ok"}
        assert report["endpoint"] == endpoint
        items_api("smoke", "--name", SETTINGS.name)
        items_api("down", "--name", SETTINGS.name, "--yes")


def test_down_sh_waits_for_a_table_that_is_already_being_deleted(folder: Path) -> None:
    """Such a table has lost its tags, and the delete request can find that it is gone."""
    done = run_faked(folder, "down.sh", ORDINARY, missing="delete-table")
    assert done.stderr.endswith("Waiting for the table to be deleted\nNothing of the stack items remains.\n")
    assert calls(folder)[-1] == ["dynamodb", "wait", "table-not-exists", "--table-name", "Items"]
    assert "list-tags-of-resource" not in [operation for _, operation, *_ in calls(folder)]


def test_down_sh_leaves_resources_that_lack_one_of_the_stacks_tags(
    local_aws: LocalAws, folder: Path, aws_cli: Path
) -> None:
    write_folder(folder, folders.shell(SETTINGS), force=False)
    with existing_stack(local_aws, SETTINGS) as stack:
        aws, arns = stack.aws, stack.table.arns
        aws.dynamodb.untag_resource(ResourceArn=arns.table, TagKeys=["managed-by"])
        aws.iam.untag_role(RoleName=SETTINGS.role_name, TagKeys=["items-api:region"])
        aws.logs.untag_resource(resourceArn=arns.log_group, tagKeys=["items-api:stack"])
        aws.lambda_.untag_resource(Resource=arns.function, TagKeys=["managed-by"])
        # Another API: the local AWS ignores a request to remove tags from one.
        tags = {key: value for key, value in SETTINGS.all_tags.items() if key != "items-api:region"}
        aws.apigateway.create_api(Name=SETTINGS.api_name, ProtocolType="HTTP", Tags=tags)

        done = run(environment_of(local_aws, aws_cli), folder / "down.sh")
        assert done.stderr.count("not deleted, because it does not have this stack's tags") == 4
        stack.look()
        assert [step for step in stack.steps if not step.found] == []
        stack.plan(adopt=True)
        list(stack.up())
