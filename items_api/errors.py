"""Every error that a user can see: what failed, why, and what to do next.

    Problem
    ├── InvalidSetting      a value that AWS would reject, found before the first call
    ├── NoCredentials       there are no valid credentials to sign requests with
    ├── LocalUnavailable    the local AWS is not installed, cannot start or is not running
    ├── AwsRefused          AWS returned an error that retrying does not fix
    │   ├── AccessDenied    the caller lacks a permission
    │   └── DeletedMeanwhile  a resource disappeared while the command was working on it
    ├── AwsUnreachable      no usable response: no network, wrong endpoint, invalid data or a timeout
    ├── ForeignResource     a resource has the stack's name but not its tags
    ├── CannotChange        AWS cannot make this change in place
    ├── NoStack             there is no stack with this name
    ├── NotConfirmed        the user answered no, or there was no terminal for the prompt
    ├── OutputFailed        the output could not be written
    ├── TimedOut            AWS did not reach the expected state in time
    ├── Interrupted         Ctrl-C or SIGTERM; the message lists what exists
    └── Bug                 any other exception: a bug in this tool

A `Problem` ends a command with one block on stderr and exit code 1 (`InvalidSetting`: 2, like any usage error;
`Interrupted`: 130). --verbose adds the traceback.
"""

from __future__ import annotations

TYPE_CHECKING = False  # importing `typing` would slow down --help
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


class Problem(Exception):  # noqa: N818 - the word for everything that users see as an error
    """What failed, why, and what to do next, in full sentences.

    `known` holds keys of the command's JSON document that were known when the problem occurred.
    """

    exit_code = 1

    def __init__(self, what: str, why: str = "", todo: str = "") -> None:
        super().__init__(what, why, todo)
        self.what = what
        self.why = why
        self.todo = todo
        self.known: Mapping[str, Any] = {}

    def __str__(self) -> str:
        return " ".join(part for part in (self.what, self.why, self.todo) if part)

    def as_json(self) -> dict[str, str]:
        return {"type": type(self).__name__, "what": self.what, "why": self.why, "todo": self.todo}


class InvalidSetting(Problem):
    exit_code = 2


class NoCredentials(Problem):
    pass


class LocalUnavailable(Problem):
    pass


class AwsRefused(Problem):
    pass


class AccessDenied(AwsRefused):
    pass


class DeletedMeanwhile(AwsRefused):
    pass


class AwsUnreachable(Problem):
    pass


class ForeignResource(Problem):
    pass


class CannotChange(Problem):
    pass


class NoStack(Problem):
    pass


class NotConfirmed(Problem):
    pass


class OutputFailed(Problem):
    pass


class TimedOut(Problem):
    pass


class Interrupted(Problem):
    exit_code = 130


class Bug(Problem):
    @classmethod
    def of(cls, error: Exception) -> Bug:
        return cls(
            f"items-api has a bug: {type(error).__name__}: {error}",
            "This is not your fault.",
            "Run the command again with --verbose and report what it prints.",
        ).with_traceback(error.__traceback__)
