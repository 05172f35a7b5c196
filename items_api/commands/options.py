"""The shared options. Values come from the command line, else a variable, else the file, else the default."""

from __future__ import annotations

import tomllib
from contextlib import suppress
from dataclasses import fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import click

from items_api import aws
from items_api.commands import opening
from items_api.commands.target import Target
from items_api.errors import InvalidSetting
from items_api.settings import Settings, parse_tags
from items_api.terminal.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Decorator: TypeAlias = Callable[[Callable[..., Any]], Callable[..., Any]]

FILE = "items-api.toml"


def _complete_region(_context: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    return [region for region in aws.session.regions() if region.startswith(incomplete)]


def _complete_name(context: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    with suppress(Exception):  # shell completion must never print an error
        names = opening.stack_names(Screen(quiet=True), target_in(context.params))
        return [name for name in names if name.startswith(incomplete)]
    return []


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
OUTPUT = (
    click.option("--json", is_flag=True, help="Print one JSON document to stdout and everything else to stderr."),
    click.option("--quiet", "-q", is_flag=True, help="Print only results and errors."),
    click.option("--verbose", "-v", is_flag=True, help="Show tracebacks; with logs, also Lambda's own lines."),
)
SETTINGS = (
    click.option("--tag", "tags", multiple=True, metavar="KEY=VALUE", help="Tag for every resource; repeatable."),
    click.option(
        "--cors-origin",
        "cors_origins",
        multiple=True,
        default=["*"],
        show_default=True,
        metavar="ORIGIN",
        help="Origin whose pages may call the API; repeatable.",
    ),
    click.option("--memory", type=int, default=256, show_default=True, metavar="MB", help="Lambda memory in MB."),
    click.option("--timeout", type=int, default=10, show_default=True, metavar="S", help="Lambda timeout in seconds."),
    click.option("--log-retention", type=int, default=14, show_default=True, metavar="DAYS", help="Days to keep logs."),
    click.option(
        "--throttle-rate", type=int, default=100, show_default=True, metavar="N", help="Maximum requests per second."
    ),
    click.option(
        "--throttle-burst", type=int, default=200, show_default=True, metavar="N", help="Maximum burst of requests."
    ),
)
yes_option = click.option("--yes", "-y", is_flag=True, help="Skip the confirmation prompt.")
explain_option = click.option("--explain", is_flag=True, help="Show each write as the equivalent aws command.")


def target_options(callback: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that select a stack, as a `Target` in `target`, and those for the output."""

    @wraps(callback)
    def wrapper(*args: Any, **values: Any) -> Any:
        target = target_in(values)
        for field in fields(Target):
            del values[field.name]
        return callback(*args, target=target, **values)

    return _with_options(wrapper, (*TARGET, *OUTPUT))


def output_options(callback: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options for the output."""
    return _with_options(callback, OUTPUT)


def target_in(values: Mapping[str, Any]) -> Target:
    """The target that the values of a command's options select."""
    return Target(**{field.name: values.get(field.name) for field in fields(Target)})  # type: ignore[arg-type]


def settings_options(callback: Callable[..., Any]) -> Callable[..., Any]:
    """Add the settings of a stack, as `settings_in`, a function of the region. Apply it below `target_options`."""

    @wraps(callback)
    def wrapper(*args: Any, target: Target, **values: Any) -> Any:
        names = [field.name for field in fields(Settings) if field.name not in ("name", "region")]
        chosen = {name: values.pop(name) for name in names}
        chosen["tags"] = parse_tags(chosen["tags"])

        def settings_in(region: str) -> Settings:
            return Settings(name=target.name, region=region, **chosen)

        return callback(*args, target=target, settings_in=settings_in, **values)

    return _with_options(wrapper, SETTINGS)


def _with_options(callback: Callable[..., Any], options: Iterable[Decorator]) -> Callable[..., Any]:
    for option in reversed(tuple(options)):
        callback = option(callback)
    return callback


def long_name(option: click.Option) -> str:
    """`cors-origin`: the option's name in the file."""
    return next(name.removeprefix("--") for name in option.opts if name.startswith("--"))


def variable_of(option: click.Option) -> str | None:
    """`--cors-origin` reads `ITEMS_API_CORS_ORIGIN`. --yes has none, so that confirming is never a default."""
    name = long_name(option)
    return None if name == "yes" else f"ITEMS_API_{name.replace('-', '_').upper()}"


def file_options() -> dict[str, click.Option]:
    """The options that `items-api.toml` may set, by their names in the file."""
    holder: Any = _with_options(lambda: None, (*TARGET, *SETTINGS))
    return {long_name(option): option for option in reversed(holder.__click_params__)}


def defaults_from_file(ctx: click.Context, path: Path = Path(FILE)) -> dict[str, Any]:
    """The content of `items-api.toml` as click's `default_map`. Commands ignore settings that they do not use.

    Raises:
        InvalidSetting: the file cannot be read, or has an invalid key or value.
    """
    try:
        with path.open("rb") as file:
            content = tomllib.load(file)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise InvalidSetting(f"{path} cannot be read.", f"{error}.", "Write settings like this: memory = 512") from None
    allowed = file_options()
    if rejected := [key for key in content if key not in allowed]:
        real = [f"--{key}" for key in rejected if f"--{key}" in _all_options(ctx.find_root().command, ctx)]
        todo = f"Use {', '.join(real)} on the command line. " if real else ""
        todo += f"Valid keys: {', '.join(sorted(allowed))}."
        raise InvalidSetting(f"{path} cannot set {', '.join(rejected)}.", todo=todo)
    return {str(allowed[key].name): _checked(path, key, value, allowed[key]) for key, value in content.items()}


def _all_options(command: click.Command, ctx: click.Context) -> set[str]:
    found = {name for param in command.params for name in param.opts}
    if isinstance(command, click.Group):
        for name in command.list_commands(ctx):
            if sub := command.get_command(ctx, name):
                found |= _all_options(sub, ctx)
    return found


def _checked(path: Path, key: str, value: Any, option: click.Option) -> Any:
    """The value, if it has the option's type. A single value for a repeatable option becomes a list."""
    kind: type = bool if option.is_flag else int if option.type is click.INT else str
    values = value if option.multiple and isinstance(value, list) else [value]
    if any(type(one) is not kind for one in values):
        wanted = {bool: "true or false", int: "a whole number", str: "a string in quotes"}[kind]
        raise InvalidSetting(f"{path}: {key} is {value!r}, but must be {wanted}.")
    return values if option.multiple else value
