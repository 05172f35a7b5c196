"""Where output goes. People read stdout, or stderr when --json reserves stdout for one document.

In a terminal, running steps are a table that redraws itself; in a pipe, every line is plain and final. Output that
cannot be written (a closed pipe, a full disk) never interrupts work on AWS; the error is reported at the end.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

import click

from items_api.terminal.text import event_lines, printable, problem_lines
from items_api.terminal.wrapping import columns_of, wrapped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from items_api.errors import Problem
    from items_api.provision.outcome import Outcome, Progress
    from items_api.terminal.live import Live
    from items_api.terminal.text import Line


class Screen:
    """Prints lines for people, and the document.

    Args:
        json: stdout is for documents.
        quiet: print only results and errors.
        verbose: print tracebacks.
        stream: with `json`, stdout has one document per line, and one at the end only for an error.
        bare: stdout is for one value, so that a shell can use it: `$(items-api url)`.
    """

    def __init__(
        self,
        *,
        json: bool = False,
        quiet: bool = False,
        verbose: bool = False,
        stream: bool = False,
        bare: bool = False,
    ) -> None:
        self.json = json
        self.verbose = verbose
        self.stream = stream
        self._quiet = quiet
        self._stream = sys.stderr if json or bare else sys.stdout
        self._live: Live | None = None
        self.lost: OSError | None = None

    @property
    def is_terminal(self) -> bool:
        return self._stream.isatty()

    @property
    def encoding(self) -> str:
        return self._stream.encoding or "utf-8"

    def line(self, text: str = "", style: str = "", *, essential: bool = False, verbatim: bool = False) -> None:
        """Print a text, as one line in a pipe or if it is `verbatim`, and wrapped in a terminal."""
        if self._quiet and not essential:
            return
        text = printable(text)  # text from AWS can contain anything
        for part in [text] if verbatim else _wrapped(text, self._stream):
            if self._live:
                self._live.line(part, style)
            else:
                self._write(self._stream, _styled(part, style) if style and self.is_terminal else part)

    def lines(self, lines: Iterable[Line]) -> None:
        for line in lines:
            self.line(line.text, line.style, essential=line.essential, verbatim=line.verbatim)

    def question(self, text: str) -> str:
        """A text for a prompt, wrapped like a line."""
        return "\n".join(_wrapped(printable(text), sys.stderr))

    def problem(self, problem: Problem) -> None:
        """One short block on stderr, even with --quiet and --json."""
        first, *rest = problem_lines(problem)
        self._report(f"Error: {first.text}")
        for line in rest:
            self._report(f"  {line.text}", verbatim=line.verbatim)

    def warning(self, text: str) -> None:
        """On stderr, even with --quiet and --json."""
        self._report(f"Warning: {text}")

    def _report(self, text: str, *, verbatim: bool = False) -> None:
        text = printable(text)
        for part in [text] if verbatim else _wrapped(text, sys.stderr):
            self._write(sys.stderr, part)

    def document(self, text: str) -> OSError | None:
        """Text for programs, on stdout. Returns why it could not be written."""
        return self._write(sys.stdout, text)

    @contextmanager
    def steps(self, steps: Sequence[tuple[str, str]]) -> Iterator[Callable[[Progress | Outcome], None]]:
        """Yield a function that prints the events of running steps, which are given as (title, name)."""
        if not self.is_terminal or self._quiet:
            yield lambda event: self.lines(event_lines(event))
            return
        from items_api.terminal.live import Live  # noqa: PLC0415 - rich takes 25 ms to load, and pipes do not need it

        live = Live(self._stream, steps)
        try:
            with live as self._live:
                yield live.show
        finally:
            self._live = None
            self.lines(live.results())

    @contextmanager
    def progress(self, total: float, before: int = 0) -> Iterator[Callable[[float, int, int], None]]:
        """Yield a function that shows how far a transfer is: out of `total`, in items, and in bytes.

        `before` is how many items an interrupted command had transferred.
        """
        from items_api.terminal.progress import Bar, Lines  # noqa: PLC0415 - rich takes 25 ms to load

        if not self.is_terminal or self._quiet:
            yield Lines(self.line, total, before).show
            return
        with Bar(self._stream, total, before) as bar:
            yield bar.show

    def _write(self, stream: TextIO, text: str) -> OSError | None:
        try:
            # A character that the stream cannot encode is printed as ? instead of ending the command.
            encoding = stream.encoding or "utf-8"
            stream.write(text.encode(encoding, "replace").decode(encoding) + "\n")
            stream.flush()
        except OSError as error:
            self.lost = self.lost or error
            # Otherwise, Python would flush again at exit and print an error.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            return error
        return None


def _styled(text: str, style: str) -> str:
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return text
    return click.style(text, **({style: True} if style in ("bold", "dim") else {"fg": style}))


def _wrapped(text: str, stream: TextIO) -> list[str]:
    return wrapped(text, columns_of(stream)) if stream and stream.isatty() else [text]
