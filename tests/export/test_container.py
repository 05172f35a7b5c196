"""The files of `export container` are what their tools accept, and the image's steps give a server that works."""

import io
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from items_api.export import wheel
from items_api.export.container import container
from items_api.export.output import write_folder
from items_api.provision.policies import items_policy, table_access_policy
from items_api.provision.table import create_request
from items_api.settings import Arns, Settings
from tests.export.conftest import Requests
from tests.handler.conftest import FakeDynamoDB, Harness, dynamodb, harness, new_harness
from tests.server.conftest import Server, environment, eventually

__all__ = ["dynamodb", "harness", "new_harness"]

JWT = Settings(
    name="team-todo",
    region="eu-central-1",
    auth="jwt",
    jwt_issuer="https://id.example/",
    jwt_audiences=("a", 'b"c'),
    jwt_read_scope="items:read",
    cors_origins=("https://todo.example", "http://localhost:3000"),
    indexes=("owner", "status"),
    timeout=20,
    permissions_boundary="arn:aws:iam::123456789012:policy/limit",
)
BOTH = {"default": Settings(), "jwt": JWT}
PROGRAMS = Path(sys.executable).parent
ROOT = Path(__file__).parents[2]


@pytest.fixture(params=BOTH.values(), ids=[*BOTH])
def settings(request: pytest.FixtureRequest) -> Settings:
    found: Settings = request.param
    return found


@pytest.fixture
def folder(settings: Settings, tmp_path: Path) -> Path:
    write_folder(tmp_path / "container", container(settings), force=False)
    return tmp_path / "container"


def accepted(*command: str | Path, cwd: Path) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_hadolint_accepts_the_dockerfile(folder: Path) -> None:
    accepted(PROGRAMS / "hadolint", "--strict-labels", "Dockerfile", cwd=folder)


def test_the_compose_file_has_the_schema_of_compose(folder: Path) -> None:
    accepted(PROGRAMS / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", "compose.yaml", cwd=folder)


def test_the_local_table_is_the_one_of_up(folder: Path, settings: Settings, request_of: Requests) -> None:
    compose = yaml_parse((folder / "compose.yaml").read_text())
    (script,) = compose["services"]["table"]["command"]
    accepted("sh", "-nc", script, cwd=folder)
    _, operation, request = request_of(script.rpartition("|| ")[2])
    wanted = {name: value for name, value in create_request(settings).items() if name != "Tags"}
    assert (operation, request) == ("create_table", wanted)


def readme_lines(folder: Path) -> Iterator[str]:
    """The commands in the README, one per line."""
    for block in re.findall(r"```sh\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL):
        yield from block.splitlines()


def test_the_shell_lines_of_the_readme_are_valid(folder: Path) -> None:
    script = folder / "readme.sh"
    script.write_text(
        '#!/bin/sh\nset -eu\n: "${VPC:=}" "${SUBNETS:=}" "${GROUP:=}" "${LISTENER:=}" "${INSTANCE:=}"\n'
        + "\n".join(readme_lines(folder))
    )
    accepted(PROGRAMS / "shellcheck", script, cwd=folder)


def test_aws_accepts_the_lines_of_the_readme(
    folder: Path, settings: Settings, request_of: Requests, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As far as the AWS CLI knows what AWS accepts."""
    known = {"$ACCOUNT": "123456789012", "$VPC": "vpc-1", "$SUBNETS": "subnet-1,subnet-2", "$GROUP": "sg-1"}
    known |= {"$INSTANCE": "i-1", "$LISTENER": "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/a/1/2"}
    known["$TARGETS"] = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/a/1"
    monkeypatch.chdir(folder)
    requests: dict[str, Any] = {}
    for line in readme_lines(folder):
        if found := re.search(r's/ACCOUNT_ID/\$ACCOUNT/g\S*(?: s/IMAGE_TAG/\$TAG/)?" (\S+) > (\S+)', line):
            (folder / found[2]).write_text((folder / found[1]).read_text().replace("ACCOUNT_ID", "123456789012"))
        if not (command := re.search(r"(aws (?!ecr get-login).*)", line)):
            continue
        words = command[1].removesuffix(")")
        for name, value in known.items():
            words = words.replace(name, value)
        _, operation, request = request_of(words)
        requests.setdefault(operation, []).append(request)
    arns = Arns(settings, "123456789012")
    policies = [json.loads(request["PolicyDocument"]) for request in requests["put_role_policy"]]
    assert policies == [items_policy(arns)] * 2
    assert [request["RoleName"] for request in requests["create_role"]] == [
        *(settings.task_role_name, settings.execution_role_name),
        settings.instance_role_name,
    ]
    assert [request.get("PermissionsBoundary") for request in requests["create_role"]] == [
        *(settings.permissions_boundary or None, None),
        settings.permissions_boundary or None,
    ]
    order = [*requests]
    assert order.index("create_rule") < order.index("create_service")  # ECS refuses a group without a load balancer
    task, _again = requests["register_task_definition"]
    (definition,) = task["containerDefinitions"]
    assert (task["runtimePlatform"]["cpuArchitecture"], task["requiresCompatibilities"]) == ("ARM64", ["FARGATE"])
    assert task["taskRoleArn"] == f"arn:aws:iam::123456789012:role/{settings.task_role_name}"
    assert definition["image"].startswith(f"123456789012.dkr.ecr.{settings.region}.amazonaws.com/{settings.name}-api:")
    assert definition["logConfiguration"]["options"]["awslogs-group"] == requests["create_log_group"][0]["logGroupName"]
    assert "ACCOUNT_ID" not in json.dumps(requests)


def test_every_marker_is_replaced(settings: Settings) -> None:
    files = {name: content for name, content in container(settings).items() if not name.endswith(".whl")}
    assert [name for name, content in files.items() if re.search(rb"@\w+@", content)] == []


def test_the_task_may_do_nothing_that_the_function_may_not() -> None:
    arns = Arns(JWT, "123456789012")
    allowed = table_access_policy(arns)["Statement"]
    assert [statement for statement in items_policy(arns)["Statement"] if statement not in allowed] == []
    assert len(items_policy(arns)["Statement"]) == len(allowed) - 1  # the log


def test_systemd_accepts_the_unit(folder: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd is not installed")
    unit = folder / "items-api.service"
    unit.write_text(unit.read_text().replace("/opt/items-api/bin/items-api", sys.executable))
    accepted(program, "verify", "--man=no", unit, cwd=folder)


def test_the_settings_are_those_of_the_stack(folder: Path, settings: Settings) -> None:
    found = tomllib.loads((folder / "items-api.toml").read_text())
    assert (found["name"], found["auth"], found["cors-origin"]) == (
        settings.name,
        settings.auth,
        [*settings.cors_origins],
    )
    assert tuple(found.get("index", ())) == settings.indexes
    assert found["timeout"] == settings.timeout
    assert tuple(found.get("jwt-audience", ())) == settings.jwt_audiences
    assert "jwt-write-scope" not in found


def test_every_package_is_pinned_by_hash_at_the_version_of_the_tests() -> None:
    pins = container(Settings())["requirements.txt"].decode()
    tested = dict(re.findall(r"^(\S+)==(\S+)", (ROOT / "constraints.txt").read_text(), re.MULTILINE))
    pinned = dict(re.findall(r"^(\S+)==(\S+)", pins, re.MULTILINE))
    assert {"boto3", "click", "rich", "uvicorn", "greenlet", "pyjwt", "cryptography"} <= pinned.keys()
    assert pinned == {name: tested[name] for name in pinned}
    assert len(re.findall(r"^\S+==.*\\\n    --hash=sha256:", pins, re.MULTILINE)) == len(pinned)


def test_the_wheel_is_the_same_every_time_and_has_no_bytecode() -> None:
    assert wheel.wheel() == wheel.wheel()
    with zipfile.ZipFile(io.BytesIO(wheel.wheel())) as archive:
        names = archive.namelist()
    assert {"items_api/cli.py", "items_api/export/templates/container/Dockerfile"} <= {*names}
    assert [name for name in names if name.endswith(".pyc")] == []


class Image:
    """What a Dockerfile gives, in another root folder and with the Python of the tests."""

    def __init__(self, folder: Path, root: Path) -> None:
        self._root = root
        self.variables: dict[str, str] = {}
        self.folder = ""
        self.entrypoint: list[str] = []
        self.health: list[str] = []
        for line in re.sub(r"\\\n\s*", "", (folder / "Dockerfile").read_text()).splitlines():
            instruction, _, rest = line.partition(" ")
            if instruction == "COPY" and not rest.startswith("--from"):
                *sources, target = [word for word in rest.split() if not word.startswith("--chmod")]
                self._copy([folder / source for source in sources], Path(self._rooted(target)))
            elif instruction == "RUN":
                step = self._rooted(rest).replace("python -m venv", f"{sys.executable} -m venv")
                step = step.replace(" pip ", f" {sys.executable} -m pip ")
                accepted("sh", "-c", step, cwd=folder)
            elif instruction == "ENV":
                self.variables |= dict(pair.split("=", 1) for pair in shlex.split(self._rooted(rest)))
            self._set(instruction, rest)

    def _set(self, instruction: str, rest: str) -> None:
        if instruction == "WORKDIR":
            self.folder = self._rooted(rest)
        elif instruction == "HEALTHCHECK":
            self.health = json.loads(rest.partition("CMD ")[2])
        elif instruction == "ENTRYPOINT":
            self.entrypoint = json.loads(rest)

    def _rooted(self, text: str) -> str:
        return re.sub(r"(?<![\w.])/(opt|tmp|etc)/", rf"{self._root}/\1/", text)

    def _copy(self, sources: list[Path], target: Path) -> None:
        target.mkdir(parents=True, exist_ok=True)
        for source in sources:
            shutil.copy(source, target)


def test_the_steps_of_the_image_give_a_server_that_works(
    harness: Harness, dynamodb: FakeDynamoDB, tmp_path: Path
) -> None:
    if subprocess.run([sys.executable, "-m", "pip", "index", "versions", "six"], check=False).returncode:
        pytest.skip("there is no network to install packages from")
    folder, root = tmp_path / "container", tmp_path / "root"
    write_folder(folder, container(Settings(name="items0", region="eu-central-1")), force=False)
    image = Image(folder, root)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = str(probe.getsockname()[1])
    path = image.variables.pop("PATH").replace("$PATH", os.environ["PATH"])
    variables = environment(**image.variables, PATH=path, AWS_ENDPOINT_URL_DYNAMODB=dynamodb.url)
    program = shutil.which(image.entrypoint[0], path=path)
    assert program == f"{root}/opt/items-api/bin/items-api"
    assert [*(root / "opt/items-api/bin").glob("pip*")] == []
    words = [word.replace("8000", port).replace("0.0.0.0", "127.0.0.1") for word in image.entrypoint[1:]]
    health = [word.replace("8000", port) for word in image.health]
    process = subprocess.Popen([program, *words], cwd=image.folder, env=variables, stdout=subprocess.PIPE, text=True)
    server = Server(process, f"http://127.0.0.1:{port}", tmp_path)
    try:
        eventually(lambda: _answers(server))
        assert server("PUT", "/items/1", {"n": 1}).status == 201
        assert server("GET", "/items/1").json == {"itemId": "1", "n": 1}
        assert subprocess.run(health, env=variables, check=False).returncode == 0
    finally:
        code = server.stop()
        process.communicate()
    assert code == 0
    assert subprocess.run(health, env=variables, capture_output=True, check=False).returncode == 1


def _answers(server: Server) -> bool:
    try:
        return server("GET", "/readyz").status == 200
    except OSError:
        return False
