"""`items-api export`: write the stack as code for other tools. None of these commands calls AWS."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from items_api import __version__
from items_api.commands import opening
from items_api.commands.boundary import CommandGroup
from items_api.commands.options import (
    auth_option,
    boundary_option,
    contract_options,
    settings_options,
    target_options,
)
from items_api.errors import InvalidSetting
from items_api.export import deployer, folders, openapi
from items_api.export.container import container
from items_api.export.output import write_file, write_folder
from items_api.provision.policies import boundary_policy
from items_api.settings import Arns, Settings
from items_api.smoke.curl import parse_endpoint
from items_api.terminal.result import Result
from items_api.terminal.text import Line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from items_api.commands.given import Given
    from items_api.commands.target import SettingsIn, Target
    from items_api.terminal.screen import Screen

_ACCOUNT_DIGITS = 12
_PLACEHOLDER = "us-east-1"
_FOR_LOCAL = (
    "This policy is for the local AWS only. The statement LocalAws allows actions for all resources, because the local "
    "AWS does not accept them otherwise."
)
_NO_CONDITIONS = " It has no conditions on the permissions boundary, because the local AWS cannot evaluate them."
_SETTINGS = "The settings come from options, variables and items-api.toml, not from the stack."


@click.group(cls=CommandGroup)
def export(**_output: bool) -> None:
    """Export the stack as code, without calling AWS.

    The settings come from options, variables and items-api.toml. Those that the stack remembers are not used: items-api
    status --json lists them.
    """


def destination_options(default: str) -> Callable[[Any], Any]:
    """Add `--output` and `--force`. `default` describes where the output goes by default."""

    def decorate(callback: Any) -> Any:
        callback = click.option("--force", is_flag=True, help="Overwrite existing files.")(callback)
        return click.option("--output", "-o", metavar="PATH", help=f"Where to write. Default: {default}.")(callback)

    return decorate


def _who_may_call(settings: Settings) -> str:
    if settings.auth == "jwt":
        return f"Callers need a token issued by {settings.jwt_issuer}."
    return "Anyone who can reach the container can read and write items; --auth jwt requires tokens."


def _folder_command(
    name: str,
    files: Callable[[Settings], Mapping[str, bytes]],
    help_text: str,
    note: Callable[[Settings], str] = lambda _: "",
) -> None:
    """Define a command that writes the files of a stack into a folder. `note` is what users must know about them."""

    @export.command(name, empty={"files": []}, help=f"{help_text}\n\n{_SETTINGS}")
    @target_options
    @settings_options
    @destination_options(f"the folder NAME-{name}")
    def command(screen: Screen, *, target: Target, given: Given, output: str | None, force: bool) -> Result:
        settings = _settings(screen, target, given.settings)
        folder = Path(output or f"{target.name}-{name}")
        result = _written(write_folder(folder, files(settings), force=force), settings.region)
        lists = f"To see the stack's settings, run items-api status{target.flags} --json."
        notes = [text for text in (note(settings), f"{_SETTINGS} {lists}") if text]
        return replace(result, lines=[*result.lines, *map(Line, notes)])


_folder_command(
    "shell",
    folders.shell,
    "Write scripts for the AWS CLI: up.sh and down.sh.\n\nThey need only the AWS CLI, and are meant to be read.",
)
_folder_command("sam", folders.sam, "Write a template and a source folder for AWS SAM.")
_folder_command(
    "terraform",
    folders.terraform,
    "Write a Terraform configuration.\n\nIts script imports.sh prints import blocks for an existing stack.",
)


_folder_command(
    "container",
    container,
    "Write the files that build a container image and run it with Docker Compose, on ECS or on EC2.\n\n"
    "--memory, --tag, --protect and --expires have no effect on these files.",
    _who_may_call,
)


account_option = click.option(
    "--account", default="*", show_default=True, metavar="ID", help="Restrict the policy to this account."
)


@export.command("deployer-policy", empty={"files": []})
@target_options
@boundary_option
@auth_option
@account_option
@click.option(
    "--read-only", is_flag=True, help="Allow only commands that read: status, logs, smoke, list, url and up --dry-run."
)
@destination_options("stdout")
def deployer_policy(
    screen: Screen,
    *,
    target: Target,
    permissions_boundary: str,
    auth: str,
    account: str,
    read_only: bool,
    output: str | None,
    force: bool,
) -> Result:
    """Write the IAM policy for the user who runs items-api.

    It is the smallest policy that lets every command work on this stack. With --permissions-boundary, this user cannot
    give the function's role more permissions than the boundary allows. With --auth iam, they may also call the API.
    With --local, the policy is for users of the local AWS.
    """
    _check_account(account)
    if target.local:
        screen.warning(_FOR_LOCAL + (_NO_CONDITIONS if permissions_boundary else ""))

    def settings_in(region: str) -> Settings:
        # The deployer needs no more for tokens than for an open API.
        kind = auth if auth == "iam" else "none"
        return Settings(name=target.name, region=region, permissions_boundary=permissions_boundary, auth=kind)

    settings = _settings(screen, target, settings_in)
    policy = deployer.policy(settings, account, read_only=read_only, local=target.local)
    return _document(policy, output, force=force, region=settings.region)


@export.command("boundary", empty={"files": []})
@target_options
@account_option
@destination_options("stdout")
def boundary(screen: Screen, *, target: Target, account: str, output: str | None, force: bool) -> Result:
    """Write a permissions boundary for the function's role.

    It allows what the function needs and nothing else. Create an IAM policy from it and set --permissions-boundary to
    the policy's ARN.
    """
    _check_account(account)
    settings = _settings(screen, target, lambda region: Settings(name=target.name, region=region))
    return _document(boundary_policy(Arns(settings, account)), output, force=force, region=settings.region)


def _check_account(account: str) -> None:
    if account != "*" and not (account.isdecimal() and len(account) == _ACCOUNT_DIGITS):
        todo = "An account ID has 12 digits."
        raise InvalidSetting("is not an account ID.", todo=todo, setting="account", value=account)


@export.command("openapi", empty={"files": []})
@target_options
@contract_options
@click.option("--url", metavar="URL", help="The server URL in the document.")
@destination_options("stdout")
def openapi_document(
    screen: Screen, *, target: Target, url: str | None, output: str | None, force: bool, **contract: Any
) -> Result:
    """Write the API as an OpenAPI 3.1 document, with its authorization and indexes.

    The settings come from options, variables and items-api.toml, not from the stack.
    """
    del screen
    if url:
        parse_endpoint(url)
    server = url.rstrip("/") if url else None
    settings = Settings(name=target.name, **contract)
    return _document(openapi.document(target.name, __version__, server, settings), output, force=force)


def _settings(screen: Screen, target: Target, settings_in: SettingsIn) -> Settings:
    """The settings for the region that `up` would use, which may come from the user's AWS configuration."""
    region = opening.region_of(target)
    if region is None:
        screen.warning(f"No region is set, so this export is for {_PLACEHOLDER}. To choose another one, add --region.")
    return settings_in(region or _PLACEHOLDER)


def _document(document: dict[str, Any], output: str | None, *, force: bool, region: str | None = None) -> Result:
    text = json.dumps(document, indent=2, ensure_ascii=False)
    if output is None:
        return Result(text=text)
    return _written(write_file(Path(output), f"{text}\n".encode(), force=force), region)


def _written(paths: list[Path], region: str | None) -> Result:
    files = [str(path) for path in paths]
    return Result(document={"region": region, "files": files}, lines=[Line(f"Wrote {file}") for file in files])
