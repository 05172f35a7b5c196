"""`items-api smoke`: test the API over HTTP."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any, NamedTuple

import click
from click.core import ParameterSource

from items_api.commands.access import access_to, token_access
from items_api.commands.boundary import Command
from items_api.commands.known import knowing
from items_api.commands.opening import known_of, opened
from items_api.commands.options import indexes_option, origins_option, target_options
from items_api.commands.target import LOCAL_IS_EMPTY, Target
from items_api.errors import InvalidSetting
from items_api.settings import option_of
from items_api.settings.checks import check_origins
from items_api.smoke.access import Access, Bearer
from items_api.smoke.curl import parse_endpoint
from items_api.smoke.run import smoke as run_checks
from items_api.terminal.result import DONE, FAILED, Result
from items_api.terminal.text import Line, check_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from items_api.provision.api import FoundApi
    from items_api.smoke.run import Check
    from items_api.terminal.screen import Screen


class _Tested(NamedTuple):
    """The API under test: what the document says of it, the origins that it allows, and the attributes with an index.

    `api` is None if it is not known to which stack it belongs.
    """

    known: dict[str, Any]
    origins: Sequence[str]
    access: Access
    indexes: Sequence[str]
    api: FoundApi | None = None


_ALTERNATIVE = "To test another API, use --url."


@click.command(cls=Command, empty={"checks": []})
@target_options
@click.option("--url", metavar="URL", help="Test the API at this URL instead of the stack.")
@click.option(
    "--wait",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    metavar="S",
    help="How long to wait for a new endpoint to respond.",
)
@click.option("--token", metavar="TOKEN", help="Token for an API with --auth jwt. Better set ITEMS_API_TOKEN.")
@click.option("--read-token", metavar="TOKEN", help="Token that may only read: check that it can, and cannot write.")
@indexes_option("With --url: attribute with an index; repeatable.")
@origins_option("With --url: origin whose pages may call the API; repeatable.")
def smoke(
    screen: Screen,
    *,
    target: Target,
    url: str | None,
    wait: float,
    token: str | None,
    read_token: str | None,
    indexes: Sequence[str],
    cors_origins: tuple[str, ...],
) -> Result:
    """Test the API over HTTP. With -v, show the curl command for every check."""
    url = _tested_instead(url)
    for name in ("indexes", "cors_origins"):
        if not url and _is_on_command_line(name):
            otherwise = "Otherwise, smoke uses the settings of the stack."
            raise click.UsageError(f"--{option_of(name)} is for --url. {otherwise}")
    if url and (token or read_token):
        _check_encrypted(url)
    if url:
        check_origins(cors_origins)
        tested = _Tested({"endpoint": url}, cors_origins, token_access(token) if token else Access(), indexes)
    else:
        tested = _stack(screen, target, token)
    known, access = tested.known, tested.access
    if not url and token and not isinstance(access, Bearer) and _is_on_command_line("token"):
        # The variable may be for another stack.
        raise click.UsageError("--token is for an API with --auth jwt.")
    if read_token and not isinstance(access, Bearer):
        raise click.UsageError("--read-token is for an API with --auth jwt.")
    reader = token_access(read_token, tested.api) if read_token else None
    screen.line(f"Testing {known['endpoint']}")
    done: list[Check] = []

    def document() -> dict[str, Any]:
        return {**known, "checks": [{**asdict(check), "ms": round(check.ms, 1)} for check in done]}

    with (
        knowing(document),
        closing(
            run_checks(
                known["endpoint"],
                wait=wait,
                cors_origins=tested.origins,
                access=access,
                reader=reader,
                indexes=tested.indexes,
            )
        ) as checks,
    ):
        for check in checks:
            screen.lines(check_lines(check, verbose=screen.verbose))
            done.append(check)
    failed = sum(not check.ok for check in done)
    summary = f"{len(done) - failed} of {len(done)} checks passed."
    return Result(
        FAILED if failed else DONE,
        ok=not failed,
        document=document(),
        lines=[Line(summary, "red" if failed else "green", essential=True)],
    )


def _is_on_command_line(name: str) -> bool:
    return click.get_current_context().get_parameter_source(name) is ParameterSource.COMMANDLINE


def _tested_instead(url: str | None) -> str | None:
    """The URL, unless the stack is tested: on the command line, only one of them can be selected."""
    if not url:
        return None
    parse_endpoint(url)
    ctx = click.get_current_context()
    given = {name for name in ctx.params if _is_on_command_line(name)}
    selecting = [field.name.replace("_", "-") for field in fields(Target) if field.name in given]
    if selecting and "url" in given:
        raise click.UsageError(f"--url tests an API without its stack, so it cannot be combined with --{selecting[0]}.")
    return None if selecting else url


def _check_encrypted(url: str) -> None:
    parts = parse_endpoint(url)
    if parts.scheme != "https" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        todo = "Use https, or test without a token: neither --token nor --read-token, and no such variables."
        raise InvalidSetting(
            "would send the token over the network without encryption.", "", todo, setting="url", value=url
        )


def _stack(screen: Screen, target: Target, token: str | None) -> _Tested:
    with opened(screen, target) as stack:
        if stack is None:
            raise target.no_stack(LOCAL_IS_EMPTY, _ALTERNATIVE)
        stack.look_at(stack.api, stack.table, stack.release)
        api = stack.api.owned
        if api is None:
            raise target.no_stack("No HTTP API has its tags.", _ALTERNATIVE)
        cors = api.fields["cors"]
        known = {**known_of(stack), "endpoint": api.endpoint}
        return _Tested(known, cors["origins"] if cors else (), access_to(stack, api, token), stack.queried, api)
