"""A file that is written in steps continues after the last commit, and gets its name only when it is complete."""

import errno
import gzip
import hashlib
import json
import os
import zlib
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from items_api.errors import CannotLock, OutputFailed
from items_api.items.journal import Journal
from items_api.items.output import PartialFile


def opened(path: Path) -> PartialFile:
    return PartialFile(path, Journal(path, "dump", {}))


def started(path: Path, *, replace: bool = False) -> PartialFile:
    output = opened(path)
    output.start(replace=replace)
    return output


def entry(path: Path) -> Any:
    return json.loads(path.with_name(f"{path.name}.dump-journal").read_text())["done"]


@pytest.mark.parametrize("name", ["file.jsonl", "file.jsonl.gz"])
def test_a_file_continues_after_a_commit_and_forgets_what_followed(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with closing(started(path)) as output:
        output.write(b"first\n" * 1000)
        output.commit({"items": 1000})
        output.write(b"lost\n" * 10_000)
        output.flush()
    committed = entry(path)
    assert committed["items"] == 1000
    with closing(opened(path)) as again:
        again.resume(committed)
        assert (again.size, again.length()) == (6000, committed["length"])
        again.write(b"second\n")
        again.finish()
    content = path.read_bytes() if name.endswith("l") else gzip.decompress(path.read_bytes())
    assert content == b"first\n" * 1000 + b"second\n"
    assert (again.size, again.stored) == (len(content), path.stat().st_size)
    assert again.sha256.hexdigest() == hashlib.sha256(content).hexdigest()
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_a_file_has_its_name_only_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with closing(started(path, replace=True)) as output:
        output.write(b"new")
        output.commit({})
        assert path.read_text() == "old"
        output.finish()
    assert path.read_text() == "new"


@pytest.mark.parametrize("has_links", [True, False])
def test_a_file_that_came_meanwhile_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, has_links: bool
) -> None:
    def no_links(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    if not has_links:
        monkeypatch.setattr("items_api.items.output.os.link", no_links)
    path = tmp_path / "file"
    with closing(started(path)) as output:
        output.write(b"new")
        path.write_text("mine")
        with pytest.raises(OutputFailed, match="already exists"):
            output.finish()
        path.unlink()
        output.finish()
    assert path.read_text() == "new"
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


def test_a_folder_that_cannot_be_read_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its fsync makes the new name survive a power failure, and nothing else."""
    real_open = os.open

    def no_folders(path: Path, flags: int, *rest: int) -> int:
        if flags == os.O_RDONLY:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return real_open(path, flags, *rest)

    with closing(started(tmp_path / "file")) as output:
        output.write(b"new")
        monkeypatch.setattr("items_api.items.output.os.open", no_folders)
        output.finish()
    assert (tmp_path / "file").read_text() == "new"


def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    (tmp_path / "file.partial").touch(mode=0o666)
    with closing(started(tmp_path / "file")) as output:
        assert output.path.stat().st_mode & 0o777 == 0o600


def test_gzip_reads_what_was_committed_in_steps(tmp_path: Path) -> None:
    path = tmp_path / "file.gz"
    with closing(started(path)) as output:
        for number in range(5):
            output.write(b"%d\n" % number)
            output.commit({})
        output.finish()
    assert gzip.decompress(path.read_bytes()) == b"0\n1\n2\n3\n4\n"
    assert zlib.decompressobj(31).decompress(path.read_bytes()) == b"0\n"


def test_two_commands_cannot_write_one_file(tmp_path: Path) -> None:
    with closing(started(tmp_path / "file")), pytest.raises(CannotLock, match="Another command is working on"):
        opened(tmp_path / "file")


def test_a_command_that_opened_the_file_before_another_one_finished_it_does_not_write_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has a lock, but on the complete file."""
    path = tmp_path / "file"
    output = started(path)

    def finished_meanwhile(*_: object) -> None:
        output.finish()
        output.close()

    monkeypatch.setattr("items_api.items.journal.fcntl.flock", finished_meanwhile)
    with pytest.raises(CannotLock, match="Another command is working on"):
        opened(path)
    assert path.read_bytes() == b""


def test_a_file_system_without_locks_is_an_error_that_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("items_api.items.journal.fcntl.flock", no_locks)
    with pytest.raises(CannotLock, match=r"file.partial cannot be locked. No locks available. .*another file system"):
        opened(tmp_path / "file")
