"""The docs match the code: generated parts are current, quoted errors exist, and nothing is missing."""

import ast
import html
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pytest

from items_api import errors
from items_api.server import bodies, gateway
from items_api.server.gateway import Refusal

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
COMMANDS: dict[str, click.Command] = {" ".join(path): command for path, command in generate.commands()}
TROUBLESHOOTING = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (DOCS / "troubleshooting.md").read_text().splitlines()
    if line.startswith("| `")
]


@pytest.mark.parametrize("path", generate.markdown_files(), ids=lambda path: path.name)
def test_generated_parts_are_current(path: Path) -> None:
    """If this fails, run: python docs/generate.py."""
    assert generate.current(path.read_text()) == path.read_text()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_documented_with_its_help(command: str) -> None:
    assert f"<!-- generated: help {command} -->" in (DOCS / "commands.md").read_text()


def test_every_option_has_a_help_text() -> None:
    options = [param for command in COMMANDS.values() for param in command.params if isinstance(param, click.Option)]
    assert [option.name for option in options if not option.help] == []


def test_every_exit_code_is_documented() -> None:
    documented = re.findall(r"^\| (\d+) \|", (DOCS / "commands.md").read_text(), re.MULTILINE)
    assert documented == ["0", "1", "2", "3", "4", "130"]


def test_every_type_of_error_has_a_cause_and_a_solution() -> None:
    kinds = {
        kind.__name__
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.Problem) and kind is not errors.Problem
    }
    assert {re.findall(r"`(\w+)`", row[0])[0] for row in TROUBLESHOOTING} == kinds


def texts_in_code() -> Iterator[str]:
    """The strings of the package, with … in place of the values of f-strings."""
    for path in (ROOT / "items_api").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                yield "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def test_every_quoted_error_is_one_that_the_code_can_show() -> None:
    texts = "\n".join(texts_in_code())
    quoted = [quote for row in TROUBLESHOOTING for quote in re.findall(r"`([^`]+)`", row[1])]
    assert len(quoted) >= len(TROUBLESHOOTING)
    assert [quote for quote in quoted if quote.strip("… ") not in texts] == []


def test_every_error_that_serve_logs_is_listed() -> None:
    page = (DOCS / "serve.md").read_text()
    refusals = [value for module in (gateway, bodies) for value in vars(module).values() if isinstance(value, Refusal)]
    assert len(refusals) > 10
    assert [refusal.error for refusal in refusals if f"`{refusal.error}`" not in page] == []


def test_the_prices_of_other_ways_to_run_it_have_their_sources() -> None:
    page = (DOCS / "where-to-run.md").read_text()
    assert [price.source for price in generate.HOSTING_PRICES.values() if f"]({price.source})" not in page] == []
    assert generate.DATE in page


def test_every_link_between_the_docs_works() -> None:
    for path in generate.markdown_files():
        for target in re.findall(r"\]\((?!https?://)([^)#]+)[^)]*\)", path.read_text()):
            assert (path.parent / target).exists(), f"{path.name}: {target}"


def words(svg: str) -> list[str]:
    """The lines of the picture in any order, without the parts that differ between runs: IDs, ports, times."""
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", svg)
    lines = (html.unescape(text).replace("\xa0", " ").strip() for text in texts)
    masked = (re.sub(r" +\d+(\.\d+)? m?s\b|\b[0-9a-f]{8}\.|\d+", "#", line) for line in lines)
    return sorted({re.sub(r"[ #]+", " ", line) for line in masked} - {""})


def test_the_picture_in_the_readme_is_current() -> None:
    assert words(generate.picture()) == words(generate.PICTURE.read_text())
