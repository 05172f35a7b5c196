"""Every error a user can meet: what failed, why, and what to do next.

    Problem
    ├── InvalidSetting     a setting that AWS would refuse, found before the first call
    ├── NoCredentials      nothing to sign requests with
    ├── LocalUnavailable   the local AWS is missing, cannot start or is not running
    ├── AwsRefused         AWS answered with an error that waiting does not cure
    │   ├── AccessDenied   ... because the caller lacks a permission
    │   └── Vanished       ... because what was there a moment ago is gone: another command is at work
    ├── AwsUnreachable     no usable answer: no network, wrong region, garbage, or silence
    ├── NotOurs            a resource of that name exists and does not carry the stack's tags
    ├── CannotChange       a difference that AWS does not change in place
    ├── NoStack            there is nothing of that name to work on
    ├── Unanswered         a question with nobody to answer it, or the answer was no
    ├── Unwritten          the output had nowhere to go
    ├── NotSettled         a condition of AWS did not come true in time
    ├── Interrupted        Ctrl-C; what exists is said
    └── Bug                anything else that was raised: this tool's fault

A `Problem` ends in one short block on stderr and exit code 1 (2 for `InvalidSetting`, which is a usage error; 130 for
`Interrupted`); its traceback is shown with --verbose.
"""

from __future__ import annotations


class Problem(Exception):  # noqa: N818 - it is what the user reads, and they read "problem"
    """What failed, why, and what to do next: three sentences for the person at the terminal."""

    exit_code = 1

    def __init__(self, what: str, why: str = "", todo: str = "") -> None:
        super().__init__(what, why, todo)
        self.what = what
        self.why = why
        self.todo = todo

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


class Vanished(AwsRefused):
    pass


class AwsUnreachable(Problem):
    pass


class NotOurs(Problem):
    pass


class CannotChange(Problem):
    pass


class NoStack(Problem):
    pass


class Unanswered(Problem):
    pass


class Unwritten(Problem):
    pass


class NotSettled(Problem):
    pass


class Interrupted(Problem):
    exit_code = 130


class Bug(Problem):
    pass
