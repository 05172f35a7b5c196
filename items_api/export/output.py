"""Writes an export to a file or a folder. Existing files are overwritten only with `--force`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from items_api.errors import OutputFailed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def write_file(path: Path, content: bytes, *, force: bool) -> list[Path]:
    """Raises `OutputFailed` if the file exists or cannot be written."""
    if path.is_dir():
        raise OutputFailed(f"{path} is a folder.", "This export is a single file.", "Choose a file name with --output.")
    if path.exists() and not force:
        raise _already_exists(f"The file {path} already exists.")
    return [_write(path, content)]


def write_folder(folder: Path, files: Mapping[str, bytes], *, force: bool) -> list[Path]:
    """Write `files` (path -> content). With `force`, they replace existing files; other files stay.

    Raises `OutputFailed` if the folder contains files or cannot be written to.
    """
    if folder.exists() and not folder.is_dir():
        raise OutputFailed(f"{folder} is a file.", "This export is a folder.", "Choose another folder with --output.")
    if folder.exists() and any(folder.iterdir()) and not force:
        raise _already_exists(f"The folder {folder} is not empty.")
    # Regardless of the umask: another user may build an image from the files, or run them.
    return [_write(folder / name, content, 0o755 if name.endswith(".sh") else 0o644) for name, content in files.items()]


def _already_exists(what: str) -> OutputFailed:
    return OutputFailed(
        what,
        "An export does not overwrite files by default.",
        "Choose another location with --output, or overwrite with --force.",
    )


def _write(path: Path, content: bytes, mode: int | None = None) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        if mode is not None:
            path.chmod(mode)
    except OSError as error:
        raise OutputFailed(
            f"Could not write {path}.", f"{error.strerror}.", "Choose another location with --output."
        ) from None
    return path
