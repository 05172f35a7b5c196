"""The shared options: those that select a stack, and its settings."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeAlias

import click
from click.core import ParameterSource

from items_api import aws
from items_api.commands import opening
from items_api.commands.durations import seconds_in
from items_api.commands.given import Given
from items_api.commands.group import OUTPUT
from items_api.commands.sources import long_name, source
from items_api.commands.target import Target
from items_api.errors import InvalidSetting
from items_api.settings import REMEMBERED, parse_tags
from items_api.settings.checks import AUTH
from items_api.terminal.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Decorator: TypeAlias = Callable[[Callable[..., Any]], Callable[..., Any]]


_SOURCES: dict[ParameterSource | None, str] = {
    ParameterSource.COMMANDLINE: "option",
    ParameterSource.ENVIRONMENT: "variable",
    ParameterSource.DEFAULT_MAP: "file",
}


def _complete_region(_context: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    return [region for region in aws.session.regions() if region.startswith(incomplete)]


def _complete_name(context: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    with suppress(Exception):  # shell completion must never print an error
        names = opening.stack_names(Screen(quiet=True), target_in(context.params))
        return [name for name in names if name.startswith(incomplete)]
    return []


class Expiry(click.ParamType[str]):
    """An age like `3d` as the time when it is reached, in ISO 8601; `never` as an empty text."""

    name = "age"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value in ("never", ""):
            return ""
        if not (seconds := seconds_in(str(value))):
            self.fail(f"{value!r} is not a duration. Use a number and s, m, h or d, such as 3d, or never.", param, ctx)
        try:
            return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(timespec="seconds")
        except OverflowError:
            self.fail(f"{value!r} is too long.", param, ctx)


TARGET = (
    click.option(
        "--name",
        default="items",
        show_default=True,
        shell_complete=_complete_name,
        help="Name of the stack; all AWS names are derived from it.",
    ),
    click.option(
        "--region",
        shell_complete=_complete_region,
        help="AWS region. Default: the one in your AWS configuration; with --local, us-east-1.",
    ),
    click.option("--profile", help="Profile in your AWS configuration."),
    click.option("--endpoint-url", metavar="URL", help="Send AWS requests to this URL, such as an emulator."),
    click.option("--local", is_flag=True, help="Use the local AWS emulator: no account, no Docker."),
)
boundary_option = click.option(
    "--permissions-boundary",
    default="",
    metavar="ARN",
    help="IAM policy that limits what the function's role may ever do.",
)
auth_option = click.option(
    "--auth",
    type=click.Choice(AUTH),
    default="none",
    show_default=True,
    help="Who may call the API: anyone, AWS identities, or holders of a token.",
)
AUTHORIZATION = (
    auth_option,
    click.option("--jwt-issuer", default="", metavar="URL", help="With --auth jwt: issuer of the tokens (iss)."),
    click.option(
        "--jwt-audience",
        "jwt_audiences",
        multiple=True,
        metavar="AUD",
        help="With --auth jwt: audience of the tokens (aud or client_id); repeatable.",
    ),
    click.option("--jwt-read-scope", default="", metavar="SCOPE", help="With --auth jwt: scope needed to read."),
    click.option("--jwt-write-scope", default="", metavar="SCOPE", help="With --auth jwt: scope needed to write."),
)


def indexes_option(help_text: str) -> Decorator:
    """--index, as `indexes`; what it is for depends on the command."""
    return click.option("--index", "indexes", multiple=True, metavar="ATTRIBUTE", help=help_text)


def origins_option(help_text: str) -> Decorator:
    """The same for --cors-origin, as `cors_origins`."""
    return click.option(
        "--cors-origin",
        "cors_origins",
        multiple=True,
        default=["*"],
        show_default=True,
        metavar="ORIGIN",
        help=help_text,
    )


index_option = indexes_option("Add an index, so that GET /items can select items by this attribute; repeatable.")
served_index_option = indexes_option("Attribute that has an index; repeatable.")
cors_option = origins_option("Origin whose pages may call the API; repeatable.")
timeout_option = click.option(
    "--timeout", type=int, default=10, show_default=True, metavar="S", help="Function timeout in seconds."
)
THROTTLE = (
    click.option(
        "--throttle-rate", type=int, default=100, show_default=True, metavar="N", help="Maximum requests per second."
    ),
    click.option(
        "--throttle-burst", type=int, default=200, show_default=True, metavar="N", help="Maximum burst of requests."
    ),
)
SETTINGS = (
    click.option("--tag", "tags", multiple=True, metavar="KEY=VALUE", help="Tag for every resource; repeatable."),
    cors_option,
    click.option("--memory", type=int, default=256, show_default=True, metavar="MB", help="Lambda memory in MB."),
    timeout_option,
    click.option("--log-retention", type=int, default=14, show_default=True, metavar="DAYS", help="Days to keep logs."),
    *THROTTLE,
    boundary_option,
    *AUTHORIZATION,
    click.option(
        "--expires",
        type=Expiry(),
        default="never",
        show_default=True,
        metavar="AGE",
        help="Let gc delete the stack after this time, such as 3d (s, m, h, d).",
    ),
    click.option(
        "--protect/--no-protect",
        default=False,
        help="Protect the table against deletion, and keep its last 35 days (point-in-time recovery).",
    ),
    index_option,
)
# What removes something counts only on the command line.
no_index_option = click.option("--no-index", is_flag=True, help="Remove all indexes.")
no_boundary_option = click.option("--no-permissions-boundary", is_flag=True, help="Remove the permissions boundary.")
yes_option = click.option("--yes", "-y", is_flag=True, help="Skip the confirmation prompt.")
explain_option = click.option("--explain", is_flag=True, help="Show each write as the equivalent aws command.")


def target_options(callback: Callable[..., Any], options: Iterable[Decorator] = TARGET) -> Callable[..., Any]:
    """Add the options that select a stack, as a `Target` in `target`, and those for the output."""

    @wraps(callback)
    def wrapper(*args: Any, **values: Any) -> Any:
        target = target_in(values)
        _check_combination(target)
        for field in fields(Target):
            values.pop(field.name, None)
        return callback(*args, target=target, **values)

    return _with_options(wrapper, (*options, *OUTPUT))


def account_options(callback: Callable[..., Any]) -> Callable[..., Any]:
    """Add the same options without --name, for a command that is not about one stack."""
    return target_options(callback, TARGET[1:])


def contract_options(callback: Callable[..., Any]) -> Callable[..., Any]:
    """Add the settings that change the HTTP contract, each as a parameter of its own."""
    return _with_options(callback, (*AUTHORIZATION, served_index_option))


def serving_options(callback: Callable[..., Any]) -> Callable[..., Any]:
    """Add the settings that `serve` enforces, as a dictionary of settings by field in `contract`."""
    options = (cors_option, timeout_option, *THROTTLE, *AUTHORIZATION, served_index_option)
    names = [name for name in REMEMBERED if name in _parameters(options)]

    @wraps(callback)
    def wrapper(*args: Any, **values: Any) -> Any:
        contract = {name: values.pop(name) for name in names}
        return callback(*args, contract=contract, **values)

    return _with_options(wrapper, options)


def output_options(callback: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options for the output."""
    return _with_options(callback, OUTPUT)


def target_in(values: Mapping[str, Any]) -> Target:
    """The target that the values of a command's options select."""
    return Target(**{field.name: values[field.name] for field in fields(Target) if field.name in values})


def _check_combination(target: Target) -> None:
    others = {"profile": target.profile, "endpoint-url": target.endpoint_url}
    for setting, value in others.items():
        if target.local and value:
            ctx = click.get_current_context()
            raise InvalidSetting(
                f"{source(ctx, 'local')} cannot be combined with {source(ctx, setting, value)}.",
                "The local AWS has its own account and endpoint.",
                "Use one or the other. ITEMS_API_LOCAL=0 overrides local = true in items-api.toml.",
            )


def settings_options(callback: Callable[..., Any]) -> Callable[..., Any]:
    """Add the settings of a stack, as a `Given` in `given`. Apply it below `target_options`."""

    @wraps(callback)
    def wrapper(*args: Any, target: Target, **values: Any) -> Any:
        ctx = click.get_current_context()
        chosen = {name: values.pop(name) for name in REMEMBERED}
        chosen["tags"] = parse_tags(chosen["tags"])
        places = {name: ctx.get_parameter_source(name) for name in REMEMBERED}
        sources = {name: _SOURCES[place] for name, place in places.items() if place in _SOURCES}
        if values.pop("no_permissions_boundary"):
            if sources.get("permissions_boundary") == "option":
                raise click.UsageError("--permissions-boundary and --no-permissions-boundary cannot be combined.")
            chosen["permissions_boundary"], sources["permissions_boundary"] = "", "option"
        if values.pop("no_index"):
            if sources.get("indexes") == "option":
                raise click.UsageError("--index and --no-index cannot be combined.")
            chosen["indexes"], sources["indexes"] = (), "option"
        given = Given(target.name, {name: chosen[name] for name in sources}, sources)
        return callback(*args, target=target, given=given, **values)

    return _with_options(wrapper, (*SETTINGS, no_index_option, no_boundary_option))


def _with_options(callback: Callable[..., Any], options: Iterable[Decorator]) -> Callable[..., Any]:
    for option in reversed(tuple(options)):
        callback = option(callback)
    return callback


def file_options() -> dict[str, click.Option]:
    """The options that `items-api.toml` may set, by their names in the file."""
    return {long_name(option): option for option in _parameters((*TARGET, *SETTINGS)).values()}


def _parameters(options: Iterable[Decorator]) -> dict[str, click.Option]:
    """The options by the names of their parameters."""
    holder: Any = _with_options(lambda: None, options)
    return {str(option.name): option for option in reversed(holder.__click_params__)}
