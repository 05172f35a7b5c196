"""For the tests of the exports: the AWS CLI as a parser, and a local AWS of their own."""

from __future__ import annotations

import json
import shlex
import socket
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from awscli.clidriver import create_clidriver  # type: ignore[import-untyped]
from botocore import xform_name

from items_api import local
from items_api.aws.session import local_account
from items_api.provision.bundle import bundle
from items_api.provision.stack import Stack
from items_api.provision.step import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from pathlib import Path

    from items_api.aws.client import Watcher
    from items_api.settings import Settings

    Requests = Callable[[str], tuple[str, str, dict[str, Any]]]


@contextmanager
def local_aws_in(folder: Path) -> Iterator[local.LocalAws]:
    """A local AWS with this folder as its home (`ITEMS_API_HOME`), on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    (folder / "local-aws").mkdir(parents=True)
    (folder / "local-aws" / "settings.json").write_text(json.dumps({"port": port}))
    yield local.ensure_running(folder)
    local.stop(folder, forget=True)


@pytest.fixture(scope="session")
def local_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[local.LocalAws]:
    """For tests that do not run `items-api down`, which stops an empty local AWS."""
    with local_aws_in(tmp_path_factory.mktemp("home")) as running:
        yield running


@contextmanager
def existing_stack(local_aws: local.LocalAws, settings: Settings, watch: Watcher | None = None) -> Iterator[Stack]:
    """A stack on the local AWS; `watch` is called with every write."""
    account = local_account(
        region=settings.region,
        endpoint_url=local_aws.endpoint_url,
        access_key=local_aws.access_key,
        secret_key=local_aws.secret_key,
    )
    stack = Stack(settings, account.aws(watch), local.ACCOUNT)
    _run(stack, stack.up)
    stack.look()
    try:
        yield stack
    finally:
        _run(stack, stack.down)


def _run(stack: Stack, command: Callable[[], Generator[Any]]) -> None:
    stack.look()
    with closing(command()) as events:
        errors = [event.error for event in events if isinstance(event, Outcome) and event.error]
    if errors:
        raise ExceptionGroup("some steps failed", errors)


class _Answered:
    status_code = 200


@pytest.fixture(scope="package")
def request_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Requests]:
    """What the AWS CLI would send for a command line: (service, operation, parameters) as boto3 names them."""
    folder = tmp_path_factory.mktemp("shell")
    (folder / "function.zip").write_bytes(bundle())
    for name in ("packaged.yaml", "deployer.json"):
        (folder / name).write_text("{}")
    driver = create_clidriver()
    sent: list[tuple[str, str, dict[str, Any]]] = []

    def note(params: dict[str, Any], model: Any, **_: Any) -> None:
        sent.append((model.service_model.service_name, xform_name(model.name), params))

    driver.session.register("before-parameter-build", note)
    driver.session.register("before-call", lambda **_: (_Answered(), {}))

    def parse(line: str) -> tuple[str, str, dict[str, Any]]:
        program, *arguments = shlex.split(line)
        assert program == "aws"
        assert driver.main(arguments) == 0
        return sent.pop()

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield parse
