"""Errors: one block on stderr, a document with --json, and an exit code."""

import errno
import os
import resource

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError

from items_api import local
from tests.aws import Account, ErrorResponse, Fault, Process
from tests.commands.conftest import Run, document

USER = "arn:aws:iam::123456789012:user/dev"
ERRORS = {
    "AccessDenied": (
        ErrorResponse(
            "AccessDenied", f"User: {USER} is not authorized to perform: iam:GetRole on resource: role x", 403
        ),
        "iam.GetRole",
        "needs iam:GetRole",
    ),
    "NoCredentials": (
        ErrorResponse("ExpiredToken", "The security token included in the request is expired", 403),
        "sts.GetCallerIdentity",
        "expired",
    ),
}


@pytest.mark.parametrize("kind", ERRORS)
@pytest.mark.parametrize("command", ["up", "status", "down", "smoke"])
def test_an_error_is_one_block_on_stderr_and_a_document_with_json(
    run: Run, process: Process, kind: str, command: str
) -> None:
    error, operation, said = ERRORS[kind]
    if command == "smoke":
        operation = "sts.GetCallerIdentity"
    process.faults.at(operation, 1, error, times=9)
    result = run(command, "--json")
    report = document(result)
    assert (result.exit_code, report["ok"], report["error"]["type"]) == (1, False, kind)
    assert report["error"].keys() == {"type", "what", "why", "todo"}
    assert report["checks" if command == "smoke" else "resources"] == []
    assert said in report["error"]["what"] + report["error"]["todo"]
    assert result.stderr.count("Error: ") == 1
    assert "Traceback" not in result.stderr


def test_a_foreign_resource_stops_up_before_its_first_write(run: Run, account: Account) -> None:
    boto3.client("logs").create_log_group(logGroupName="/aws/lambda/items-api")
    result = run("up", "--json")
    report = document(result)
    assert (result.exit_code, report["error"]["type"]) == (1, "ForeignResource")
    assert (report["account"], report["region"]) == ("123456789012", "us-east-1")
    assert account.journal.writes() == []


def test_verbose_adds_the_traceback(run: Run, process: Process) -> None:
    process.faults.at("sts.GetCallerIdentity", 1, Fault.DENIED)
    assert "Traceback" in run("status", "--verbose").stderr


def test_an_unexpected_exception_is_a_bug_with_traceback_on_request(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "home", lambda: 1 / 0)
    result = run("status", "--local", "--json")
    assert (result.exit_code, document(result)["error"]["type"]) == (1, "Bug")
    assert "Traceback" not in result.stderr
    assert "ZeroDivisionError" in run("status", "--local", "--verbose").stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("up", "--memory", "100"), "--memory 100 is out of range"),
        (("up", "--memory", "much"), "not a valid integer"),
        (("up", "--name", "Capital"), "for example capital"),
        (("up", "--region", "us-esat-1"), "us-east-1"),
        (("up", "--region", "eusc-de-east-1"), "not a region"),
        (("up", "--tag", "x"), "for example team=web"),
        (("up", "--endpoint-url", "foo"), "--endpoint-url foo is not an HTTP URL"),
        (("up", "--local", "--profile", "x"), "--local cannot be combined with --profile x"),
        (("up", "--memroy", "5"), "Did you mean '--memory'?"),
        (("smoke", "--url", "ftp://a.example"), "--url ftp://a.example is not the base URL of an API"),
        (("smoke", "--url", "https://a.example:99999"), "Port out of range"),
        (("smoke", "--url", "127.0.0.1:8000"), "Next: Use a URL like http://127.0.0.1:8000."),
        (("smoke", "--url", "a.example"), "Next: Use a URL like https://a.example."),
        (("smoke", "--url", "http:/a.example"), "Next: Use a URL like https://a1b2c3d4e5.execute-api."),
        (
            ("smoke", "--url", "https://a.example", "--cors-origin", "a.example"),
            "--cors-origin a.example is not an origin",
        ),
        (("smoke", "--url", "https://a.example", "--local"), "cannot be combined with --local"),
        (("smoke", "--url", "https://a.example", "--name", "items"), "cannot be combined with --name"),
        (("smoke", "--url", "https://a.example", "--region", "us-east-1"), "cannot be combined with --region"),
        (("smoke", "--url", "https://a.example", "--profile", "x"), "cannot be combined with --profile"),
        (("smoke", "--url", "https://a.example", "--endpoint-url", "http://b"), "combined with --endpoint-url"),
        (("export", "openapi", "--url", "a.example"), "--url a.example is not the base URL"),
        (("status", "--watch", "--json"), "--watch needs a terminal"),
        (("status", "--watch"), "--watch needs a terminal"),
        (("frobnicate",), "There is no command 'frobnicate'."),
        (("statsu",), "There is no command 'statsu'. Did you mean status?"),
        (("export", "terafrom"), "There is no command 'terafrom'. Did you mean terraform?"),
        (("help", "expotr"), "There is no command 'expotr'. Did you mean export?"),
        (("help", "export", "sma"), "There is no command 'sma'. Did you mean sam?"),
        (("help", "up", "now"), "up has no commands."),
        (
            ("logs", "--since", "yesterday-ish"),
            (
                "Invalid value for '--since': 'yesterday-ish' is not a time. Use an age like 30s, 15m, 2h or 1d, or an "
                "ISO 8601 time like 2026-11-23T10:00 or 2026-11-23T09:00Z."
            ),
        ),
    ],
)
def test_a_usage_error_is_exit_2_before_any_call(
    run: Run, account: Account, arguments: tuple[str, ...], said: str
) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stdout == ""
    assert len(account.journal) == 0


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [("sts.GetCallerIdentity", ["status"]), ("dynamodb.Scan", ["dump", "items.jsonl"])],
)
@pytest.mark.parametrize("reported_by_botocore", [True, False])
def test_too_many_open_files_is_reported_as_a_limit_and_not_as_a_bug(
    run: Run, process: Process, operation: str, arguments: list[str], *, reported_by_botocore: bool
) -> None:
    def fail() -> None:
        error = OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        if reported_by_botocore:
            raise EndpointConnectionError(endpoint_url="https://aws.example", error=error) from error
        raise error

    run("up")
    process.faults.at(operation, 1 + process.counts[operation], fail, times=99)
    result = run(*arguments)
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert result.exit_code == 1
    assert result.stderr.endswith(
        f"Error: Too many files are open.\n  Why:  The limit of this process is {limit:,} files and sockets.\n"
        "  Next: Raise it with ulimit -n, and run the command again.\n"
    )
