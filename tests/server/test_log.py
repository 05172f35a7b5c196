"""The log of several workers has whole lines, and a reader that is slow or gone delays no one."""

import json
import os
import threading
from collections.abc import Iterator

import pytest

from items_api.server.log import MAX_WAITING, Log


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    others = threading.enumerate()
    reader, writer = os.pipe()
    yield reader, writer
    os.close(reader)
    for thread in threading.enumerate():
        if thread not in others:
            thread.join()  # a log that still has lines would write them to the next file with this number
    os.close(writer)


def read(reader: int, until: bytes) -> bytes:
    content = b""
    while not content.endswith(until):
        content += os.read(reader, 65_536)
    return content


def test_lines_are_written_together_in_pieces_that_a_pipe_does_not_mix_up(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [f"line {number} {'x' * 100}\n" for number in range(100)]
    pieces: list[bytes] = []

    def write(_descriptor: int, content: bytes) -> int:
        pieces.append(content)
        return len(content)

    monkeypatch.setattr("items_api.server.log.os.write", write)
    log = Log(1)
    for line in lines:
        log.write(line)
    log.close()
    assert b"".join(pieces).decode() == "".join(lines)
    assert len(pieces) <= 4
    assert all(len(piece) <= 4096 and piece.endswith(b"\n") for piece in pieces)


def test_a_log_that_cannot_be_written_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    log = Log(writer)
    for _ in range(2):
        log.write("line\n")
        log.close()
    os.close(writer)


def test_lines_that_no_one_reads_are_dropped_and_counted(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    log = Log(writer)
    line = "x" * 99 + "\n"
    for _ in range(MAX_WAITING + 5000):
        log.write(line)
    log.write("last\n")
    content = read(reader, b"}\n").decode()
    assert "last" not in content
    *written, note = content.splitlines()
    dropped = json.loads(note)
    assert dropped["error"] == "LogDropped"
    assert len(written) + dropped["lines"] == MAX_WAITING + 5001
    log.close()


def test_closing_does_not_wait_for_a_reader_that_reads_nothing(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    log = Log(writer)
    for _ in range(MAX_WAITING):
        log.write("x" * 99 + "\n")
    log.close()
    assert 0 < len(os.read(reader, 1 << 20)) < MAX_WAITING * 100


def test_a_pipe_that_does_not_block_gets_all_lines(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    os.set_blocking(writer, False)
    log = Log(writer)
    for _ in range(5000):
        log.write("x" * 99 + "\n")
    log.write("last\n")
    assert len(read(reader, b"last\n")) == 5000 * 100 + 5
    log.close()
