"""What the docs show is what the code does: generated parts are current, and nothing is left out."""

from __future__ import annotations

import html
import importlib.util
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pytest

from items_api import errors
from items_api.cli import cli
from items_api.export.commands import export

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"


def load_generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


generate: Any = load_generator()


@pytest.mark.parametrize("path", generate.markdown_files(), ids=lambda path: path.name)
def test_generated_parts_are_current(path: Path) -> None:
    """If not: python docs/generate.py."""
    assert generate.current(path.read_text()) == path.read_text()


COMMANDS = [*cli.commands, *(f"export {name}" for name in export.commands)]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_documented_with_its_help(command: str) -> None:
    assert f"<!-- generated: help {command} -->" in (DOCS / "commands.md").read_text()


def test_every_exit_code_is_documented() -> None:
    documented = re.findall(r"^\| (\d+) \|", (DOCS / "commands.md").read_text(), re.MULTILINE)
    assert documented == ["0", "1", "2", "3", "4", "130"]


def test_every_kind_of_error_has_its_cause_and_cure() -> None:
    kinds = {
        kind.__name__
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.Problem) and kind is not errors.Problem
    }
    documented = set(re.findall(r"^\| `(\w+)`", (DOCS / "troubleshooting.md").read_text(), re.MULTILINE))
    assert documented == kinds


def test_every_option_has_a_help_text() -> None:
    def options(command: click.Command) -> list[click.Option]:
        own = [param for param in command.params if isinstance(param, click.Option)]
        below = command.commands.values() if isinstance(command, click.Group) else ()
        return own + [option for sub in below for option in options(sub)]

    assert [option.name for option in options(cli) if not option.help] == []


def test_every_link_between_the_docs_leads_somewhere() -> None:
    for path in generate.markdown_files():
        for target in re.findall(r"\]\((?!https?://)([^)#]+)[^)]*\)", path.read_text()):
            assert (path.parent / target).exists(), f"{path.name}: {target}"


def words(svg: str) -> list[str]:
    """The picture's lines without what differs from run to run: ids, ports, times; order too, as steps run side by side."""
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", svg)
    lines = (html.unescape(text).replace("\xa0", " ").strip() for text in texts)
    masked = (re.sub(r" +\d+(\.\d+)? m?s\b|\b[0-9a-f]{8}\.|\d+", "#", line) for line in lines)
    return sorted({re.sub(r"[ #]+", " ", line) for line in masked} - {""})


def test_the_readmes_picture_is_what_a_terminal_shows_today() -> None:
    assert words(generate.picture()) == words(generate.PICTURE.read_text())
