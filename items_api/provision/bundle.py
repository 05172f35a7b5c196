"""The zip that Lambda runs. The same sources give the same bytes on every computer."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
import zlib
from functools import cache
from pathlib import Path

from items_api import handler

HANDLER = "handler.index.handler"
_CONSTANTS = "handler/__init__.py"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date that a zip can hold


def sources(table: str) -> dict[str, bytes]:
    """Archive path -> content, sorted by path, with Unix line endings, for the table of this name.

    The name is a constant in the code, because a function with environment variables breaks when its role is recreated:
    https://www.lastweekinaws.com/blog/the-sneaky-weakness-behind-aws-managed-kms-keys/
    """
    folder = Path(handler.__file__).parent
    found = {f"handler/{path.name}": path.read_bytes().replace(b"\r\n", b"\n") for path in sorted(folder.glob("*.py"))}
    found[_CONSTANTS] = found[_CONSTANTS].replace(_constant(handler.TABLE_NAME), _constant(table))
    return found


def _constant(table: str) -> bytes:
    return f'\nTABLE_NAME = "{table}"\n'.encode()


@cache
def bundle(table: str) -> bytes:
    """Stored, not deflated: zlib's output differs between versions, and a few kilobytes make no difference."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in sources(table).items():
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system = 3  # Unix, on every computer
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, content)
    return buffer.getvalue()


@cache
def code_sha256(table: str) -> str:
    """In base64, as Lambda reports it in `CodeSha256`."""
    return base64.b64encode(hashlib.sha256(bundle(table)).digest()).decode()


def differing_files(other: bytes, table: str) -> list[str]:
    """How another zip differs from the one for this table, one line per file: "handler/index.py changed".

    Raises:
        ValueError: it is not a readable zip.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(other)) as archive:
            have = {name: archive.read(name) for name in archive.namelist()}
    except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError) as error:
        raise ValueError("not a readable zip") from error
    want = sources(table)
    return [
        f"{name} {'added' if name not in have else 'removed' if name not in want else 'changed'}"
        for name in sorted(have.keys() | want.keys())
        if have.get(name) != want.get(name)
    ]
