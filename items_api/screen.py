"""Where output goes. People read stdout, or stderr when --json leaves stdout to one document.

In a terminal, work in progress is a live table; in a pipe every line is plain and final. Output that can not be written
(a closed pipe, a full disk) never stops work on AWS half-way: it is remembered, and told at the end.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Self, TextIO

from items_api import render

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console

    from items_api.errors import Problem
    from items_api.live import Live
    from items_api.provision.step import Outcome, Progress, Step


class Screen:
    """Prints lines for people. `quiet` leaves only what was asked for and errors."""

    def __init__(self, *, json: bool = False, quiet: bool = False) -> None:
        self._json = json
        self._quiet = quiet
        self._stream = sys.stderr if json else sys.stdout
        if self._stream is None:  # started with it closed
            self._stream = sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115 - for the whole run
        self.lost: OSError | None = None
        self._console: Console | None = None

    @property
    def is_terminal(self) -> bool:
        return self._stream.isatty()

    @property
    def encoding(self) -> str:
        return self._stream.encoding or "utf-8"

    def line(self, text: str = "", style: str = "", *, essential: bool = False) -> None:
        if self._quiet and not essential:
            return
        text = render.printable(text)  # what AWS told may have been written by anybody
        if style and self.is_terminal:
            self._styled(text, style)
        else:
            self._write(self._stream, text)

    def lines(self, lines: Iterable[tuple[str, str]], *, essential: bool = False) -> None:
        for text, style in lines:
            self.line(text, style, essential=essential)

    def problem(self, problem: Problem) -> None:
        """One short block on stderr, whatever else is quiet or JSON."""
        first, *rest = render.problem_lines(problem)
        for text in (f"Error: {first}", *(f"  {line}" for line in rest)):
            for line in _wrapped(render.printable(text), sys.stderr):
                self._write(sys.stderr, line)

    def document(self, text: str) -> None:
        """The one JSON document on stdout."""
        self._write(sys.stdout, text)

    def _styled(self, text: str, style: str) -> None:
        from rich.text import Text  # noqa: PLC0415 - rich loads only where a terminal shows it

        try:
            self.console.print(Text(text, style=style), soft_wrap=True)
        except OSError as error:
            self._lose(self._stream, error)

    def work(self, steps: Sequence[Step]) -> Lines | Live:
        """A context in which `show` takes what steps at work report."""
        if not self.is_terminal or self._quiet:
            return Lines(self)
        from items_api.live import Live  # noqa: PLC0415 - rich loads only where a terminal shows it

        return Live(self.console, [(step.title, step.name) for step in steps])

    @property
    def console(self) -> Console:
        if self._console is None:
            from rich.console import Console  # noqa: PLC0415

            self._console = Console(file=self._stream, highlight=False)
        return self._console

    def _write(self, stream: TextIO, text: str) -> None:
        try:
            # What a terminal or pipe can not encode is shown as ? rather than ending the command.
            encoding = stream.encoding or "utf-8"
            stream.write(text.encode(encoding, "replace").decode(encoding) + "\n")
            stream.flush()
        except OSError as error:
            self._lose(stream, error)

    def _lose(self, stream: TextIO, error: OSError) -> None:
        self.lost = self.lost or error
        # Python would try again at exit, and complain.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())


def _wrapped(text: str, stream: TextIO) -> list[str]:
    """In a terminal, by words, so that prose reads well and no id, ARN or URL is broken."""
    if not (stream and stream.isatty()):
        return [text]
    import shutil  # noqa: PLC0415
    import textwrap  # noqa: PLC0415

    width = max(40, shutil.get_terminal_size().columns)
    indent = "        " if text.startswith("  ") else ""
    return textwrap.wrap(
        text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False, drop_whitespace=True
    )


class Lines:
    """Shows steps at work where nothing can be redrawn: one line for each wait and each result."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def show(self, event: Progress | Outcome) -> None:
        failed = getattr(event, "error", None) is not None
        self._screen.lines(render.event_lines(event), essential=failed)
