"""The commands: options become settings, settings a stack, its outcomes a report, the report an exit code.

Exit codes: 0 done; 1 failed; 2 wrong usage; 3 changes wait or drift; 4 absent; 130 interrupted.
"""

from __future__ import annotations

import itertools
import os
import sys
import time
from contextlib import closing, suppress
from typing import TYPE_CHECKING

import click

from items_api import __version__
from items_api.command import Commands
from items_api.errors import Interrupted, InvalidSetting, NoStack, Problem, Unanswered
from items_api.export.commands import export
from items_api.observe.commands import logs
from items_api.options import FILE, file_defaults, settings_options, target_options

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from items_api.observe.details import Details
    from items_api.provision.stack import Stack
    from items_api.run import Run
    from items_api.settings import Settings

    SettingsIn = Callable[[str], Settings]

DONE, FAILED, DIFFERS, ABSENT = 0, 1, 3, 4
WATCH_SECONDS = 5.0
LOOKS_A_METRIC = 12  # metrics cost money to ask for and change by the minute


def _terminal_width() -> int:
    """Columns for help texts, 100 at most. click would ask shutil, whose import is a twentieth of what --help takes."""
    try:
        return min(100, int(os.environ.get("COLUMNS", "0")) or os.get_terminal_size().columns or 80)
    except (OSError, ValueError):
        return 80


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "terminal_width": _terminal_width()},
    epilog="Every option also reads ITEMS_API_<OPTION> and items-api.toml in this folder. "
    "Start with: items-api up --local",
)
@click.version_option(__version__, prog_name="items-api")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """A serverless CRUD API on AWS, step by step: no state file, no CloudFormation."""
    try:
        ctx.default_map = file_defaults(cli, FILE)
    except Problem as problem:
        raise click.UsageError(str(problem)) from None


@cli.command()
@target_options
@settings_options
@click.option("--dry-run", is_flag=True, help="Read only: show what would change. Exit 3 if anything would.")
@click.option("--adopt", is_flag=True, help="Take over resources of these names that another made.")
@click.option("--explain", is_flag=True, help="Show each write as the aws CLI line that does the same.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
def up(run: Run, settings_in: SettingsIn, *, dry_run: bool, adopt: bool, explain: bool, yes: bool) -> int:
    """Create the stack, or converge it to the settings."""
    stack = run.open(settings_in, start=not dry_run, explain=explain)
    if stack is None:
        run.screen.line("The local AWS holds nothing: everything would be created.")
        run.report([], ok=True)
        return DIFFERS
    stack.look()
    plan = stack.plan(adopt=adopt)
    if dry_run:
        run.show(plan)
        changing = sum(outcome.change != "unchanged" for outcome in plan)
        run.screen.line(f"Dry run: {changing} of {len(plan)} would change. Nothing was written.")
        run.report(plan, ok=True, endpoint=stack.endpoint)
        return DIFFERS if changing else DONE
    run.preview(plan)
    if (weakenings := stack.weakenings(plan)) and not yes:
        run.confirm(f"This would {'; and '.join(weakenings)}. Go on?")
        stack.look()  # time has passed since the question
        if set(stack.weakenings(stack.plan(adopt=adopt))) - set(weakenings):
            raise Unanswered(
                "Nothing was changed.", "What would open up is no longer what you were asked about.", "Run it again."
            )
    outcomes = run.work(stack, stack.up())
    ok = not any(outcome.error for outcome in outcomes)
    run.report(outcomes, ok=ok, endpoint=stack.endpoint)
    if not ok:
        run.screen.line(f"The stack is not complete. Mend what failed and run items-api up{run.target.flags} again.")
        return FAILED
    if stack.endpoint:
        run.show_endpoint(stack.endpoint)
    return DONE


@cli.command()
@target_options
@settings_options
@click.option("--watch", is_flag=True, help="Look again every few seconds, until Ctrl-C.")
def status(run: Run, settings_in: SettingsIn, *, watch: bool) -> int:
    """Compare the stack with the settings. Exit 3 if it differs, 4 if nothing of it is there."""
    if watch and (run.target.json or not run.screen.is_terminal):
        raise click.UsageError("--watch redraws a terminal: leave it out in a pipe and with --json.")
    stack = run.open(settings_in)
    if stack is None:
        run.screen.line(f"There is no stack {run.target.name}: the local AWS holds nothing.")
        run.report([], ok=False)
        return ABSENT
    code, details = _show_status(run, stack, watch=watch)
    if not watch:
        return code
    try:
        for look in itertools.count(1):
            time.sleep(WATCH_SECONDS)
            _, details = _show_status(run, stack, watch=True, known=None if look % LOOKS_A_METRIC == 0 else details)
    except KeyboardInterrupt:  # the way to end it, not an accident to explain
        return Interrupted.exit_code
    raise AssertionError  # there is no last look


def _show_status(run: Run, stack: Stack, *, watch: bool, known: Details | None = None) -> tuple[int, Details]:
    from items_api.observe import details as observed  # noqa: PLC0415 - --help loads nothing that it does not show

    outcomes = stack.look()
    states = {str(outcome.state) for outcome in outcomes}
    ok = states == {"ok"}
    endpoint = stack.endpoint if stack.owns(stack.api) else None
    on_aws = not (run.target.local or run.target.endpoint_url)
    details = observed.details(stack, console=on_aws, known=known)
    if watch:
        click.clear()
        now = time.strftime("%H:%M:%S")
        run.screen.line(f"Stack {run.target.name} at {now}, every {WATCH_SECONDS:.0f} s until Ctrl-C")
    run.show(outcomes)
    run.screen.lines(observed.details_lines(details, encoding=run.screen.encoding))
    if "drifted" in states or ("missing" in states and "ok" in states):
        run.screen.line(
            "A difference is shown as: what is there → what is configured. "
            f"items-api up{run.target.flags} makes it so; to keep what is there, put it into items-api.toml."
        )
    run.report(outcomes, ok=ok, endpoint=endpoint, details=observed.details_json(details))
    if endpoint and not watch:
        run.show_endpoint(endpoint)
    if ok:
        return DONE, details
    return ABSENT if states <= {"missing", "foreign"} else DIFFERS, details


@cli.command()
@target_options
@click.option("--url", metavar="URL", help="Check this deployment, whoever made it.")
@click.option(
    "--wait",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    metavar="S",
    help="How long a fresh endpoint may take to answer.",
)
def smoke(run: Run, *, url: str | None, wait: float) -> int:
    """Check the API over HTTP; every check shows the curl line that repeats it."""
    from items_api import render  # noqa: PLC0415
    from items_api.smoke import smoke as checks_of  # noqa: PLC0415

    run.failure = lambda problem: render.smoke_json(url, [], problem)
    endpoint, origins = (url, ("*",)) if url else _endpoint(run)
    run.screen.line(f"Checking {endpoint}")
    done = []
    with closing(checks_of(endpoint, wait=wait, cors_origins=origins)) as checks:
        for check in checks:
            run.screen.lines(render.check_lines(check))
            done.append(check)
    failed = sum(not check.ok for check in done)
    run.screen.line(f"{len(done) - failed} of {len(done)} checks passed.", "red" if failed else "green", essential=True)
    if run.target.json:
        run.screen.document(render.smoke_json(endpoint, done))
    return FAILED if failed else DONE


def _endpoint(run: Run) -> tuple[str, Sequence[str]]:
    """The stack's endpoint and the origins it lets in, as AWS tells them."""
    stack = run.open()
    if stack is not None:
        stack.look_at_api()
        if stack.api.found and stack.owns(stack.api):
            cors = stack.api.found.fields["cors"]
            return stack.api.found.ids["endpoint"], cors["origins"] if cors else ()
    raise NoStack(
        f"There is no stack {run.target.name} to check.",
        "No HTTP API carries its tags.",
        f"Run items-api up{run.target.flags} first, or aim elsewhere with --url.",
    )


@cli.command()
@target_options
@click.option("--keep-table", is_flag=True, help="Leave the table and its items; the next up takes it up again.")
@click.option("--explain", is_flag=True, help="Show each write as the aws CLI line that does the same.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
def down(run: Run, *, keep_table: bool, explain: bool, yes: bool) -> int:
    """Delete the stack, wait, look again, and say that nothing is left."""
    stack = run.open(explain=explain)
    if stack is None:
        run.screen.line("The local AWS holds nothing: nothing to delete.")
        run.report([], ok=True)
        return DONE
    stack.look()
    if not yes and any(stack.owns(step) for step in stack.steps):
        run.confirm(_question(stack, keep_table=keep_table))
        stack.look()  # time has passed since the question
    outcomes = run.work(stack, stack.down(keep_table=keep_table))
    ok = not stack.left and not any(outcome.error for outcome in outcomes)
    for outcome in stack.left:
        run.screen.line(f"Still there: {outcome.title} {outcome.name} ({outcome.arn})", "red", essential=True)
    if ok:
        kept = f" but the table {stack.table.name}" if keep_table and stack.owns(stack.table) else ""
        strange = [step for step in stack.steps if step.found and not stack.owns(step)]
        own = " of this stack" if strange else ""
        run.screen.line(f"Nothing{own} is left{kept}.", "green")
        run.tidy()
    run.report(outcomes, ok=ok)
    return DONE if ok else FAILED


def _question(stack: Stack, *, keep_table: bool) -> str:
    if keep_table or not stack.owns(stack.table):
        return f"Delete the stack {stack.settings.name}?"
    counted = stack.count_items()
    if counted is None:
        items = "items (it can not be read now, so they were not counted)"
    else:
        count, more = counted
        items = f"more than {count} items" if more else f"{count} item{'' if count == 1 else 's'}"
    return f"Delete the stack {stack.settings.name}, with the table {stack.table.name} and its {items}?"


cli.add_command(logs)
cli.add_command(export)


def main() -> None:
    """The program: every way out of `cli` turned into an exit code."""
    try:
        code = cli.main(prog_name="items-api", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
        if "--json" in sys.argv:
            _print_usage_error(error)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        code = Interrupted.exit_code
    except OSError as error:  # --help or --version into a full disk
        code = FAILED
        with suppress(OSError):
            click.echo(f"Error: the output could not be written: {error.strerror}.", err=True)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    if code == Interrupted.exit_code:
        # Reads that are still under way have nobody left to tell; a normal exit would wait for them.
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)
    sys.exit(code)


def _print_usage_error(error: click.ClickException) -> None:
    from items_api import render  # noqa: PLC0415

    context = getattr(error, "ctx", None)
    command = context.command_path.partition(" ")[2] if context else ""
    problem = InvalidSetting(error.format_message(), todo=f"See items-api {command} --help.".replace("  ", " "))
    click.echo(render.report_json(render.Report(command, "", error=problem)))
