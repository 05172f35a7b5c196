"""What a command returns, and how it is printed: lines for people or, with --json, one document in one envelope."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from items_api.errors import NotConfirmed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from items_api.errors import Problem
    from items_api.terminal.screen import Screen
    from items_api.terminal.text import Line

# Exit codes; 2 is a usage error and 130 an interrupted command.
DONE, FAILED, PENDING, ABSENT = 0, 1, 3, 4


@dataclass(frozen=True)
class Result:
    """What a command returns.

    Attributes:
        code: the exit code.
        ok: for the document; a dry run with pending changes is ok, a stack with drift is not.
        document: the envelope's values that the command knows ("account", "region", "endpoint"), and its own keys.
        lines: what people read at the end.
        text: an exported file, printed on stdout instead of the document.
        error: the error that ended the command early.
    """

    code: int = DONE
    ok: bool = True
    document: Mapping[str, Any] = field(default_factory=dict)
    lines: Sequence[Line] = ()
    text: str | None = None
    error: Problem | None = None

    def print(self, screen: Screen, command: str, name: str | None) -> None:
        screen.lines(self.lines)
        if isinstance(self.error, NotConfirmed) and self.error.declined:
            screen.line(self.error.what)
        elif self.error:
            screen.problem(self.error)
        if self.text is not None:
            screen.document(self.text)
        elif screen.json and not screen.stream:
            screen.document(to_json(self.envelope(command, name)))
        elif screen.json and self.error:
            screen.document(to_json(self.envelope(command, name), indent=None))

    def envelope(self, command: str, name: str | None) -> dict[str, Any]:
        """The JSON document. Its keys are a contract: add, never rename."""
        return {
            "command": command,
            "name": name,
            "account": None,
            "region": None,
            "endpoint": None,
            "ok": self.ok,
            **self.document,
            "error": self.error,
        }


def to_json(document: Mapping[str, Any], *, indent: int | None = 2) -> str:
    """As JSON, on one line if `indent` is None. Objects in it may have an `as_json` method."""
    # ASCII only: some control characters that JSON does not escape would reach the terminal.
    return json.dumps(document, indent=indent, default=lambda value: value.as_json())
