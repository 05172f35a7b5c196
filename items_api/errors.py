"""Every error that a user can see: what failed, why, and what to do next.

A `Problem` ends a command with one block on stderr and exit code 1 (`InvalidSetting`: 2, like any usage error;
`Interrupted`: 130). --verbose adds the traceback.
"""

from __future__ import annotations

import shlex

TYPE_CHECKING = False  # importing `typing` would slow down --help
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


class Problem(Exception):  # noqa: N818 - the word for everything that users see as an error
    """What failed, why, and what to do next, in full sentences. After a newline, `todo` may end with a command.

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
    """A value that AWS would reject, found before the first call.

    If `setting`, the long name of an option, is given, `what` continues a sentence that starts with the option and its
    value: "is out of range." The commands know where the value comes from, and name that instead of the option.
    """

    exit_code = 2

    def __init__(self, what: str, why: str = "", todo: str = "", *, setting: str = "", value: Any = None) -> None:
        super().__init__(f"{as_option(setting, value)} {what}" if setting else what, why, todo)
        self.setting = setting
        self.value = value
        self._predicate = what

    def locate(self, source: str) -> None:
        """Name the source of the value: "ITEMS_API_MEMORY=99"."""
        self.what = f"{source} {self._predicate}"


def as_option(setting: str, value: Any = None) -> str:
    """A setting as a user would type it: `--memory 99`, or `--local` without a value."""
    return f"--{setting}" if value is None else f"--{setting} {shlex.quote(str(value))}"


class InvalidIssuer(Problem):
    """API Gateway would reject tokens of this issuer."""


class NeedsOption(Problem):
    """A protection would be removed by something other than an option on the command line."""


class NoCredentials(Problem):
    """There is nothing to sign requests with."""


class LocalUnavailable(Problem):
    """The local AWS is not installed, cannot start or is not running."""


class AwsRefused(Problem):
    """AWS returned an error that retrying does not fix."""


class AccessDenied(AwsRefused):
    """The caller lacks a permission."""


class ChangedMeanwhile(AwsRefused):
    """Someone else changed a resource while the command was working on it."""


class DeletedMeanwhile(ChangedMeanwhile):
    """A resource disappeared while the command was working on it."""


class Protected(Problem):
    """The stack is protected against deletion."""


class CannotRollBack(Problem):
    """There is no version to roll back to."""


class CannotDump(Problem):
    """An item cannot be written in the chosen format."""


class CannotLoad(Problem):
    """A file is not complete, or not a dump."""


class CannotResume(Problem):
    """What an interrupted dump or load has left does not fit this one."""


class CannotLock(Problem):
    """Another command is working on a file, or the file system has no locks."""


class CannotServe(Problem):
    """The server cannot listen or start."""


class CheckFailed(Problem):
    """A new version does not work, and was not released."""


class AwsUnreachable(Problem):
    """There is no usable response: no network, the wrong region, a proxy's page or a timeout."""


class ForeignResource(Problem):
    """A resource has the stack's name but not its tags."""


class CannotChange(Problem):
    """AWS cannot make this change in place."""


class NoStack(Problem):
    """There is no stack with this name."""


class NotConfirmed(Problem):
    """A question was answered with no (`declined`), or there was no terminal to ask in."""

    def __init__(self, what: str, why: str = "", todo: str = "", *, declined: bool = False) -> None:
        super().__init__(what, why, todo)
        self.declined = declined


class OutputFailed(Problem):
    """The output could not be written; `exists` if that is because there is already such a file."""

    def __init__(self, what: str, why: str = "", todo: str = "", *, exists: bool = False) -> None:
        super().__init__(what, why, todo)
        self.exists = exists


class TimedOut(Problem):
    """AWS did not reach the expected state in time."""


class Interrupted(Problem):
    """Ctrl-C or SIGTERM; the message lists what exists."""

    exit_code = 130


class TooManyOpenFiles(Problem):
    """The limit on open files and sockets is too low."""


class Bug(Problem):
    """Any other exception: a defect in this tool."""

    @classmethod
    def of(cls, error: Exception) -> Bug:
        return cls(
            f"items-api has a bug: {type(error).__name__}: {error}",
            "This is not your fault.",
            "Run the command again with --verbose and report what it prints.",
        ).with_traceback(error.__traceback__)
