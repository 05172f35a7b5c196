"""How to add the local AWS to this copy of items-api, which depends on how the copy was installed."""

from __future__ import annotations

import json
import shlex
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit


def this_copy() -> Distribution | None:
    """The metadata of this copy; None if it runs from a folder without being installed."""
    try:
        return distribution("items-api")
    except PackageNotFoundError:
        return None


def install_command(copy: Distribution | None, prefix: Path = Path(sys.prefix), python: str = sys.executable) -> str:
    """One command for a POSIX shell that adds the local AWS to a copy.

    Args:
        copy: its metadata.
        prefix: its environment, in which pipx and `uv tool` leave a file of their own.
        python: the Python of the environment.
    """
    requires = (copy and copy.requires) or []
    ministack = next((line.partition(";")[0].strip() for line in requires if "ministack" in line), "ministack")
    # https://packaging.python.org/en/latest/specifications/direct-url/
    source = json.loads((copy and copy.read_text("direct_url.json")) or "{}")
    editable = ["--editable", f"{unquote(urlsplit(source['url']).path)}[local]"] if _is_editable(source) else []
    if (prefix / "pipx_metadata.json").exists():
        words = ["pipx", "inject", prefix.name, ministack]
    elif (prefix / "uv-receipt.toml").exists():  # with ministack alone, the next upgrade would remove it
        words = ["uv", "tool", "install", *(editable or [_with_extra(source)])]
    elif copy and (copy.read_text("INSTALLER") or "").strip() == "uv":  # the environment may have no pip
        words = ["uv", "pip", "install", "--python", python, *(editable or [ministack])]
    else:
        words = [python, "-m", "pip", "install", *(editable or [ministack])]
    return shlex.join(words)


def _is_editable(source: dict[str, Any]) -> bool:
    return bool(source.get("dir_info", {}).get("editable"))


def _with_extra(source: dict[str, Any]) -> str:
    """The requirement that installs from the same source as now."""
    if not source:
        return "items-api[local]"
    vcs = source.get("vcs_info", {})
    revision = f"@{vcs['requested_revision']}" if "requested_revision" in vcs else ""
    return f"items-api[local] @ {vcs['vcs'] + '+' if vcs else ''}{source['url']}{revision}"
