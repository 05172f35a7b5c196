"""A new version of the code, on the local AWS, which really runs it: callers never notice one that is broken."""

import shutil
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import items_api
from tests.local.conftest import Cli, run

# What replaces the handler's entry point -> what `up` says about it.
BROKEN = {
    'raise RuntimeError("no table")': "no table",
    "from . import missing": "missing",
    "def handler(event, context): time.sleep(9)": "timed out",
    'def handler(event, context): return {"statusCode": 200, "body": "[]"}': "returned 200 instead of 404",
    "def handler(event, context): return [1]": "returned no HTTP status",
}


@contextmanager
def calling(url: str) -> Iterator[list[object]]:
    """Request the URL until the end of the block. Yields what went wrong."""
    failures: list[object] = []
    done = threading.Event()

    def call() -> None:
        while not done.is_set():
            try:
                urllib.request.urlopen(url, timeout=10).close()
            except OSError as error:
                failures.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    yield failures
    done.set()
    thread.join()


def test_a_broken_handler_never_goes_live_and_the_old_version_answers_throughout(cli: Cli, tmp_path: Path) -> None:
    endpoint = cli.json("up", "--timeout", "1")["endpoint"]
    live = cli.json("status")["details"]["release"]
    copy = tmp_path / "copy"
    shutil.copytree(Path(items_api.__file__).parent, copy / "items_api")
    index = copy / "items_api" / "handler" / "index.py"
    code = index.read_text()
    with calling(f"{endpoint}/items") as failures:
        for end, said in BROKEN.items():
            index.write_text(f"{code}\n{end}\n")
            broken = run(
                [sys.executable, "-m", "items_api", "up", "--local", "--yes"],
                env=cli.environment | {"PYTHONPATH": str(copy)},
                cwd=copy,
            )
            assert broken.returncode == 1
            assert "failed its check. It is not live." in broken.stdout
            assert said in broken.stdout
    assert failures == []
    assert cli.json("status")["details"]["release"] == live


def test_callers_do_not_notice_that_an_api_of_the_bare_function_is_switched_to_the_release(cli: Cli) -> None:
    """As the tutorial leaves it."""
    endpoint = cli.json("up")["endpoint"]
    lambda_, gateway = cli.client("lambda"), cli.client("apigatewayv2")
    api = gateway.get_apis()["Items"][0]["ApiId"]
    integration = gateway.get_integrations(ApiId=api)["Items"][0]
    function = integration["IntegrationUri"].removesuffix(":live")
    lambda_.remove_permission(FunctionName="items-api", StatementId="apigw", Qualifier="live")
    lambda_.add_permission(
        FunctionName="items-api",
        StatementId="apigw",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
        SourceArn=f"arn:aws:execute-api:us-east-1:123456789012:{api}/*",
    )
    gateway.update_integration(ApiId=api, IntegrationId=integration["IntegrationId"], IntegrationUri=function)
    lambda_.delete_alias(FunctionName="items-api", Name="live")
    with calling(f"{endpoint}/items") as failures:
        cli.ok("up", "--yes")
    assert failures == []
    assert cli("status").returncode == 0


def test_callers_notice_neither_a_new_version_nor_a_rollback(cli: Cli) -> None:
    with calling(f"{cli.json('up')['endpoint']}/items") as failures:
        first = cli.json("status")["details"]["release"]["live"]
        cli.ok("up", "--memory", "512")
        cli.ok("rollback", "--yes")
    assert failures == []
    status = cli.json("status")
    assert status["details"]["release"]["live"] == first
    assert [r["name"] for r in status["resources"] if r["state"] != "ok"] == ["live"]
