"""A terminal whose screen can be read: what a person sees after all redraws."""

import os
from contextlib import suppress

import pyte

ROWS = 200  # more than any command prints, so that nothing scrolls away


def watch(terminal: int, columns: int, typed: str = "") -> pyte.Screen:
    """Read from `pty.openpty`'s first end until the program closes the second. `typed` answers a question."""
    screen = pyte.Screen(columns, ROWS)
    stream = pyte.ByteStream(screen)
    shown = b""
    with suppress(OSError):  # the other end was closed
        while output := os.read(terminal, 4096):
            stream.feed(output)
            shown = (shown + output)[-7:]
            if shown.endswith((b"[y/N]: ", b"): ")):
                os.write(terminal, typed.encode())
    os.close(terminal)
    return screen
