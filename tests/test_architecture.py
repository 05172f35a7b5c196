"""The code follows docs/architecture.md: imports point down only, and only some packages import boto3 or rich."""

import ast
import re
from pathlib import Path

import pytest

import items_api

ROOT = Path(items_api.__file__).parent
# From top to bottom. A package may import those below its own row, not those beside it.
LAYERS = (
    {"__main__"},
    {"cli"},
    {"commands"},
    {"terminal", "export"},
    {"provision", "observe", "items", "server"},
    {"aws", "settings", "smoke", "local"},
    {"extras", "oidc", "throttle"},
    {"errors", "handler"},
)
FILES = sorted(ROOT.rglob("*.py"))


def package_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports_of(path: Path) -> set[str]:
    """The absolute names of everything that a file imports, also for types, inside functions and by string."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level:
            assert (package_of(path), node.level) == ("handler", 1), f"{path}: only the handler has relative imports"
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found |= {node.value} if re.fullmatch(r"items_api(\.\w+)+", node.value) else set()
    return found


def own_packages(path: Path) -> set[str]:
    names = {name.split(".")[1] for name in imports_of(path) if name.startswith("items_api.")}
    return names - {"__version__"}


def files_that_import(*top_level: str) -> set[str]:
    return {package_of(path) for path in FILES if {name.split(".")[0] for name in imports_of(path)} & {*top_level}}


def test_every_package_has_its_layer() -> None:
    assert {package_of(path) for path in FILES} - {"__init__"} == set().union(*LAYERS)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_down(path: Path) -> None:
    own = package_of(path)
    level = next((number for number, layer in enumerate(LAYERS) if own in layer), len(LAYERS))
    below = set().union(*LAYERS[level + 1 :])
    assert own_packages(path) - {own} <= below


def test_only_the_aws_package_imports_boto3() -> None:
    assert files_that_import("boto3", "botocore") == {"aws"}


def test_only_the_terminal_package_imports_rich() -> None:
    assert files_that_import("rich") == {"terminal"}


def test_only_commands_tell_users_to_run_another_command() -> None:
    """They know the options that it needs: --local, --name and so on. Other packages say "Run the command again"."""
    texts = {
        (package_of(path), node.value)
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    # `items-api local` takes no such options, and the handler answers callers of the API.
    found = {package for package, text in texts if re.search(r"[Rr]un items-api (?!local )", text)}
    assert found == {"commands", "handler"}


def test_the_handler_is_self_contained() -> None:
    handler = [path for path in FILES if package_of(path) == "handler"]
    assert set().union(*(own_packages(path) for path in handler)) == set()
