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
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date that a zip can hold


def sources() -> dict[str, bytes]:
    """Archive path -> content, sorted by path, with Unix line endings."""
    folder = Path(handler.__file__).parent
    return {f"handler/{path.name}": path.read_bytes().replace(b"\r\n", b"\n") for path in sorted(folder.glob("*.py"))}


@cache
def bundle() -> bytes:
    """Stored, not deflated: zlib's output differs between versions, and a few kilobytes make no difference."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in sources().items():
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system = 3  # Unix, on every computer
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, content)
    return buffer.getvalue()


@cache
def code_sha256() -> str:
    """In base64, as Lambda reports it in `CodeSha256`."""
    return base64.b64encode(hashlib.sha256(bundle()).digest()).decode()


def differing_files(other: bytes) -> list[str]:
    """How another zip differs from this one, one line per file: "handler/index.py changed".

    Raises:
        ValueError: it is not a readable zip.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(other)) as archive:
            have = {name: archive.read(name) for name in archive.namelist()}
    except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError) as error:
        raise ValueError("not a readable zip") from error
    want = sources()
    return [
        f"{name} {'added' if name not in have else 'removed' if name not in want else 'changed'}"
        for name in sorted(have.keys() | want.keys())
        if have.get(name) != want.get(name)
    ]
