"""One run of a command: what it is aimed at, what it shows on the way, and how it ends.

Heavy modules (boto3, rich, the local AWS) are imported where a command needs them, so that --help costs what click
costs.
"""

from __future__ import annotations

import errno
import re
import sys
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from items_api.errors import AwsUnreachable, Interrupted, LocalUnavailable, Problem, Unanswered, Unwritten

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

    from items_api import render
    from items_api.local import LocalAws
    from items_api.provision.session import Account
    from items_api.provision.stack import Stack
    from items_api.provision.step import Outcome, Progress
    from items_api.screen import Screen
    from items_api.settings import Settings

LOCAL_REGION = "us-east-1"
_URL = r"https?://[^\s/?#]+(/[^\s?#]*)?"


@dataclass(frozen=True)
class Target:
    """Which stack, where, and how to talk about it."""

    name: str
    region: str | None
    profile: str | None
    endpoint_url: str | None
    local: bool
    json: bool
    quiet: bool
    verbose: bool

    def __post_init__(self) -> None:
        if self.local and (self.profile or self.endpoint_url):
            other = "--profile" if self.profile else "--endpoint-url"
            raise click.UsageError(f"--local has an account and an endpoint of its own: leave out {other}.")
        if self.endpoint_url and not _is_url(self.endpoint_url):
            raise click.UsageError(
                f"--endpoint-url {self.endpoint_url!r} is no URL: write it like http://127.0.0.1:4566."
            )

    @property
    def flags(self) -> str:
        """What a command line needs to aim at the same stack again."""
        import shlex  # noqa: PLC0415 - rarely needed

        given = {
            "--name": None if self.name == "items" else self.name,
            "--region": self.region,
            "--profile": self.profile,
            "--endpoint-url": self.endpoint_url,
        }
        words = [word for option, value in given.items() if value for word in (option, value)]
        return "".join(f" {shlex.quote(word)}" for word in [*words, *(["--local"] if self.local else [])])


def _is_url(text: str) -> bool:
    from urllib.parse import urlsplit  # noqa: PLC0415 - only where an endpoint is given

    try:
        return bool(re.fullmatch(_URL, text)) and urlsplit(text).port != 0
    except ValueError:
        return False


class Run:
    """A command at work."""

    def __init__(self, command: str, target: Target) -> None:
        from items_api.screen import Screen  # noqa: PLC0415

        self.command = command
        self.target = target
        self.screen: Screen = Screen(json=target.json, quiet=target.quiet)
        self.stack: Stack | None = None
        # What --json prints for a problem; a command whose document has another shape puts its own here.
        self.failure: Callable[[Problem], str] = self._failed_report
        self._on_local: LocalAws | None = None

    def open(
        self, settings_in: Callable[[str], Settings] | None = None, *, start: bool = False, explain: bool = False
    ) -> Stack | None:
        """The stack in its account; None if that would be on a local AWS that holds nothing and is not to be started.

        `settings_in` makes the settings of a region. They are checked before anything is started or asked. With
        `explain` every write is shown as the `aws` line that does the same.
        """
        from items_api.settings import Settings  # noqa: PLC0415

        make = settings_in or (lambda region: Settings(name=self.target.name, region=region))
        make(self.target.region or LOCAL_REGION)
        account = self.account(start=start)
        if account is None:
            return None
        self.stack = account.open(make(account.region), self._explain if explain else None)
        if explain:
            self._explain_target(account)
        where = "the local AWS, account" if self.target.local else "account"
        self.screen.line(f"Stack {self.target.name} in {where} {self.stack.account}, region {account.region}")
        return self.stack

    def account(self, *, start: bool) -> Account | None:
        """Where the target's stack is, or would be; None on a local AWS that holds nothing and is not to be started."""
        from items_api.provision.session import Account  # noqa: PLC0415

        target = self.target
        if not target.local:
            return Account.on_aws(profile=target.profile, region=target.region, endpoint_url=target.endpoint_url)
        local = self._local(start=start)
        if local is None:
            return None
        return Account.on_this_computer(
            region=target.region or LOCAL_REGION,
            endpoint_url=local.endpoint_url,
            access_key=local.access_key,
            secret_key=local.secret_key,
        )

    def _local(self, *, start: bool) -> LocalAws | None:
        from items_api import local  # noqa: PLC0415

        find = local.ensure_running if start else local.resume
        self._on_local = find(local.home(), self.screen.line)
        if self._on_local and self._on_local.note:
            self.screen.line(self._on_local.note, "yellow", essential=True)
        return self._on_local

    def _explain_target(self, account: Account) -> None:
        """What the `aws` lines leave out, so that they can be pasted."""
        import shlex  # noqa: PLC0415

        self.screen.line(f"$ export AWS_DEFAULT_REGION={account.region}", "cyan", essential=True)
        if account.endpoint_url:
            self.screen.line(f"$ export AWS_ENDPOINT_URL={shlex.quote(account.endpoint_url)}", "cyan", essential=True)

    def _explain(self, service: str, operation: str, parameters: Mapping[str, Any]) -> None:
        from items_api.awscli import cli_line  # noqa: PLC0415

        self.screen.line(f"$ {cli_line(service, operation, parameters)}", "cyan", essential=True)

    def confirm(self, question: str) -> None:
        """Ask; without a terminal never ask. Raises `Problem` unless the answer is yes."""
        if not (sys.stdin and sys.stdin.isatty() and self.screen.is_terminal):
            raise Unanswered(
                "Nothing was changed.", f"{question} There is no terminal to ask at.", "Add --yes if that is meant."
            )
        if not click.confirm(question, err=True):
            raise Unanswered("Nothing was changed.", "The answer was no.")

    def work(self, stack: Stack, events: Generator[Progress | Outcome]) -> list[Outcome]:
        """Show steps at work; what became of them, in the tutorial's order."""
        with closing(events), self.screen.work(stack.steps) as shown:
            for event in events:
                shown.show(event)
        return [stack.outcomes[step] for step in stack.steps]

    def show(self, outcomes: Sequence[Outcome]) -> None:
        from items_api import render  # noqa: PLC0415

        for outcome in outcomes:
            self.screen.lines(render.outcome_lines(outcome), essential=True)

    def preview(self, plan: Sequence[Outcome]) -> None:
        """In a terminal, what is about to change; in a pipe the results tell it."""
        changing = [outcome for outcome in plan if outcome.change == "updated"]
        if self.screen.is_terminal and changing:
            self.screen.line("About to change:")
            self.show(changing)
            self.screen.line()

    def report(
        self,
        outcomes: Sequence[Outcome],
        *,
        ok: bool,
        endpoint: str | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        """With --json, the one document."""
        from items_api import render  # noqa: PLC0415

        if self.target.json:
            report = self._report(outcomes, ok=ok, endpoint=endpoint, details=details)
            self.screen.document(render.report_json(report))

    def _report(
        self,
        outcomes: Sequence[Outcome],
        *,
        ok: bool,
        endpoint: str | None = None,
        details: Mapping[str, Any] | None = None,
        error: Problem | None = None,
    ) -> render.Report:
        from items_api import render  # noqa: PLC0415

        stack = self.stack
        return render.Report(
            command=self.command,
            name=self.target.name,
            account=stack.account if stack else None,
            region=stack.settings.region if stack else self.target.region,
            endpoint=endpoint,
            ok=ok,
            resources=outcomes,
            details=details,
            error=error,
        )

    def show_endpoint(self, endpoint: str) -> None:
        """Alone on its line, easy to copy, and the tutorial's two requests to it."""
        from items_api import render  # noqa: PLC0415

        self.screen.line()
        self.screen.line("Endpoint:")
        self.screen.line(endpoint, "bold", essential=True)
        self.screen.line()
        for line in render.try_it_lines(endpoint):
            self.screen.line(f"  {line}")

    def tidy(self) -> None:
        """After a `down`: a local AWS on which nothing is left is stopped."""
        if self._on_local is None:
            return
        from items_api import local  # noqa: PLC0415

        try:
            if local.is_empty(self._on_local):
                local.stop(local.home(), forget=True)
                self.screen.line("The local AWS holds nothing more and is stopped.")
        except (OSError, Problem) as error:
            self.screen.line(f"The local AWS was not stopped: {error}", "yellow", essential=True)

    def ended(self, code: int) -> int:
        """The exit code, unless output was lost: a reader that went away (`| head`) wanted no more, a full disk did."""
        if self.screen.lost is None or self.screen.lost.errno == errno.EPIPE:
            return code
        raise Unwritten(
            "The output could not be written.",
            f"{self.screen.lost.strerror}.",
            f"Nothing else went wrong; items-api status{self.target.flags} shows what there is.",
        )

    def interrupted(self) -> Problem:
        """What Ctrl-C left behind, as far as it is known."""
        outcomes = list(self.stack.outcomes.values()) if self.stack else []
        groups = (
            ("There", [o for o in outcomes if o.change in ("created", "updated", "unchanged")]),
            ("Gone", [o for o in outcomes if o.change in ("deleted", "absent")]),
            ("Half-way", [o for o in outcomes if o.change == "failed"]),
        )
        told = [f"{word}: {', '.join(f'{o.title} {o.name}' for o in some)}." for word, some in groups if some]
        again = f"items-api up{self.target.flags} finishes the stack, items-api down{self.target.flags} removes it."
        untouched = "Nothing was changed." if self.command in ("up", "down") else ""
        return Interrupted("Interrupted.", " ".join(told) or untouched, again if told else "")

    def fail(self, problem: Problem) -> None:
        """The block on stderr and, with --json, the document."""
        if self.target.local and isinstance(problem, AwsUnreachable):
            again = f"Run items-api {self.command}{self.target.flags} again, which starts it."
            problem = LocalUnavailable("The local AWS has stopped answering.", f"{problem.what} {problem.why}", again)
        self.screen.problem(problem)
        if self.target.json:
            self.screen.document(self.failure(problem))

    def _failed_report(self, problem: Problem) -> str:
        from items_api import render  # noqa: PLC0415

        outcomes = list(self.stack.outcomes.values()) if self.stack else []
        return render.report_json(self._report(outcomes, ok=False, error=problem))
