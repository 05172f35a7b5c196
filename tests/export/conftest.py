"""For the tests of the exports: the AWS CLI as a parser, and a local AWS of their own."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from awscli.clidriver import create_clidriver  # type: ignore[import-untyped]
from botocore import xform_name

from items_api import local
from items_api.aws.client import Aws, Watcher
from items_api.aws.session import local_account
from items_api.provision.bundle import bundle
from items_api.provision.outcome import Outcome
from items_api.provision.stack import Stack
from items_api.settings import Settings
from tests.forking import forking
from tests.local.conftest import prepare_home

DEFAULT = Settings()
Requests = Callable[..., tuple[str, str, dict[str, Any]]]


@contextmanager
def local_aws_in(folder: Path) -> Iterator[local.LocalAws]:
    """A local AWS with this folder as its home (`ITEMS_API_HOME`), on a free port."""
    prepare_home(folder)
    yield local.ensure_running(folder)
    local.stop(folder, forget=True)


@pytest.fixture(scope="session")
def local_aws(tmp_path_factory: pytest.TempPathFactory, quick_local_aws: None) -> Iterator[local.LocalAws]:
    """For tests that do not run `items-api down`, which stops an empty local AWS."""
    with local_aws_in(tmp_path_factory.mktemp("home")) as running:
        yield running


@pytest.fixture(scope="session")
def aws_cli(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the program `aws`."""
    folder = tmp_path_factory.mktemp("cli")
    with forking(folder, "aws", "awscli.clidriver:main"):
        yield folder


def environment_of(local_aws: local.LocalAws, aws_cli: Path) -> dict[str, str]:
    """The AWS CLI with a local AWS."""
    return {
        **os.environ,
        "PATH": f"{aws_cli}{os.pathsep}{os.environ['PATH']}",
        "AWS_ENDPOINT_URL": local_aws.endpoint_url,
        "AWS_ACCESS_KEY_ID": local_aws.access_key,
        "AWS_SECRET_ACCESS_KEY": local_aws.secret_key,
    }


def run(environment: dict[str, str], *command: str | Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=180)
    assert done.returncode == code, done.stdout + done.stderr
    return done


def owner_of(local_aws: local.LocalAws, region: str, watch: Watcher | None = None) -> Aws:
    """The local AWS as its root user sees it."""
    account = local_account(
        region=region,
        endpoint_url=local_aws.endpoint_url,
        access_key=local_aws.access_key,
        secret_key=local_aws.secret_key,
    )
    return account.aws(watch)


@contextmanager
def existing_stack(local_aws: local.LocalAws, settings: Settings, watch: Watcher | None = None) -> Iterator[Stack]:
    """A stack on the local AWS; `watch` is called with every write."""
    stack = Stack(settings, owner_of(local_aws, settings.region, watch), local.ACCOUNT)
    finish(stack, Stack.up)
    stack.look()
    try:
        yield stack
    finally:
        if stack.settings.protect:
            stack.aws.dynamodb.update_table(TableName=stack.settings.table_name, DeletionProtectionEnabled=False)
        finish(stack, Stack.down)


def finish(stack: Stack, command: Callable[[Stack], Generator[Any]]) -> None:
    """Run a command until its end. Raises the errors of its steps as a group."""
    stack.look()
    with closing(command(stack)) as events:
        errors = [event.error for event in events if isinstance(event, Outcome) and event.error]
    if errors:
        raise ExceptionGroup("some steps failed", errors)


@pytest.fixture(scope="package")
def request_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Requests]:
    """What the AWS CLI would send for a command line: (service, operation, parameters) as boto3 names them.

    function.zip in the current folder has the code of the stack with the given `table`.
    """
    folder = tmp_path_factory.mktemp("shell")
    for name in ("packaged.yaml", "deployer.json", "boundary.json"):
        (folder / name).write_text("{}")
    driver = create_clidriver()
    sent: list[tuple[str, str, dict[str, Any]]] = []

    def note(params: dict[str, Any], model: Any, **_: Any) -> None:
        sent.append((model.service_model.service_name, xform_name(model.name), params))

    driver.session.register("before-parameter-build", note)
    driver.session.register("before-call", lambda **_: (SimpleNamespace(status_code=200), {}))

    def parse(line: str, settings: Settings = DEFAULT) -> tuple[str, str, dict[str, Any]]:
        (folder / "function.zip").write_bytes(bundle(settings))
        program, *arguments = shlex.split(line)
        assert program == "aws"
        assert driver.main(arguments) == 0
        return sent.pop()

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield parse
