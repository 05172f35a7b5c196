"""The export commands: where they write, what they reject, and that none of them calls AWS."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest import CaptureFixture, MonkeyPatch  # noqa: PT013

from items_api.cli import cli
from items_api.export import deployer, folders
from items_api.export.openapi import document
from items_api.settings import Settings

Run = Callable[..., tuple[int, str, str]]

FOLDERS = {"shell": folders.shell, "sam": folders.sam, "terraform": folders.terraform}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: MonkeyPatch, capsys: CaptureFixture[str]) -> Run:
    """Runs a command in an empty folder and returns its exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def invoke(*args: str) -> tuple[int, str, str]:
        code = cli.main(["export", *args], standalone_mode=False)
        said = capsys.readouterr()
        return code, said.out, said.err

    return invoke


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("kind", FOLDERS)
def test_several_files_go_into_a_folder_named_after_the_stack(run: Run, kind: str) -> None:
    code, out, err = run(kind, "--name", "team-todo", "--memory", "512")
    files = FOLDERS[kind](Settings(name="team-todo", memory=512))
    assert content(Path("team-todo")) == files
    assert out == "".join(f"Wrote team-todo/{name}\n" for name in files)
    assert (code, err) == (0, "")


def test_scripts_are_executable(run: Run) -> None:
    run("shell", "--output", "elsewhere/scripts")
    assert os.access("elsewhere/scripts/up.sh", os.X_OK)
    assert os.access("elsewhere/scripts/down.sh", os.X_OK)


def test_a_folder_that_is_not_empty_is_not_changed(run: Run) -> None:
    Path("items").mkdir()
    Path("items/mine.txt").write_text("mine")
    code, out, err = run("sam")
    assert (code, out) == (1, "")
    assert err == (
        "Error: The folder items is not empty.\n"
        "  Why:  An export does not overwrite files by default.\n"
        "  Next: Choose another location with --output, or overwrite with --force.\n"
    )
    assert content(Path("items")) == {"mine.txt": b"mine"}


def test_force_replaces_only_the_files_of_the_export(run: Run) -> None:
    run("sam")
    Path("items/mine.txt").write_text("mine")
    code, _, _ = run("sam", "--timeout", "29", "--force")
    assert code == 0
    assert content(Path("items")) == {**folders.sam(Settings(timeout=29)), "mine.txt": b"mine"}


def test_an_empty_folder_is_used(run: Run) -> None:
    Path("items").mkdir()
    assert run("terraform")[0] == 0


def test_a_single_document_goes_to_stdout(run: Run) -> None:
    code, out, err = run("deployer-policy", "--region", "eu-central-1")
    assert json.loads(out) == deployer.policy(Settings(region="eu-central-1"))
    assert (code, err) == (0, "")


def test_the_policy_can_be_restricted_to_an_account(run: Run) -> None:
    _, out, _ = run("deployer-policy", "--account", "123456789012")
    assert json.loads(out) == deployer.policy(Settings(), "123456789012")


def test_an_invalid_account_is_rejected(run: Run) -> None:
    code, out, err = run("deployer-policy", "--account", "12345")
    assert (code, out) == (2, "")
    assert err == "Error: --account '12345' is not an account ID.\n  Next: An account ID has 12 digits.\n"


def test_a_single_document_goes_to_a_new_file(run: Run) -> None:
    assert run("openapi", "--output", "docs/openapi.json", "--url", "https://api.example.com/")[:2] == (
        0,
        "Wrote docs/openapi.json\n",
    )
    written = json.loads(Path("docs/openapi.json").read_text())
    assert written["servers"] == [{"url": "https://api.example.com"}]
    code, _, err = run("openapi", "--output", "docs/openapi.json")
    assert code == 1
    assert "The file docs/openapi.json already exists." in err
    assert json.loads(Path("docs/openapi.json").read_text()) == written


def test_openapi_writes_the_document_of_the_http_contract(run: Run) -> None:
    out = json.loads(run("openapi", "--name", "team-todo")[1])
    assert out == document("team-todo", out["info"]["version"])


def test_json_prints_one_document_on_stdout(run: Run) -> None:
    code, out, err = run("terraform", "--json")
    report = json.loads(out)
    assert (code, report["ok"], report["name"]) == (0, True, "items")
    assert report["files"] == ["items/main.tf", "items/imports.sh", "items/function.zip"]
    assert err == "".join(f"Wrote {path}\n" for path in report["files"])


def test_a_location_that_cannot_be_written_is_an_error(run: Run) -> None:
    Path("items").write_text("a file")
    assert run("sam")[2].startswith("Error: items is a file.\n")
    assert run("openapi", "-o", ".")[2].startswith("Error: . is a folder.\n")
    assert run("sam", "-o", "items/below")[2].startswith("Error: Could not write items/below/template.yaml.\n")


def test_settings_are_validated(run: Run) -> None:
    code, _, err = run("sam", "--memory", "1")
    assert code == 2
    assert err.startswith("Error: --memory 1 is out of range.")


def test_items_api_toml_applies(run: Run) -> None:
    Path("items-api.toml").write_text('name = "team-todo"\nmemory = 512\n')
    run("sam")
    assert content(Path("team-todo")) == folders.sam(Settings(name="team-todo", memory=512))


def test_every_export_works_without_credentials(run: Run, monkeypatch: MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for kind in (*FOLDERS, "deployer-policy", "openapi"):
        assert run(kind, "--output", f"out/{kind}")[0] == 0
