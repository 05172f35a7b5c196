"""The command that adds an optional part fits the way in which this copy was installed."""

import json
import re
import shlex
import tomllib
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any

import pytest

from items_api.extras import PACKAGES, install_command

CLONE = "file:///home/me/items%20api"
EDITABLE = {"url": CLONE, "dir_info": {"editable": True}}
GIT = {"url": "https://example.com/items-api", "vcs_info": {"vcs": "git", "requested_revision": "v1", "commit_id": "0"}}
PIPX, UV_TOOL = "pipx_metadata.json", "uv-receipt.toml"


@pytest.mark.parametrize(
    ("marker", "installer", "source", "command"),
    [
        (None, "pip", None, "/v/bin/python -m pip install 'ministack>=1.5.33,<1.6'"),
        (None, "pip", {"url": CLONE, "dir_info": {}}, "/v/bin/python -m pip install 'ministack>=1.5.33,<1.6'"),
        (None, "pip", EDITABLE, "/v/bin/python -m pip install --editable '/home/me/items api[local]'"),
        (None, "uv", None, "uv pip install --python /v/bin/python 'ministack>=1.5.33,<1.6'"),
        (None, "uv", EDITABLE, "uv pip install --python /v/bin/python --editable '/home/me/items api[local]'"),
        (PIPX, "pip", None, "pipx inject items-api-dev 'ministack>=1.5.33,<1.6'"),
        (PIPX, "uv", EDITABLE, "pipx inject items-api-dev 'ministack>=1.5.33,<1.6'"),
        (UV_TOOL, "uv", None, "uv tool install 'items-api[local]'"),
        (UV_TOOL, "uv", {"url": CLONE, "dir_info": {}}, f"uv tool install 'items-api[local] @ {CLONE}'"),
        (UV_TOOL, "uv", GIT, "uv tool install 'items-api[local] @ git+https://example.com/items-api@v1'"),
        (UV_TOOL, "uv", EDITABLE, "uv tool install --editable '/home/me/items api[local]'"),
    ],
)
def test_the_command_works_for_this_copy(
    tmp_path: Path, marker: str | None, installer: str, source: dict[str, Any] | None, command: str
) -> None:
    prefix = tmp_path / "items-api-dev"
    metadata = prefix / "items_api-0.1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(
        "Name: items-api\nVersion: 0.1.0\nRequires-Dist: click>=8\n"
        'Requires-Dist: ministack>=1.5.33,<1.6 ; extra == "local"\n'
    )
    (metadata / "INSTALLER").write_text(f"{installer}\n")
    if source:
        (metadata / "direct_url.json").write_text(json.dumps(source))
    if marker:
        (prefix / marker).touch()
    assert install_command("local", Distribution.at(metadata), prefix, "/v/bin/python") == command


def test_uv_keeps_the_parts_that_are_installed(tmp_path: Path) -> None:
    (tmp_path / UV_TOOL).write_text('[tool]\nrequirements = [{ name = "items-api", extras = ["serve"] }]\n')
    assert install_command("local", None, tmp_path, "/v/bin/python") == "uv tool install 'items-api[local,serve]'"


def test_a_copy_that_is_not_installed_gets_a_command_too(tmp_path: Path) -> None:
    command = install_command("local", None, tmp_path, "/v/bin/python")
    assert command == "/v/bin/python -m pip install ministack"


@pytest.mark.parametrize("extra", PACKAGES)
def test_it_installs_everything_that_the_part_needs(tmp_path: Path, extra: str) -> None:
    """With the versions that this copy requires."""
    own = tomllib.loads(Path("pyproject.toml").read_text())["project"]["optional-dependencies"][extra]
    assert [re.split("[<>=]", requirement)[0] for requirement in own] == PACKAGES[extra]
    metadata = tmp_path / "items_api-0.1.0.dist-info"
    metadata.mkdir()
    lines = [f'Requires-Dist: {requirement}; extra == "{extra}"\n' for requirement in own]
    (metadata / "METADATA").write_text("Name: items-api\nVersion: 0.1.0\nRequires-Dist: click>=8\n" + "".join(lines))
    words = shlex.split(install_command(extra, Distribution.at(metadata), tmp_path, "/v/bin/python"))
    assert words == ["/v/bin/python", "-m", "pip", "install", *own]
