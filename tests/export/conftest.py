"""A local AWS of the tests' own, in a folder of its own and on a port of its own."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING

import pytest

from items_api import local

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What `ITEMS_API_HOME` names, with a local AWS running in it."""
    folder = tmp_path_factory.mktemp("home")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    (folder / "local-aws").mkdir()
    (folder / "local-aws" / "settings.json").write_text(json.dumps({"port": port}))
    local.ensure_running(folder)
    yield folder
    local.stop(folder, forget=True)


@pytest.fixture(scope="session")
def local_aws(home: Path) -> local.LocalAws:
    running = local.find(home)
    assert running is not None
    return running
