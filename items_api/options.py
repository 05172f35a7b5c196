"""The options that commands share, and where their values come from: flag over environment over file over default."""

from __future__ import annotations

from dataclasses import fields
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from items_api.errors import InvalidSetting
from items_api.run import Run, Target

if TYPE_CHECKING:
    from collections.abc import Callable

    from items_api.settings import Settings

FILE = "items-api.toml"


def _complete_regions(_context: click.Context, _param: click.Parameter, begun: str) -> list[str]:
    from items_api.provision.session import regions  # noqa: PLC0415 - costs what completion may cost, not --help

    return [region for region in regions() if region.startswith(begun)]


def _complete_names(context: click.Context, _param: click.Parameter, begun: str) -> list[str]:
    """The stacks there are, where they are asked for. A shell that completes wants names or silence, never an error."""
    from contextlib import suppress  # noqa: PLC0415

    from items_api.provision.session import stack_names  # noqa: PLC0415

    with suppress(Exception):
        typed: dict[str, Any] = {field.name: context.params.get(field.name) for field in fields(Target)}
        target = Target(**typed)
        account = Run("completion", target).account(start=False)
        return [name for name in stack_names(account) if name.startswith(begun)] if account else []
    return []


TARGET = (
    click.option(
        "--name",
        default="items",
        show_default=True,
        shell_complete=_complete_names,
        help="The stack's name; every AWS name is derived from it.",
    ),
    click.option(
        "--region",
        shell_complete=_complete_regions,
        help="AWS region. Default: your AWS configuration's; with --local us-east-1.",
    ),
    click.option("--profile", help="Profile of your AWS configuration."),
    click.option("--endpoint-url", metavar="URL", help="Another AWS endpoint, such as an emulator's."),
    click.option("--local", is_flag=True, help="Use the local AWS on this computer: no account, no Docker."),
    click.option("--json", is_flag=True, help="One JSON document on stdout, all else on stderr."),
    click.option("--quiet", "-q", is_flag=True, help="Only results and errors."),
    click.option("--verbose", "-v", is_flag=True, help="Show tracebacks; with logs, Lambda's own lines."),
)
SETTINGS = (
    click.option("--tag", "tags", multiple=True, metavar="KEY=VALUE", help="A tag for every resource; repeatable."),
    click.option(
        "--cors-origin",
        "cors_origins",
        multiple=True,
        default=["*"],
        show_default=True,
        metavar="ORIGIN",
        help="Origin that browsers may call from; repeatable.",
    ),
    click.option("--memory", type=int, default=256, show_default=True, metavar="MB", help="The function's memory."),
    click.option("--timeout", type=int, default=10, show_default=True, metavar="S", help="The function's timeout."),
    click.option(
        "--log-retention", type=int, default=14, show_default=True, metavar="DAYS", help="How long logs are kept."
    ),
    click.option(
        "--throttle-rate", type=int, default=100, show_default=True, metavar="N", help="Requests per second let in."
    ),
    click.option(
        "--throttle-burst", type=int, default=200, show_default=True, metavar="N", help="Requests let in at once."
    ),
)


def file_defaults(group: click.Group, path: str) -> dict[str, dict[str, Any]]:
    """What `items-api.toml` says, as click's `default_map`: keys are the options' names, values their types.

    An option that only some commands have is no error for the others. Raises `InvalidSetting`.
    """
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - pathlib would be a tenth of what --help takes
            import tomllib  # noqa: PLC0415 - only where there is a file

            content = tomllib.load(file)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise InvalidSetting(f"{path} can not be read.", f"{error}.", "It holds lines like: memory = 512") from None
    options = _options_of(group)
    if unknown := sorted(content.keys() - options.keys()):
        raise InvalidSetting(
            f"{path} has unknown keys: {', '.join(unknown)}.", todo=f"Known are: {', '.join(sorted(options))}."
        )
    values = {str(options[key].name): _checked(path, key, value, options[key]) for key, value in content.items()}
    return _for_all_commands(group, values)


def _options_of(group: click.Group) -> dict[str, click.Option]:
    """Every option of every command below, by its long name without the dashes."""
    found: dict[str, click.Option] = {}
    for command in group.commands.values():
        if isinstance(command, click.Group):
            found |= _options_of(command)
        for param in command.params:
            if isinstance(param, click.Option):
                found |= {name.removeprefix("--"): param for name in param.opts if name.startswith("--")}
    return found


def _checked(path: str, key: str, value: Any, option: click.Option) -> Any:
    """A value of the type that its option takes. Raises `InvalidSetting`."""
    kinds = (
        (bool,) if option.is_flag else {"integer": (int,), "float range": (int, float)}.get(option.type.name, (str,))
    )
    values = value if option.multiple and isinstance(value, list) else [value]
    if any(not isinstance(one, kinds) or (isinstance(one, bool) and bool not in kinds) for one in values):
        wanted = {bool: "true or false", int: "a whole number", str: "a string in quotes"}[kinds[0]]
        raise InvalidSetting(f"{path}: {key} is {value!r}.", todo=f"Make it {wanted}.")
    return values if option.multiple else value


def _for_all_commands(group: click.Group, values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: _for_all_commands(command, values) if isinstance(command, click.Group) else values
        for name, command in group.commands.items()
    }


def target_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the shared options, as a `Run` aimed by them in its `run` parameter."""

    @wraps(command)
    def wrapper(**values: Any) -> Any:
        target = Target(**{field.name: values.pop(field.name) for field in fields(Target)})
        context = click.get_current_context()
        # "up", "export sam": the command's path without the program's name.
        context.obj = Run(context.command_path.partition(" ")[2], target)
        return command(run=context.obj, **values)

    return _with_options(wrapper, TARGET)


def settings_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the stack's settings, as a function of the region, in its `settings_in` parameter."""

    @wraps(command)
    def wrapper(run: Run, **values: Any) -> Any:
        from items_api.settings import Settings, parse_tags  # noqa: PLC0415 - a twentieth of what --help takes

        names = [f.name for f in fields(Settings) if f.name not in ("name", "region")]
        chosen = {name: values.pop(name) for name in names}
        chosen["tags"] = parse_tags(chosen["tags"])

        def settings_in(region: str) -> Settings:
            return Settings(name=run.target.name, region=region, **chosen)

        return command(run=run, settings_in=settings_in, **values)

    return _with_options(wrapper, SETTINGS)


def _with_options(command: Callable[..., Any], options: tuple[Callable[[Any], Any], ...]) -> Callable[..., Any]:
    for option in reversed(options):
        command = option(command)
    return command
