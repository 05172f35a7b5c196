"""The log of several workers has whole lines."""

import asyncio
import os

import pytest

from items_api.server.log import Log


def test_lines_are_written_together_in_pieces_that_a_pipe_does_not_mix_up(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [f"line {number} {'x' * 100}\n" for number in range(100)]
    pieces: list[bytes] = []

    def write(_descriptor: int, content: bytes) -> int:
        pieces.append(content)
        return len(content)

    async def main() -> None:
        log = Log(1)
        for line in lines:
            log.write(line)
        assert pieces == []
        log.flush()

    monkeypatch.setattr("items_api.server.log.os.write", write)
    asyncio.run(main())
    assert b"".join(pieces).decode() == "".join(lines)
    assert len(pieces) == 3
    assert all(len(piece) <= 4096 and piece.endswith(b"\n") for piece in pieces)


def test_a_log_that_cannot_be_written_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)

    async def main() -> None:
        log = Log(writer)
        log.write("line\n")
        log.flush()

    asyncio.run(main())
    os.close(writer)
