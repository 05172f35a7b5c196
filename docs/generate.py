"""Writes what the docs take from the code: python docs/generate.py. `make test` checks that it is current.

In a Markdown file, what stands between `<!-- generated: KEY ARGUMENTS -->` and `<!-- end -->` is made here. The
README's picture is what a terminal shows of a real run on the local AWS.
"""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click
from moto import mock_aws

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from items_api import render  # noqa: E402
from items_api.cli import cli  # noqa: E402
from items_api.command import variable_of  # noqa: E402
from items_api.observe.details import details, details_json  # noqa: E402
from items_api.smoke import Check  # noqa: E402
from tests.aws import MOTO, NO_DELAYS, Account  # noqa: E402
from tests.provision.drive import new_process  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ENDPOINT = "https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com"
PICTURE = ROOT / "docs" / "terminal.svg"
_BLOCK = re.compile(r"(<!-- generated: (?P<key>[^>]*?) -->\n).*?(<!-- end -->)", re.DOTALL)


def command_help(*path: str) -> str:
    command: click.Command = cli
    context = click.Context(cli, info_name="items-api", terminal_width=80, help_option_names=["-h", "--help"])
    for name in path:
        assert isinstance(command, click.Group)  # noqa: S101
        command = command.commands[name]
        context = click.Context(command, info_name=name, parent=context, terminal_width=80)
    return _fenced("text", command.get_help(context))


def option_variables() -> str:
    """Options with their environment variables and their keys in items-api.toml; all follow the one pattern."""
    rows = [
        f"| `{option}` | `{variable_of(option)}` | `{option.removeprefix('--')}` |"
        for option in ("--name", "--cors-origin", "--yes")
    ]
    return "\n".join(["| option | variable | key |", "|---|---|---|", *rows]) + "\n"


def json_sample(command: str) -> str:
    """A document as the command prints it, of a stack on moto; resources after the first are left out."""
    if command == "smoke":
        check = Check("GET reads", ok=True, status=200, ms=12.3, curl="curl -i https://…/items/1", detail="")
        return _fenced("json", render.smoke_json(ENDPOINT, [check]))
    with mock_aws(config=MOTO), Account(delays=NO_DELAYS) as aws:
        stack = new_process(aws)
        looked = stack.look()
        with closing(stack.up()) as events:
            for _ in events:
                pass
        shown_details = details_json(details(stack)) if command == "status" else {}
    outcomes = looked if command == "status" else [stack.outcomes[step] for step in stack.steps]
    report = render.Report(command, "items", stack.account, "us-east-1", ENDPOINT, ok=command == "up")
    document = json.loads(render.report_json(report))
    if shown_details:
        document["details"] = shown_details
    shown = json.loads(render.report_json(render.Report(command, "items", resources=outcomes)))["resources"][0]
    text = json.dumps({**document, "resources": [{**shown, "seconds": 0.0}]}, indent=2)
    # Ids are given out in the order in which steps that run side by side happen to ask.
    return _fenced("json", text.replace(str(stack.api.api_id), "a1b2c3d4e5"))


GENERATORS: dict[str, Callable[..., str]] = {
    "help": command_help,
    "variables": option_variables,
    "json": json_sample,
}


def _fenced(language: str, text: str) -> str:
    return f"```{language}\n{text.rstrip()}\n```\n"


def current(text: str) -> str:
    """A Markdown file's text with its generated blocks made anew."""

    def block(match: re.Match[str]) -> str:
        key, *arguments = match["key"].split()
        return match[1] + GENERATORS[key](*arguments) + match[3]

    return _BLOCK.sub(block, text)


def markdown_files() -> Sequence[Path]:
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def picture() -> str:
    """What a terminal shows of up, smoke and down, as an SVG that rich exports."""
    from rich.console import Console  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    console = Console(record=True, width=100, file=io.StringIO(), force_terminal=True)
    with tempfile.TemporaryDirectory() as home:
        environment = {"ITEMS_API_HOME": home, "PATH": os.defpath, "HOME": home}
        for line in ("up --local", "smoke --local", "down --local --yes"):
            console.print(Text.assemble(("$ ", "bold green"), (f"items-api {line}", "bold")))
            done = subprocess.run(  # noqa: S603 - our own program
                [sys.executable, "-m", "items_api", *line.split()],
                env=environment,
                cwd=home,
                capture_output=True,
                text=True,
                check=True,
            )
            for shown in _abridged(done.stdout.splitlines()):
                console.print(Text(shown, style=_style(shown)), soft_wrap=False, overflow="ellipsis", no_wrap=True)
            console.print()
    return console.export_svg(title="items-api")


def _abridged(lines: Sequence[str], most: int = 18) -> Sequence[str]:
    lines = [line for line in lines if not line.startswith("      curl") and " waiting " not in line]
    return lines if len(lines) <= most else [*lines[:8], "  …", *lines[-3:]]


def _style(line: str) -> str:
    marks = {mark: style for mark, style in render.MARKS.values() if mark in "+~-"}
    if line.startswith("http"):
        return "bold"
    return marks.get(line.strip()[:1], "") if line.startswith("  ") else ""


def main() -> None:
    for path in markdown_files():
        path.write_text(current(path.read_text()))
    PICTURE.write_text(picture())


if __name__ == "__main__":
    main()
