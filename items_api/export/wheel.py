"""This copy of items-api as a wheel, so that an image has exactly the code that was used to export it.

https://packaging.python.org/en/latest/specifications/binary-distribution-format/
"""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING

import items_api

if TYPE_CHECKING:
    from collections.abc import Iterator

_VERSION = items_api.__version__
_INFO = f"items_api-{_VERSION}.dist-info"
_WHEEL = "Wheel-Version: 1.0\nGenerator: items-api\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
_SCRIPTS = "[console_scripts]\nitems-api = items_api.cli:main\n"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date that a zip can hold
NAME = f"items_api-{_VERSION}-py3-none-any.whl"


def wheel() -> bytes:
    """The same sources give the same bytes."""
    files = dict(_files())
    record = f"{_INFO}/RECORD"
    lines = [f"{path},sha256={_hash(content)},{len(content)}" for path, content in files.items()]
    files[record] = "\n".join([*lines, f"{record},,", ""]).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for path, content in files.items():
            entry = zipfile.ZipInfo(path, _EPOCH)
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, content)
    return buffer.getvalue()


def _files() -> Iterator[tuple[str, bytes]]:
    root = Path(items_api.__file__).parent
    for path in sorted(root.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield f"items_api/{path.relative_to(root).as_posix()}", path.read_bytes()
    yield f"{_INFO}/METADATA", _metadata().encode()
    yield f"{_INFO}/WHEEL", _WHEEL.encode()
    yield f"{_INFO}/entry_points.txt", _SCRIPTS.encode()


def _metadata() -> str:
    try:
        found = distribution("items-api").read_text("METADATA")
    except PackageNotFoundError:  # it runs from a folder without being installed
        found = None
    return found or f"Metadata-Version: 2.1\nName: items-api\nVersion: {_VERSION}\n"


def _hash(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
