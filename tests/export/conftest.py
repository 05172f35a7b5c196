"""What the tests of the exports hold them against: the AWS CLI itself, and a local AWS of their own."""

from __future__ import annotations

import json
import shlex
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from awscli.clidriver import create_clidriver  # type: ignore[import-untyped]
from botocore import xform_name

from items_api import local
from items_api.provision.bundle import bundle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Requests = Callable[[str], tuple[str, str, dict[str, Any]]]


@contextmanager
def local_aws_in(folder: Path) -> Iterator[local.LocalAws]:
    """A local AWS with this folder for its home (`ITEMS_API_HOME`), on a port that is free."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    (folder / "local-aws").mkdir(parents=True)
    (folder / "local-aws" / "settings.json").write_text(json.dumps({"port": port}))
    yield local.ensure_running(folder)
    local.stop(folder, forget=True)


@pytest.fixture(scope="session")
def local_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[local.LocalAws]:
    """For all tests that do not run `items-api down`, which ends a local AWS on which nothing is left."""
    with local_aws_in(tmp_path_factory.mktemp("home")) as running:
        yield running


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
