"""Where the value of an option comes from: the command line, a variable, `items-api.toml` or the default.

Errors name that place. Misspelled variables and keys get a suggestion.
"""

from __future__ import annotations

import json
import os
import shlex
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from items_api.commands.group import suggestion
from items_api.errors import InvalidSetting, as_option

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FILE = Path("items-api.toml")
_PREFIX = "ITEMS_API_"
_NO_OPTIONS = frozenset({"ITEMS_API_HOME", "ITEMS_API_TOKEN", "ITEMS_API_LIVE_ACCOUNT"})


def long_name(option: click.Option) -> str:
    """`cors-origin`: the option's name in the file."""
    return next(name.removeprefix("--") for name in option.opts if name.startswith("--"))


def variable_of(option: click.Option) -> str | None:
    """`--cors-origin` reads `ITEMS_API_CORS_ORIGIN`. What confirms, removes a protection or deletes items has none."""
    name = long_name(option)
    only_given = name in ("yes", "with-items", "no-index", "no-permissions-boundary")
    return None if only_given else f"{_PREFIX}{name.replace('-', '_').upper()}"


def source(ctx: click.Context, setting: str, value: Any = None) -> str:
    """A setting of the command as it was given: `--memory 99`, `ITEMS_API_MEMORY=99`, or the line of the file.

    Args:
        ctx: the context of the command.
        setting: the long name of the option.
        value: its value, or one of several; None for a flag, or if all values are meant.
    """
    option = next(option for option in _options(ctx.command) if long_name(option) == setting)
    place = ctx.get_parameter_source(option.name or "")
    if place is ParameterSource.ENVIRONMENT:
        variable = str(option.envvar)
        return f"{variable}={shlex.quote(os.environ[variable] if value is None else str(value))}"
    if place is ParameterSource.DEFAULT_MAP:
        content = (ctx.default_map or {})[option.name or ""]
        return _in_file(ctx, setting, content if value is None and not isinstance(content, list) else value)
    if place is ParameterSource.DEFAULT:  # only a region can be invalid without being given
        return f"The {setting} {value} in your AWS configuration"
    return as_option(setting, value)


def unknown_variables(ctx: click.Context) -> Iterator[str]:
    """What is wrong with each variable that looks like one of this tool but is not.

    These are warnings: a misspelled variable must not pass silently, but one for a newer version must not break a
    script.
    """
    found = {name for name in os.environ if name.startswith(_PREFIX)} - _NO_OPTIONS
    if not found - {str(option.envvar) for option in _options(ctx.command)}:
        return  # without loading the other commands
    options = {long_name(option): variable_of(option) for option in _all_options(ctx)}
    known = {variable for variable in options.values() if variable}
    for name in sorted(found - known):
        if (option := name.removeprefix(_PREFIX).lower().replace("_", "-")) in options:
            yield f"The variable {name} has no effect, because --{option} works only on the command line."
        else:
            near = suggestion(name, known | _NO_OPTIONS, _PREFIX)
            yield f"The variable {name} has no effect, because there is no such setting.{near}"


def defaults_from_file(ctx: click.Context, allowed: Mapping[str, click.Option]) -> dict[str, Any]:
    """The content of `items-api.toml` as click's `default_map`. Commands ignore settings that they do not use.

    Args:
        ctx: the context of the command.
        allowed: the options that the file may set, by their names in the file.

    Raises:
        InvalidSetting: the file cannot be read, or has an invalid key or value.
    """
    try:
        text = FILE.read_text("utf-8")
        content = tomllib.loads(text)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise InvalidSetting(f"{FILE} cannot be read.", f"{error}.", "Write settings like this: memory = 512") from None
    ctx.meta[FILE.name] = text
    for key in content:
        if key not in allowed:
            raise _not_allowed(ctx, key, allowed)
    return {str(allowed[key].name): _checked(ctx, key, value, allowed[key]) for key, value in content.items()}


def _not_allowed(ctx: click.Context, key: str, allowed: Mapping[str, click.Option]) -> InvalidSetting:
    where = _in_file(ctx, key)
    if any(key == long_name(option) for option in _all_options(ctx)):
        return InvalidSetting(f"{where} cannot be set in the file.", todo=f"Use --{key} on the command line.")
    todo = f"{suggestion(key, allowed)} Valid keys: {', '.join(sorted(allowed))}."
    return InvalidSetting(f"{where} is not a setting.", todo=todo.lstrip())


def _checked(ctx: click.Context, key: str, value: Any, option: click.Option) -> Any:
    """The value, if it has the option's type. A single value for a repeatable option becomes a list."""
    kind: type = bool if option.is_flag else int if option.type is click.INT else str
    values = value if option.multiple and isinstance(value, list) else [value]
    if any(type(one) is not kind for one in values):
        wanted = {bool: "true or false", int: "a whole number", str: "a string in quotes"}[kind]
        raise InvalidSetting(f"{_in_file(ctx, key, value)} is invalid.", todo=f"The value must be {wanted}.")
    return values if option.multiple else value


def _in_file(ctx: click.Context, key: str, value: Any = None) -> str:
    """`items-api.toml, line 3: memory = 99`."""
    lines = ctx.meta[FILE.name].split("\n")

    def ends_before_key(count: int) -> bool:
        try:
            return key not in tomllib.loads("\n".join(lines[:count]))
        except tomllib.TOMLDecodeError:  # the value that starts above continues below
            return False

    number = 1 + max(count for count in range(len(lines)) if ends_before_key(count))
    shown = "" if value is None else f" = {json.dumps(value, ensure_ascii=False, default=str)}"
    return f"{FILE}, line {number}: {key}{shown}"


def _options(command: click.Command) -> Iterator[click.Option]:
    return (param for param in command.params if isinstance(param, click.Option))


def _all_options(ctx: click.Context, command: click.Command | None = None) -> Iterator[click.Option]:
    """The options of all commands, which are loaded for that."""
    command = command or ctx.find_root().command
    if not isinstance(command, click.Group):
        yield from _options(command)
        return
    for name in command.list_commands(ctx):
        if found := command.get_command(ctx, name):
            yield from _all_options(ctx, found)
