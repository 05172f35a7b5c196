"""For the whole suite: no test reaches AWS, and no test sends a request that AWS would reject as malformed."""

import gc
import importlib
import os
import signal
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.httpsession import URLLib3Session
from moto import mock_aws

from tests.aws import MOTO, NO_DELAYS, Account
from tests.aws.conformity import violations
from tests.aws.speed import speed_up
from tests.forking import forking

# moto and botocore create many short-lived objects, and looking for garbage among them takes a tenth of the time.
gc.set_threshold(100_000, 50, 50)
gc.freeze()
speed_up()

# A shell ignores Ctrl-C in jobs that it starts in the background, and nohup the end of the terminal. So would the
# commands under test.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

# Subprocesses inherit these variables, so they are set permanently and not by a fixture.
for _name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[_name]
os.environ.update(
    AWS_ACCESS_KEY_ID="testing",
    AWS_SECRET_ACCESS_KEY="testing",
    AWS_DEFAULT_REGION="us-east-1",
    AWS_CONFIG_FILE=os.devnull,
    AWS_SHARED_CREDENTIALS_FILE=os.devnull,
    AWS_EC2_METADATA_DISABLED="true",
)


@pytest.fixture
def account() -> Iterator[Account]:
    """An empty AWS account: moto, with AWS's usual delays on a virtual clock."""
    with mock_aws(config=MOTO), Account() as account:
        yield account


@pytest.fixture
def quick_account() -> Iterator[Account]:
    """The same, without delays."""
    with mock_aws(config=MOTO), Account(delays=NO_DELAYS) as account:
        yield account


@pytest.fixture(scope="session")
def quick_local_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Until the end of the session, the local AWS is forked from a process that has imported its libraries."""
    folder = tmp_path_factory.mktemp("local-aws")
    libraries = ("hypercorn.asyncio", "wsproto", "yaml", "defusedxml.ElementTree", "items_api.oidc.token")
    with forking(folder, "local-aws", "items_api.local.server:main", *libraries) as program:
        os.environ["TESTS_LOCAL_AWS"] = str(program)
        importlib.import_module("tests.local.quick")
        yield


@pytest.fixture(autouse=True)
def _every_request_is_well_formed() -> Iterator[None]:
    """Fail the test even if the code under test swallows the error."""
    violations.clear()
    yield
    if violations:
        pytest.fail("\n".join(violations), pytrace=False)


@pytest.fixture(autouse=True, scope="session")
def _no_request_leaves_this_computer() -> Iterator[None]:
    send = URLLib3Session.send

    def send_if_local(self: URLLib3Session, request: Any) -> Any:
        host = urlsplit(request.url).hostname or ""
        if host not in ("localhost", "127.0.0.1", "::1"):
            raise AssertionError(f"a test tried to reach {request.url}")
        return send(self, request)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(URLLib3Session, "send", send_if_local)
        yield


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print how many cases of the fault matrix all workers ran."""
    reports = [report for outcome in ("passed", "failed") for report in terminalreporter.stats.get(outcome, [])]
    cases = [count for report in reports for name, count in report.user_properties if name == "matrix cases"]
    if cases:
        terminalreporter.write_line(f"fault matrix: {sum(cases)} cases")
