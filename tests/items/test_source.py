"""A file is read from many places at once, and every line once, compressed or not."""

import gzip
import hashlib
import itertools
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from items_api.items import source
from items_api.items.lines import Format, Trailer, header
from items_api.items.source import DamagedError, SourceFile, is_compressed, lines, survey


def line_of(number: int, size: int = 0) -> bytes:
    return json.dumps({"itemId": f"item-{number}", "text": "ü" * size}, ensure_ascii=False).encode()


def dump_of(count: int, seed: int = 1) -> bytes:
    """A complete dump with lines of very different sizes."""
    sizes = random.Random(seed)
    content = header(Format.PLAIN) + b"".join(line_of(n, sizes.choice([0, 10, 3000])) + b"\n" for n in range(count))
    return content + Trailer(count, hashlib.sha256(content).hexdigest()).line()


def written(tmp_path: Path, content: bytes, kind: str) -> Path:
    path = tmp_path / ("file.jsonl" if kind == "plain" else "file.jsonl.gz")
    if kind == "one member":
        path.write_bytes(gzip.compress(content))
    elif kind == "many members":
        path.write_bytes(b"".join(gzip.compress(content[i : i + 70_000]) for i in range(0, len(content), 70_000)))
    else:
        path.write_bytes(content)
    return path


_OPEN: list[BinaryIO] = []


@pytest.fixture(autouse=True)
def _close_files() -> Iterator[None]:
    yield
    while _OPEN:
        _OPEN.pop().close()


def opened(path: Path) -> SourceFile:
    _OPEN.append(path.open("rb"))
    return SourceFile(_OPEN[-1], compressed=is_compressed(path))


KINDS = pytest.mark.parametrize("kind", ["plain", "one member", "many members"])


@KINDS
@pytest.mark.parametrize("count", [0, 1, 50, 4000])
@pytest.mark.parametrize("step", [1, 1000, 1 << 18])
def test_the_parts_have_every_line_once_with_its_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, count: int, step: int
) -> None:
    monkeypatch.setattr(source, "_FIRST_STEP", step)
    content = dump_of(count)
    path = written(tmp_path, content, kind)
    found = survey(opened(path))
    assert 1 <= len(found.parts) <= 32
    assert (found.size, found.lines) == (len(content), count + 2)
    seen = sorted(line for part in found.parts for line in lines(opened(path), part))
    assert [line.number for line in seen] == [*range(1, count + 3)]
    assert [line.text for line in seen] == content.split(b"\n")[:-1]
    ends = list(itertools.accumulate(len(line.text or b"") + 1 for line in seen))
    assert [line.end for line in seen] == ends


@KINDS
def test_a_part_continues_after_any_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(source, "_FIRST_STEP", 5000)
    path = written(tmp_path, dump_of(300), kind)
    for part in survey(opened(path)).parts:
        every = list(lines(opened(path), part))
        for index in range(0, len(every), 7):
            assert list(lines(opened(path), part, every[index].end)) == every[index + 1 :]


@KINDS
def test_the_trailer_is_read_and_its_checksum_is_of_everything_before_it(tmp_path: Path, kind: str) -> None:
    found = survey(opened(written(tmp_path, dump_of(2000), kind)))
    assert found.trailer
    assert (found.trailer.items, found.trailer.sha256) == (2000, found.sha256)
    assert found.first == header(Format.PLAIN).rstrip()


@pytest.mark.parametrize("content", [b"", b"\n", b'{"itemId":"1"}', b'{"itemId":"1"}\n{"itemId":"2"}\n'])
def test_a_file_without_a_trailer_is_hashed_as_a_whole(tmp_path: Path, content: bytes) -> None:
    found = survey(opened(written(tmp_path, content, "plain")))
    assert (found.trailer, found.sha256) == (None, hashlib.sha256(content).hexdigest())
    assert found.lines == len(content.splitlines())


@pytest.mark.parametrize("cut", [1, 10, 5000])
@pytest.mark.parametrize("kind", ["one member", "many members"])
def test_a_truncated_compressed_file_is_damaged(tmp_path: Path, kind: str, cut: int) -> None:
    path = written(tmp_path, dump_of(2000), kind)
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(DamagedError, match="is truncated"):
        survey(opened(path))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"no gzip at all", "It is not compressed, although its name ends in .gz."),
        (gzip.compress(b"abc" * 1000, mtime=0)[:20] + b"X" * 20, "is damaged"),
        (gzip.compress(b"abc") + b"something else", "is damaged"),
    ],
    ids=["no gzip", "broken", "end"],
)
def test_a_damaged_compressed_file_is_damaged(tmp_path: Path, content: bytes, reason: str) -> None:
    with pytest.raises(DamagedError, match=reason):
        survey(opened(_gz(tmp_path, content)))


def _gz(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "file.jsonl.gz"
    path.write_bytes(content)
    return path


@KINDS
def test_a_line_that_is_too_long_has_no_text_and_the_next_lines_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(source, "MAX_LINE", 100_000)
    content = line_of(1) + b"\n" + b"x" * 300_000 + b"\n" + line_of(2) + b"\n"
    path = written(tmp_path, content, kind)
    found = survey(opened(path))
    assert [line.text for part in found.parts for line in lines(opened(path), part)] == [line_of(1), None, line_of(2)]
    assert found.sha256 == hashlib.sha256(content).hexdigest()
