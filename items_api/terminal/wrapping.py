"""Wraps lines for a terminal: between words only, so that names, ARNs and URLs stay in one piece."""

from __future__ import annotations

import os
import re
import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO

_NARROWEST = 40
# Half a command on a line of its own could be copied and run.
_COMMAND = re.compile(r"items-api [a-z]+( --?[a-z-]+( [^ -][^ ]*)?)+")
_NO_BREAK = "\N{NO-BREAK SPACE}"
# A short word in front of a text, such as "  Why:  " or "  Table     ". Further lines start below the text.
_LABEL = re.compile(r" *\w{1,7}: +| {0,2}\S{1,8} {2,}")


def columns_of(stream: TextIO) -> int:
    """The width of a terminal. COLUMNS overrides it, as in Python's shutil."""
    try:
        columns = int(os.environ.get("COLUMNS", "0")) or os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        columns = 0
    return max(columns or 80, _NARROWEST)


def wrapped(text: str, columns: int) -> list[str]:
    """The lines of a text; all but the first are indented."""
    if len(text) <= columns:
        return [text]
    label = _LABEL.match(text)
    indent = label.end() if label else len(text) - len(text.lstrip()) + 4

    def unbroken(command: re.Match[str]) -> str:
        return command[0].replace(" ", _NO_BREAK) if indent + len(command[0]) < columns else command[0]

    text = _COMMAND.sub(unbroken, text)
    lines = textwrap.wrap(text, columns, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False)
    return [line.replace(_NO_BREAK, " ") for line in lines] or [text]
