"""The whole run, with the local AWS in place of an account."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import pytest

from items_api.local import ACCOUNT, LocalAws
from items_api.settings import Settings
from tests.aws import Account
from tests.export.conftest import local_aws_in
from tests.forking import forking
from tests.live import existing
from tests.live.__main__ import clean_up
from tests.live.existing import STARTED_TAG, Resource, abandoned
from tests.live.processes import ROOT, StepFailed
from tests.live.report import Report
from tests.live.scenario import Run

NOW = datetime(2026, 11, 25, tzinfo=UTC)
OURS = {
    "managed-by": "items-api",
    "items-api:stack": "live-a",
    "items-api:region": "us-east-1",
    STARTED_TAG: (NOW - timedelta(hours=2)).isoformat(),
}


class Live:
    """Runs `python -m tests.live` and keeps what it writes in `output`."""

    def __init__(self, local_aws: LocalAws, output: Path) -> None:
        self.output = output
        self.environment = {
            **os.environ,
            "AWS_ENDPOINT_URL": local_aws.endpoint_url,
            "AWS_ACCESS_KEY_ID": local_aws.access_key,
            "AWS_SECRET_ACCESS_KEY": local_aws.secret_key,
            "AWS_REGION": "us-east-1",
            "PYTHONPATH": str(ROOT),
        }
        self.session = boto3.Session(local_aws.access_key, local_aws.secret_key, region_name="us-east-1")
        self.endpoint = local_aws.endpoint_url

    def __call__(self, *steps: str, account: str = ACCOUNT) -> subprocess.CompletedProcess[str]:
        only = [argument for step in steps for argument in ("--only", step)]
        return subprocess.run(
            [sys.executable, "-m", "tests.live", "--output", str(self.output), *only],
            env={**self.environment, "ITEMS_API_LIVE_ACCOUNT": account},
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    @property
    def recording(self) -> str:
        return "".join(path.read_text() for path in self.output.rglob("*.jsonl"))

    def create_role(self, name: str, stack: str, started: datetime, *, managed_by: str = "items-api") -> None:
        tags = OURS | {"managed-by": managed_by, "items-api:stack": stack, STARTED_TAG: started.isoformat()}
        pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
        iam = self.session.client("iam", endpoint_url=self.endpoint)
        iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}", Tags=pairs)  # type: ignore[arg-type]

    def roles(self) -> set[str]:
        iam = self.session.client("iam", endpoint_url=self.endpoint)
        return {role["RoleName"] for role in iam.list_roles()["Roles"]}


@pytest.fixture(scope="module")
def local_aws(tmp_path_factory: pytest.TempPathFactory, quick_local_aws: None) -> Iterator[LocalAws]:
    with local_aws_in(tmp_path_factory.mktemp("live")) as running:
        yield running


@pytest.fixture(scope="module")
def forked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    modules = ("boto3", *(f"items_api.commands.{name}" for name in ("up", "down", "status", "smoke")))
    with forking(tmp_path_factory.mktemp("live-cli"), "items-api", "tests.live.cli:record", *modules) as program:
        yield program


@pytest.fixture
def live(local_aws: LocalAws, forked: Path, tmp_path: Path) -> Live:
    live = Live(local_aws, tmp_path)
    live.environment["TESTS_LIVE_CLI"] = str(forked)
    return live


def test_another_account_is_refused_before_any_other_call(live: Live) -> None:
    refused = live("up", account="999999999999")
    assert refused.returncode == 2
    assert (
        f"Your credentials belong to account {ACCOUNT}, but ITEMS_API_LIVE_ACCOUNT is 999999999999." in refused.stderr
    )
    assert refused.stdout == ""
    assert list(live.output.iterdir()) == []


def test_without_the_variable_nothing_is_called(live: Live) -> None:
    live.environment["AWS_ENDPOINT_URL"] = "http://127.0.0.1:9"
    refused = live("up", account="")
    assert (refused.returncode, refused.stderr.splitlines()[0]) == (2, "ITEMS_API_LIVE_ACCOUNT is not set.")


def test_a_run_leaves_nothing_behind_and_reports_its_steps_and_cost(live: Live) -> None:
    done = live(
        "up", "up again", "smoke", "probes of http", "drift and repair", "down", "restricted deployer", "killed up"
    )
    assert done.returncode == 0, done.stdout
    assert "No leaks.\nCost: under $0.01." in done.stdout
    row = (live.output / "docs" / "live.md").read_text()
    assert "| us-east-1 (emulator) |" in row
    assert row.endswith("| none |\n")
    assert '"operation": "CreateTable"' in live.recording
    assert '"path": "/items/a%2Fb"' in live.recording
    assert live.environment["AWS_ACCESS_KEY_ID"] not in live.recording


def test_a_failure_in_the_middle_still_cleans_up(live: Live) -> None:
    """Without `up`, the second `up` creates the stack instead of finding it unchanged."""
    done = live("up again", "smoke")
    assert done.returncode == 1
    assert "failed  up again" in done.stdout
    assert "smoke" not in done.stdout
    assert "up again: up reports ['created'], not ['unchanged']" in done.stdout
    assert "No leaks." in done.stdout
    assert not any(name.endswith("-api-role") for name in live.roles())


@dataclass
class BrokenProcesses:
    """`items-api` fails each time."""

    def run(self, *_: str) -> None:
        raise StepFailed("down exited with 1")


def test_what_cleanup_cannot_delete_is_reported_as_a_leak(account: Account) -> None:
    session, settings = boto3.Session(region_name="us-east-1"), Settings(name="live-a1")
    session.client("logs").create_log_group(logGroupName=settings.log_group_name)
    session.client("logs").create_log_group(logGroupName="/aws/lambda/live-b2-api")
    run, report = Run(session, ACCOUNT, "", settings, BrokenProcesses(), emulated=True), Report("", "")  # type: ignore[arg-type]
    clean_up(run, report, session, pause=lambda _: None)
    assert report.leaks == ["log group /aws/lambda/live-a1-api"]
    assert report.failure == "cleanup: down exited with 1\n"
    assert not report.ok


@pytest.mark.parametrize(
    ("kind", "tags", "expected"),
    [
        ("table", {}, ["live-a"]),
        ("role", {}, ["live-a"]),
        ("table", {STARTED_TAG: (NOW - timedelta(minutes=59)).isoformat()}, []),
        ("table", {STARTED_TAG: "yesterday"}, []),
        ("table", {STARTED_TAG: "2026-01-01T00:00:00"}, []),
        ("table", {"managed-by": "terraform"}, []),
        ("table", {"items-api:stack": "alive"}, []),
        ("table", {"items-api:stack": ""}, []),
        ("role", {"items-api:region": "eu-west-1"}, []),
    ],
)
def test_the_sweep_takes_only_stacks_of_runs_that_are_over(
    kind: str, tags: dict[str, str], expected: list[str]
) -> None:
    assert abandoned([Resource(kind, "live-a-x", OURS | tags)], "us-east-1", NOW) == (expected, [])


def test_a_stack_of_a_user_that_is_named_like_a_run_is_kept() -> None:
    tags = {key: value for key, value in OURS.items() if key != STARTED_TAG}
    assert abandoned([Resource("table", "LiveA", tags)], "us-east-1", NOW) == ([], [])


def test_the_sweep_deletes_an_abandoned_deployer_and_nothing_else(live: Live) -> None:
    long_ago, now = datetime.now(UTC) - timedelta(hours=2), datetime.now(UTC)
    live.create_role("live-old-deployer", "live-old", long_ago)
    live.create_role("live-new-deployer", "live-new", now)
    live.create_role("live-foreign-deployer", "live-foreign", long_ago, managed_by="me")
    assert live("no step").returncode == 0
    assert {name for name in live.roles() if name.startswith(existing.PREFIX)} == {
        *("live-new-deployer", "live-foreign-deployer")
    }
