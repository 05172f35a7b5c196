"""The zip that Lambda runs. The same sources give the same bytes on every computer."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import zipfile
import zlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from items_api import handler

if TYPE_CHECKING:
    from collections.abc import Mapping

    from items_api.settings import Settings

HANDLER = "handler.index.handler"
_CONSTANTS = "handler/__init__.py"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date that a zip can hold


def sources(settings: Settings) -> dict[str, bytes]:
    """Archive path -> content, sorted by path, with Unix line endings.

    The names of the table and its indexes are constants in the code, because a function with environment variables
    breaks when its role is recreated:
    https://www.lastweekinaws.com/blog/the-sneaky-weakness-behind-aws-managed-kms-keys/
    """
    return _sources(settings.table_name, tuple(settings.index_names.items()))


def bundle(settings: Settings) -> bytes:
    """Stored, not deflated: zlib's output differs between versions, and a few kilobytes make no difference."""
    return _bundle(settings.table_name, tuple(settings.index_names.items()))


@cache
def _sources(table: str, indexes: tuple[tuple[str, str], ...]) -> dict[str, bytes]:
    folder = Path(handler.__file__).parent
    found = {f"handler/{path.name}": path.read_bytes().replace(b"\r\n", b"\n") for path in sorted(folder.glob("*.py"))}
    constants = found[_CONSTANTS].replace(_constants(handler.TABLE_NAME, handler.INDEXES), b"")
    found[_CONSTANTS] = constants + _constants(table, dict(indexes))
    return found


def _constants(table: str, indexes: Mapping[str, str]) -> bytes:
    """The last lines of the file. JSON's strings and objects are valid Python."""
    return f"TABLE_NAME = {json.dumps(table)}\nINDEXES: dict[str, str] = {json.dumps(indexes)}\n".encode()


@cache
def _bundle(table: str, indexes: tuple[tuple[str, str], ...]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in _sources(table, indexes).items():
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system = 3  # Unix, on every computer
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, content)
    return buffer.getvalue()


def code_sha256(settings: Settings) -> str:
    """In base64, as Lambda reports it in `CodeSha256`."""
    return base64.b64encode(hashlib.sha256(bundle(settings)).digest()).decode()


def differing_files(other: bytes, settings: Settings) -> list[str]:
    """How another zip differs from the one for these settings, one line per file: "handler/index.py changed".

    Raises:
        ValueError: it is not a readable zip.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(other)) as archive:
            have = {name: archive.read(name) for name in archive.namelist()}
    except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError) as error:
        raise ValueError("not a readable zip") from error
    want = sources(settings)
    return [
        f"{name} {'added' if name not in have else 'removed' if name not in want else 'changed'}"
        for name in sorted(have.keys() | want.keys())
        if have.get(name) != want.get(name)
    ]
