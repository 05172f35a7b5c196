"""`items-api export`: the stack in other words. None of these commands calls AWS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from items_api.command import Commands
from items_api.errors import InvalidSetting
from items_api.options import settings_options, target_options
from items_api.run import LOCAL_REGION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from items_api.errors import Problem
    from items_api.run import Run
    from items_api.settings import Settings

    SettingsIn = Callable[[str], Settings]

DONE = 0
_ACCOUNT_DIGITS = 12


def output_option(default: str) -> Callable[[Any], Any]:
    """`--output` and `--force`; `default` says where the export goes without."""

    def decorate(command: Any) -> Any:
        command = click.option("--force", is_flag=True, help="Overwrite what is there.")(command)
        return click.option("--output", "-o", metavar="PATH", help=f"Where to. Default: {default}.")(command)

    return decorate


to_folder = output_option("a new folder named after the stack")
to_file = output_option("stdout")


@click.group(cls=Commands)
def export() -> None:
    """The stack in other words, without asking AWS."""


@export.command()
@target_options
@settings_options
@to_folder
def shell(run: Run, settings_in: SettingsIn, *, output: str | None, force: bool) -> int:
    """Scripts for the AWS CLI: up.sh and down.sh.

    They need nothing else, and are for reading as much as for running.
    """
    from items_api.export import shell as scripts  # noqa: PLC0415 - --help loads nothing that it does not show

    return _write_folder(run, scripts.files(_settings(run, settings_in)), output, force=force)


@export.command()
@target_options
@settings_options
@to_folder
def sam(run: Run, settings_in: SettingsIn, *, output: str | None, force: bool) -> int:
    """A template and a source folder for AWS SAM."""
    from items_api.export import sam as template  # noqa: PLC0415

    return _write_folder(run, template.files(_settings(run, settings_in)), output, force=force)


@export.command()
@target_options
@settings_options
@to_folder
def terraform(run: Run, settings_in: SettingsIn, *, output: str | None, force: bool) -> int:
    """A configuration for Terraform.

    imports.sh beside it prints the import blocks of a stack that runs already.
    """
    from items_api.export import terraform as configuration  # noqa: PLC0415

    return _write_folder(run, configuration.files(_settings(run, settings_in)), output, force=force)


@export.command("deployer-policy")
@target_options
@click.option("--account", default="*", show_default=True, metavar="ID", help="Narrow it to this account.")
@to_file
def deployer_policy(run: Run, *, account: str, output: str | None, force: bool) -> int:
    """The rights that up, status and down need.

    The smallest IAM policy with which every command of this stack works.
    """
    from items_api.export import deployer  # noqa: PLC0415

    if account != "*" and not (account.isdecimal() and len(account) == _ACCOUNT_DIGITS):
        raise InvalidSetting(f"--account {account!r} is not an account's id.", todo="It has 12 digits.")
    from items_api.settings import Settings  # noqa: PLC0415

    settings = _settings(run, lambda region: Settings(name=run.target.name, region=region))
    return _write_document(run, deployer.policy(settings, account), output, force=force)


@export.command()
@target_options
@click.option("--url", metavar="URL", help="The endpoint that the document shall name.")
@to_file
def openapi(run: Run, *, url: str | None, output: str | None, force: bool) -> int:
    """The API as an OpenAPI 3.1 document."""
    from items_api import __version__  # noqa: PLC0415
    from items_api.openapi import document  # noqa: PLC0415

    server = url.rstrip("/") if url else None
    return _write_document(run, document(run.target.name, __version__, server), output, force=force)


def _settings(run: Run, settings_in: SettingsIn) -> Settings:
    """In the region that `up` would take, which the user's AWS configuration may name."""
    run.failure = lambda problem: _document(run, [], problem)
    target = run.target
    region = target.region or (LOCAL_REGION if target.local else None)
    if region is None:
        from items_api.provision.session import Account  # noqa: PLC0415

        region = Account.on_aws(profile=target.profile, region=None, endpoint_url=target.endpoint_url).region
    return settings_in(region)


def _write_folder(run: Run, files: Mapping[str, bytes], output: str | None, *, force: bool) -> int:
    from pathlib import Path  # noqa: PLC0415

    from items_api.export.output import write_folder  # noqa: PLC0415

    return _report(run, write_folder(Path(output or run.target.name), files, force=force))


def _write_document(run: Run, document: dict[str, Any], output: str | None, *, force: bool) -> int:
    import json  # noqa: PLC0415

    text = json.dumps(document, indent=2, ensure_ascii=False)
    if output is None:
        run.screen.document(text)
        return DONE
    from pathlib import Path  # noqa: PLC0415

    from items_api.export.output import write_file  # noqa: PLC0415

    return _report(run, write_file(Path(output), f"{text}\n".encode(), force=force))


def _report(run: Run, written: list[Path]) -> int:
    """Without --json a line a file; with it the one document."""
    for path in written:
        run.screen.line(f"Wrote {path}")
    if run.target.json:
        run.screen.document(_document(run, written))
    return DONE


def _document(run: Run, written: list[Path], problem: Problem | None = None) -> str:
    from items_api import render  # noqa: PLC0415

    return render.export_json(run.command, run.target.name, [str(path) for path in written], problem)
