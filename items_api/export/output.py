"""Where an export goes: a file or a folder, and nothing that is there already is overwritten unasked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from items_api.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def write_file(path: Path, content: bytes, *, force: bool) -> list[Path]:
    """Raises `Problem` if something is there already, or can not be written to."""
    if path.is_dir():
        raise Problem(f"{path} is a folder.", "This export is one file.", "Name a file with --output.")
    if path.exists() and not force:
        raise _in_the_way(f"The file {path} exists.")
    return [_write(path, content)]


def write_folder(folder: Path, files: Mapping[str, bytes], *, force: bool) -> list[Path]:
    """`files` by their path in the folder. With `force` they replace what is there; other files stay.

    Raises `Problem` if the folder has files, or can not be written to.
    """
    if folder.exists() and not folder.is_dir():
        raise Problem(f"{folder} is a file.", "This export is a folder.", "Name a folder with --output.")
    if folder.exists() and any(folder.iterdir()) and not force:
        raise _in_the_way(f"The folder {folder} has files in it.")
    return [_write(folder / name, content) for name, content in files.items()]


def _in_the_way(what: str) -> Problem:
    return Problem(
        what,
        "An export overwrites nothing unasked.",
        "Name another place with --output, or overwrite with --force.",
    )


def _write(path: Path, content: bytes) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        if path.suffix == ".sh":
            path.chmod(0o755)
    except OSError as error:
        raise Problem(f"Could not write {path}.", f"{error.strerror}.", "Name another place with --output.") from None
    return path
