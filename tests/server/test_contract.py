"""The checks for the deployed API pass unchanged: smoke, and schemathesis with every check."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from items_api.export.container import container
from items_api.export.openapi import document
from items_api.handler import ROUTES
from items_api.settings import Settings
from tests.handler.conftest import FakeDynamoDB, Harness
from tests.handler.test_schemathesis import CONFIG
from tests.issuers import AUDIENCE, Issuer
from tests.server.conftest import COMMAND, arguments, environment, serving

UNLIMITED = ("--throttle-rate", "10000", "--throttle-burst", "5000")


@pytest.mark.parametrize("authorization", ["none", "jwt"])
def test_smoke_passes(
    dynamodb: FakeDynamoDB, new_harness: Callable[..., Harness], issuer: Issuer, tmp_path: Path, authorization: str
) -> None:
    """The indexes and origins come from options, or from the file of the exported container in the current folder."""
    new_harness("owner")
    contract = ["--index", "owner", "--cors-origin", "https://app.example"]
    options = ["--auth", authorization, *contract]
    smoke = [COMMAND, "smoke", "--json"]
    folder = tmp_path / "export"
    folder.mkdir()
    if authorization == "none":
        settings = Settings(indexes=("owner",), cors_origins=("https://app.example",))
        (folder / "items-api.toml").write_bytes(container(settings)["items-api.toml"])
    else:
        smoke += contract
        options += ["--jwt-issuer", issuer.url, "--jwt-audience", AUDIENCE]
        options += ["--jwt-read-scope", "read", "--jwt-write-scope", "write"]
        smoke += ["--token", issuer.token(scope="read write"), "--read-token", issuer.token(scope="read")]
    with serving(tmp_path, arguments(dynamodb, *options, *UNLIMITED)) as server:
        line = [*smoke, "--url", server.url]
        done = subprocess.run(
            line, cwd=folder, env=environment(), capture_output=True, text=True, timeout=120, check=False
        )
    assert done.returncode == 0, done.stderr
    checks = json.loads(done.stdout)["checks"]
    assert len(checks) > (38 if authorization == "jwt" else 32)


def test_schemathesis_finds_no_violation(
    dynamodb: FakeDynamoDB, new_harness: Callable[..., Harness], tmp_path: Path
) -> None:
    new_harness("owner")
    schema = tmp_path / "openapi.json"
    schema.write_text(json.dumps(document("Items", "1", settings=Settings(indexes=("owner",)))))
    st = [str(Path(sys.executable).with_name("st")), "--config-file", str(CONFIG)]
    checks = ["--checks", "all", "--max-examples", "10", "--generation-deterministic", "--no-color"]
    options = ("--auth", "none", "--index", "owner", *UNLIMITED)
    with serving(tmp_path, arguments(dynamodb, *options)) as server:
        run = [*st, "run", str(schema), "--url", server.url, *checks]
        done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert {line["route"] for line in server.log() if line["status"] < 300} == set(ROUTES)
