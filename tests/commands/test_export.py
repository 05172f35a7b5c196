"""The export commands: where they write, what they reject, and that none of them calls AWS."""

import json
import os
from pathlib import Path

import pytest

from items_api import __version__
from items_api.export import deployer, folders, openapi
from items_api.provision.policies import table_access_policy
from items_api.settings import Arns, Settings
from tests.aws import Account
from tests.commands.conftest import Run, document

FOLDERS = {"shell": folders.shell, "sam": folders.sam, "terraform": folders.terraform}


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("kind", FOLDERS)
def test_each_export_of_several_files_has_a_folder_of_its_own(run: Run, kind: str) -> None:
    result = run("export", kind, "--name", "team-todo", "--memory", "512")
    files = FOLDERS[kind](Settings(name="team-todo", memory=512))
    assert content(Path(f"team-todo-{kind}")) == files
    assert result.stdout == "".join(f"Wrote team-todo-{kind}/{name}\n" for name in files) + (
        "The settings come from options, variables and items-api.toml, not from the stack. To see the stack's settings, "
        "run items-api status --name team-todo --json.\n"
    )
    assert (result.exit_code, result.stderr) == (0, "")


def test_scripts_are_executable(run: Run) -> None:
    run("export", "shell", "--output", "elsewhere/scripts")
    assert os.access("elsewhere/scripts/up.sh", os.X_OK)
    assert os.access("elsewhere/scripts/down.sh", os.X_OK)


def test_a_folder_that_is_not_empty_is_not_changed(run: Run) -> None:
    Path("items-sam").mkdir()
    Path("items-sam/mine.txt").write_text("mine")
    result = run("export", "sam")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "Error: The folder items-sam is not empty.\n"
        "  Why:  An export does not overwrite files by default.\n"
        "  Next: Choose another location with --output, or overwrite with --force.\n"
    )
    assert content(Path("items-sam")) == {"mine.txt": b"mine"}


def test_force_replaces_only_the_files_of_the_export(run: Run) -> None:
    run("export", "sam")
    Path("items-sam/mine.txt").write_text("mine")
    assert run("export", "sam", "--timeout", "29", "--force").exit_code == 0
    assert content(Path("items-sam")) == {**folders.sam(Settings(timeout=29)), "mine.txt": b"mine"}


def test_an_empty_folder_is_used(run: Run) -> None:
    Path("items-terraform").mkdir()
    assert run("export", "terraform").exit_code == 0


def test_a_single_document_goes_to_stdout(run: Run) -> None:
    result = run("export", "deployer-policy", "--region", "eu-central-1")
    assert document(result) == deployer.policy(Settings(region="eu-central-1"))
    assert (result.exit_code, result.stderr) == (0, "")


def test_the_policy_can_be_restricted_to_an_account(run: Run) -> None:
    result = run("export", "deployer-policy", "--account", "123456789012")
    assert document(result) == deployer.policy(Settings(), "123456789012")


def test_the_policy_requires_the_boundary_of_the_stack(run: Run) -> None:
    arn = "arn:aws:iam::123456789012:policy/items-boundary"
    Path("items-api.toml").write_text(f'permissions-boundary = "{arn}"\n')
    written = document(run("export", "deployer-policy"))
    assert written == deployer.policy(Settings(permissions_boundary=arn))
    assert written["Statement"][1]["Condition"] == {"StringEquals": {"iam:PermissionsBoundary": arn}}


def test_the_policy_for_the_local_aws_comes_with_a_warning_that_says_what_differs(run: Run) -> None:
    result = run("export", "deployer-policy", "--local")
    assert document(result) == deployer.policy(Settings(), local=True)
    assert result.stderr.startswith("Warning: This policy is for the local AWS only. The statement LocalAws allows")
    arn = "arn:aws:iam::123456789012:policy/items-boundary"
    assert "no conditions" not in result.stderr
    assert "no conditions" in run("export", "deployer-policy", "--local", "--permissions-boundary", arn).stderr


def test_the_boundary_allows_what_the_function_may_do_with_any_index(run: Run) -> None:
    written = document(run("export", "boundary", "--name", "team-todo", "--account", "123456789012"))
    assert written == table_access_policy(Arns(Settings(name="team-todo"), "123456789012"), "*")


def test_the_openapi_document_has_the_indexes_and_the_authorization(run: Run) -> None:
    written = document(run("export", "openapi", "--index", "owner", "--auth", "iam"))
    assert written == openapi.document("items", __version__, settings=Settings(indexes=("owner",), auth="iam"))


def test_an_invalid_account_is_rejected(run: Run) -> None:
    result = run("export", "deployer-policy", "--account", "12345")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "Error: --account 12345 is not an account ID.\n  Next: An account ID has 12 digits.\n"


def test_a_single_document_goes_to_a_new_file(run: Run) -> None:
    result = run("export", "openapi", "--output", "docs/openapi.json", "--url", "https://api.example.com/")
    assert (result.exit_code, result.stdout) == (0, "Wrote docs/openapi.json\n")
    written = json.loads(Path("docs/openapi.json").read_text())
    assert written["servers"] == [{"url": "https://api.example.com"}]
    result = run("export", "openapi", "--output", "docs/openapi.json")
    assert result.exit_code == 1
    assert "The file docs/openapi.json already exists." in result.stderr
    assert json.loads(Path("docs/openapi.json").read_text()) == written


def test_openapi_writes_the_document_of_the_http_contract(run: Run) -> None:
    written = document(run("export", "openapi", "--name", "team-todo"))
    assert written == openapi.document("team-todo", written["info"]["version"])


def test_json_prints_one_document_on_stdout(run: Run) -> None:
    result = run("export", "terraform", "--json")
    report = document(result)
    assert (result.exit_code, report["ok"], report["name"]) == (0, True, "items")
    assert report["files"] == [f"items-terraform/{name}" for name in ("main.tf", "imports.sh", "function.zip")]
    *lines, note = result.stderr.splitlines()
    assert lines == [f"Wrote {path}" for path in report["files"]]
    assert note.startswith("The settings come from options, variables and items-api.toml, not from the stack.")
    assert run("export", "terraform", "--quiet", "--force").output == ""


def test_a_location_that_cannot_be_written_is_an_error(run: Run) -> None:
    Path("items-sam").write_text("a file")
    assert run("export", "sam").stderr.startswith("Error: items-sam is a file.\n")
    assert run("export", "openapi", "-o", ".").stderr.startswith("Error: . is a folder.\n")
    assert run("export", "sam", "-o", "items-sam/below").stderr.startswith(
        "Error: Could not write items-sam/below/template.yaml.\n"
    )


def test_settings_are_validated(run: Run) -> None:
    result = run("export", "sam", "--memory", "1")
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: --memory 1 is out of range.")


def test_items_api_toml_applies(run: Run) -> None:
    Path("items-api.toml").write_text('name = "team-todo"\nmemory = 512\n')
    run("export", "sam")
    assert content(Path("team-todo-sam")) == folders.sam(Settings(name="team-todo", memory=512))


def test_every_export_works_without_credentials(run: Run, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for kind in (*FOLDERS, "deployer-policy", "boundary", "openapi"):
        assert run("export", kind, "--output", f"out/{kind}").exit_code == 0
    assert list(account.journal) == []


@pytest.mark.parametrize("kind", ["shell", "deployer-policy", "boundary"])
def test_without_a_configured_region_an_export_names_the_one_that_it_is_for(
    run: Run, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    result = run("export", kind, "--output", "out")
    said = "Warning: No region is set, so this export is for us-east-1. To choose another one, add --region.\n"
    assert (result.exit_code, result.stderr) == (0, said)
    assert run("export", kind, "--output", "eu", "--region", "eu-west-1").stderr == ""


def test_the_container_says_who_may_call_it(run: Run) -> None:
    """Its settings are not those of the stack, unless they are given."""
    options = ("--auth", "jwt", "--jwt-issuer", "https://id.example", "--jwt-audience", "items")
    assert "Anyone who can reach the container can read and write items" in run("export", "container").stdout
    assert (
        "Callers need a token issued by https://id.example.\n" in run("export", "container", "--force", *options).stdout
    )
    refused = run("export", "container", "--force", "--auth", "iam")
    assert (refused.exit_code, "cannot verify AWS signatures" in refused.stderr) == (2, True)
