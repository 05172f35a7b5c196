"""How to add an optional part to this copy of items-api, which depends on how the copy was installed."""

from __future__ import annotations

import json
import re
import shlex
import sys
import tomllib
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

# What each part needs, without versions, for a copy that runs from a folder without being installed.
PACKAGES = {"local": ["ministack"], "serve": ["cryptography", "greenlet", "pyjwt", "uvicorn"]}


def this_copy() -> Distribution | None:
    """The metadata of this copy; None if it runs from a folder without being installed."""
    try:
        return distribution("items-api")
    except PackageNotFoundError:
        return None


def install_command(
    extra: str, copy: Distribution | None, prefix: Path = Path(sys.prefix), python: str = sys.executable
) -> str:
    """One command for a POSIX shell that adds a part to a copy.

    Args:
        extra: the part, one of `PACKAGES`.
        copy: its metadata.
        prefix: its environment, in which pipx and `uv tool` leave a file of their own.
        python: the Python of the environment.
    """
    packages = _requirements(extra, copy)
    # https://packaging.python.org/en/latest/specifications/direct-url/
    source = json.loads((copy and copy.read_text("direct_url.json")) or "{}")
    folder = unquote(urlsplit(source["url"]).path) if _is_editable(source) else ""
    receipt = prefix / "uv-receipt.toml"
    extras = _with_installed(extra, receipt) if receipt.exists() else extra
    editable = ["--editable", f"{folder}[{extras}]"] if folder else []
    if (prefix / "pipx_metadata.json").exists():
        words = ["pipx", "inject", prefix.name, *packages]
    elif receipt.exists():  # with the packages alone, the next upgrade would remove them
        words = ["uv", "tool", "install", *(editable or [_with_extras(extras, source)])]
    elif copy and (copy.read_text("INSTALLER") or "").strip() == "uv":  # the environment may have no pip
        words = ["uv", "pip", "install", "--python", python, *(editable or packages)]
    else:
        words = [python, "-m", "pip", "install", *(editable or packages)]
    return shlex.join(words)


def _requirements(extra: str, copy: Distribution | None) -> list[str]:
    requires = [line.partition(";") for line in (copy and copy.requires) or []]
    found = [name.strip() for name, _, marker in requires if re.search(rf"extra\s*==\s*['\"]{extra}['\"]", marker)]
    return found or PACKAGES[extra]


def _is_editable(source: dict[str, Any]) -> bool:
    return bool(source.get("dir_info", {}).get("editable"))


def _with_installed(extra: str, receipt: Path) -> str:
    """The part and those that are installed, because `uv tool install` removes what it does not name."""
    requirements = tomllib.loads(receipt.read_text()).get("tool", {}).get("requirements", [])
    installed = [name for found in requirements if found["name"] == "items-api" for name in found.get("extras", [])]
    return ",".join(sorted({extra, *installed}))


def _with_extras(extras: str, source: dict[str, Any]) -> str:
    """The requirement that installs from the same source as now."""
    name = f"items-api[{extras}]"
    if not source:
        return name
    vcs = source.get("vcs_info", {})
    revision = f"@{vcs['requested_revision']}" if "requested_revision" in vcs else ""
    return f"{name} @ {vcs['vcs'] + '+' if vcs else ''}{source['url']}{revision}"
