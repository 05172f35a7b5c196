"""`items-api export`: the stack in other words. None of these commands calls AWS."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from items_api.command import Commands
from items_api.errors import InvalidSetting
from items_api.options import settings_options, target_options
from items_api.run import LOCAL_REGION
from items_api.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from items_api.run import Run

    SettingsIn = Callable[[str], Settings]

DONE = 0
_ACCOUNT_DIGITS = 12


def output_option(default: str) -> Callable[[Any], Any]:
    """`--output` and `--force`; `default` says where the export goes without."""

    def decorate(command: Any) -> Any:
        path = click.Path(path_type=Path)
        command = click.option("--force", is_flag=True, help="Overwrite what is there.")(command)
        return click.option("--output", "-o", type=path, metavar="PATH", help=f"Where to. Default: {default}.")(command)

    return decorate


to_folder = output_option("a new folder named after the stack")
to_file = output_option("stdout")


@click.group(cls=Commands)
def export() -> None:
    """The stack in other words: scripts, SAM, Terraform, its deployer's rights, OpenAPI."""


@export.command()
@target_options
@settings_options
@to_folder
def shell(run: Run, settings_in: SettingsIn, *, output: Path | None, force: bool) -> int:
    """Two POSIX shell scripts, up.sh and down.sh, that need only the AWS CLI."""
    from items_api.export import shell as scripts  # noqa: PLC0415 - --help loads nothing that it does not show

    return _write_folder(run, scripts.files(_settings(run, settings_in)), output, force=force)


@export.command()
@target_options
@settings_options
@to_folder
def sam(run: Run, settings_in: SettingsIn, *, output: Path | None, force: bool) -> int:
    """A template.yaml and the source folder for AWS SAM."""
    from items_api.export import sam as template  # noqa: PLC0415

    return _write_folder(run, template.files(_settings(run, settings_in)), output, force=force)


@export.command()
@target_options
@settings_options
@to_folder
def terraform(run: Run, settings_in: SettingsIn, *, output: Path | None, force: bool) -> int:
    """A main.tf and function.zip for Terraform and its hashicorp/aws provider."""
    from items_api.export import terraform as configuration  # noqa: PLC0415

    return _write_folder(run, configuration.files(_settings(run, settings_in)), output, force=force)


@export.command("deployer-policy")
@target_options
@click.option("--account", default="*", show_default=True, metavar="ID", help="Narrow it to this account.")
@to_file
def deployer_policy(run: Run, *, account: str, output: Path | None, force: bool) -> int:
    """The smallest IAM policy with which up, status, smoke and down of this stack work."""
    from items_api.export import deployer  # noqa: PLC0415

    if account != "*" and not (account.isdecimal() and len(account) == _ACCOUNT_DIGITS):
        raise InvalidSetting(f"--account {account!r} is not an account's id.", todo="It has 12 digits.")
    settings = _settings(run, lambda region: Settings(name=run.target.name, region=region))
    return _write_document(run, deployer.policy(settings, account), output, force=force)


def _settings(run: Run, settings_in: SettingsIn) -> Settings:
    """In the region that `up` would take, which the user's AWS configuration may name."""
    target = run.target
    region = target.region or (LOCAL_REGION if target.local else None)
    if region is None:
        from items_api.provision.session import Account  # noqa: PLC0415

        region = Account.on_aws(profile=target.profile, region=None, endpoint_url=target.endpoint_url).region
    return settings_in(region)


def _write_folder(run: Run, files: Mapping[str, bytes], output: Path | None, *, force: bool) -> int:
    from items_api.export.output import write_folder  # noqa: PLC0415

    folder = output or Path(run.target.name)
    return _report(run, write_folder(folder, files, force=force))


def _write_document(run: Run, document: dict[str, Any], output: Path | None, *, force: bool) -> int:
    text = json.dumps(document, indent=2, ensure_ascii=False)
    if output is None:
        run.screen.document(text)
        return DONE
    from items_api.export.output import write_file  # noqa: PLC0415

    return _report(run, write_file(output, f"{text}\n".encode(), force=force))


def _report(run: Run, written: list[Path]) -> int:
    for path in written:
        run.screen.line(f"Wrote {path}", essential=True)
    if run.target.json:
        report = {"command": run.command, "name": run.target.name, "ok": True, "files": [str(path) for path in written]}
        run.screen.document(json.dumps(report, indent=2, ensure_ascii=False))
    return DONE
