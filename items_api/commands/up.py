"""`items-api up`: create the stack, or update it to match the settings."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

from items_api import aws, oidc
from items_api.commands.access import lines_about
from items_api.commands.boundary import Command
from items_api.commands.opening import empty_stack, explainer, known_of, opened
from items_api.commands.options import explain_option, settings_options, target_options, yes_option
from items_api.commands.running import confirm, run_steps
from items_api.commands.target import LOCAL_IS_EMPTY
from items_api.errors import InvalidIssuer, NeedsOption, NotConfirmed
from items_api.observe.cost import estimate
from items_api.terminal.result import DONE, FAILED, PENDING, Result
from items_api.terminal.status import estimate_lines
from items_api.terminal.text import Line, outcomes_lines

if TYPE_CHECKING:
    from items_api.commands.given import Given
    from items_api.commands.target import Target
    from items_api.provision.outcome import Outcome, Weakening
    from items_api.provision.stack import Stack
    from items_api.settings import Settings
    from items_api.terminal.screen import Screen


class Count(click.ParamType[int]):
    """A number of requests: `250000`, `250k`, `1M`."""

    name = "count"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        found = re.fullmatch(r"(\d{1,12}(?:\.\d{1,6})?)([kMG]?)", str(value))
        if not found:
            self.fail(f"{value!r} is not a number of requests. Use one like 250000, 250k or 1M.", param, ctx)
        return round(float(found[1]) * {"": 1, "k": 1e3, "M": 1e6, "G": 1e9}[found[2]])


@click.command(cls=Command)
@target_options
@settings_options
@click.option("--dry-run", is_flag=True, help="Only show what would change; exit with 3 if anything would.")
@click.option(
    "--estimate", "requests", type=Count(), metavar="N", help="With --dry-run: the cost of N requests a month, like 1M."
)
@click.option("--adopt", is_flag=True, help="Adopt existing resources that have these names.")
@click.option("--no-check", is_flag=True, help="Release a new version without checking it first.")
@explain_option
@yes_option
def up(
    screen: Screen,
    *,
    target: Target,
    given: Given,
    dry_run: bool,
    requests: int | None,
    adopt: bool,
    no_check: bool,
    explain: bool,
    yes: bool,
) -> Result:
    """Create the stack or update it to match the settings."""
    if requests is not None and not dry_run:
        raise click.UsageError("--estimate needs --dry-run.")
    with opened(screen, target, given, start=not dry_run, explain=explain) as stack:
        if stack is None:
            screen.line(LOCAL_IS_EMPTY)
            return _dry_run(screen, empty_stack(target, given), target, given, requests=requests, explain=explain)
        stack.look()
        screen.lines(given.lines(stack))
        if dry_run:
            return _dry_run(screen, stack, target, given, requests=requests, adopt=adopt, explain=explain)
        plan = stack.plan(adopt=adopt)
        _preview(screen, plan)
        weakenings = stack.weakenings()
        given.require_options(weakenings)
        check_issuer(screen, stack.settings, local=target.local)
        if weakenings and not yes:
            confirm(screen, _effect(weakenings))
            _check_again(stack, weakenings, adopt=adopt)
        stack.release.checks = not no_check
        outcomes = run_steps(screen, stack, stack.up())
        return _result(stack, target, given, outcomes)


def _dry_run(
    screen: Screen,
    stack: Stack,
    target: Target,
    given: Given,
    *,
    requests: int | None,
    adopt: bool = False,
    explain: bool,
) -> Result:
    plan = stack.plan(adopt=adopt)
    if explain:
        stack.rehearse(explainer(screen, stack.settings.region, stack.aws.endpoint_url, aws.line.script_line))
    _warn_of(screen, stack, given, local=target.local)
    changes = sum(outcome.change != "unchanged" for outcome in plan)
    summary = f"all {len(plan)} resources match the settings."
    if changes:
        summary = f"{changes} of {len(plan)} resources will be created or updated. Nothing was changed."
    bill = None if requests is None else estimate(requests, stack.settings)
    return Result(
        PENDING if changes else DONE,
        document=_document(stack, given, plan) | ({"estimate": bill} if bill else {}),
        lines=[
            *outcomes_lines(plan, planned=True),
            *(estimate_lines(bill) if bill else ()),
            Line(f"Dry run: {summary}"),
        ],
    )


def _warn_of(screen: Screen, stack: Stack, given: Given, *, local: bool) -> None:
    """What a run without --dry-run would ask about, or would not do."""
    weakenings = stack.weakenings()
    try:
        given.require_options(weakenings)
        check_issuer(screen, stack.settings, local=local)
    except InvalidIssuer as problem:
        screen.warning(f"Without --dry-run, this would fail. {problem}")
    except NeedsOption as problem:
        screen.warning(f"Without --dry-run, this would fail. {problem.why} {problem.todo}")
    else:
        if weakenings:
            screen.warning(f"Without --dry-run, up would ask first. {_effect(weakenings)}")


def _effect(weakenings: list[Weakening]) -> str:
    return f"This would {'; and '.join(weakening.effect for weakening in weakenings)}."


def _preview(screen: Screen, plan: list[Outcome]) -> None:
    """In a terminal, show what is about to change. In a pipe, the results show it."""
    changing = [outcome for outcome in plan if outcome.change == "updated"]
    if screen.is_terminal and changing:
        screen.line("About to change:")
        screen.lines(outcomes_lines(changing, planned=True))
        screen.line()


def check_issuer(screen: Screen, settings: Settings, *, local: bool) -> None:
    """Fetch what the issuer publishes. Raises `InvalidIssuer`."""
    if settings.auth == "jwt":
        try:
            oidc.fetch(settings.jwt_issuer)
        except oidc.Unreachable as reason:
            screen.warning(f"The issuer was not checked. {reason}{'' if local else ' API Gateway will check it.'}")


def _check_again(stack: Stack, weakenings: list[Weakening], *, adopt: bool) -> None:
    """Look again, and raise `NotConfirmed` if the plan now includes something that the user did not confirm."""
    stack.look()
    stack.plan(adopt=adopt)
    if set(stack.weakenings()) - set(weakenings):
        raise NotConfirmed(
            "Nothing was changed.", "The stack has changed since you were asked.", "Run the command again."
        )


def _result(stack: Stack, target: Target, given: Given, outcomes: list[Outcome]) -> Result:
    ok = not any(outcome.error for outcome in outcomes)
    lines = lines_about(stack, target)
    if not ok:
        lines = [Line("The stack is not complete. Fix the cause and run the command again.")]
    return Result(
        DONE if ok else FAILED,
        ok=ok,
        document=_document(stack, given, outcomes),
        lines=lines,
    )


def _document(stack: Stack, given: Given, outcomes: list[Outcome]) -> dict[str, Any]:
    return {
        **known_of(stack),
        "endpoint": stack.endpoint,
        "settings": given.as_json(stack),
        "resources": outcomes,
    }
