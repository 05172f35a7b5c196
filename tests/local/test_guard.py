"""Only the owner can use the local AWS; in particular, web pages cannot."""

from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from items_api import local
from items_api.local import LocalAws
from tests.local.conftest import client, kill, prepare_home


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    home = tmp_path_factory.mktemp("home")
    prepare_home(home)
    yield home
    kill(home)


@pytest.fixture(scope="module")
def running(home: Path) -> LocalAws:
    """A server that all tests share, because none of them changes anything."""
    return local.ensure_running(home)


def status(running: LocalAws, method: str, path: str, headers: dict[str, str]) -> int:
    connection = HTTPConnection("127.0.0.1", running.port)
    with closing(connection):
        connection.request(method, path, headers=headers)
        return connection.getresponse().status


def test_the_root_access_key_is_a_secret(running: LocalAws, home: Path) -> None:
    """Ministack by itself accepts "test" and any account id as the root user, who can run code as the user."""
    assert (home / "local-aws" / "settings.json").stat().st_mode & 0o777 == 0o600
    for other in ("test", "123456789012", "999999999999", "LOCAL"):
        with pytest.raises(ClientError) as caught:
            client(running, "lambda", access_key=other).list_functions()
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    with pytest.raises(ClientError, match="UnrecognizedClientException"):
        client(running, "lambda", access_key="AKIAUNKNOWN").list_functions()


@pytest.mark.parametrize("host", ["127.0.0.1", "0140793a.execute-api.localhost"])
@pytest.mark.parametrize("query", ["", "?X-Amz-Credential=AKIAUNKNOWN/20260101/us-east-1/s3/aws4_request"])
@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/_ministack/reset"), ("POST", "/_ministack/config"), ("GET", "/_ministack/lambda-code/items-api")],
)
def test_the_admin_api_is_blocked(running: LocalAws, method: str, path: str, query: str, host: str) -> None:
    """Ministack by itself requires no authentication for it, with any host name."""
    assert status(running, method, path + query, {"Host": f"{host}:{running.port}"}) == 403


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/2015-03-31/functions", {}),
        ("GET", "/2015-03-31/functions?X-Amz-Credential=test/20260101/us-east-1/lambda/aws4_request", {}),
        ("GET", "/2015-03-31/functions", {"Authorization": "AWS4-HMAC-SHA256 Credential=123456789012/x/x/lambda/x"}),
        ("OPTIONS", "/", {"Origin": "https://evil.example"}),
        ("GET", "/items", {"Host": "0140793a.execute-api.localhost"}),
        ("GET", "/_aws/execute-api/0140793a/$default/items", {}),
        ("GET", "/_items-api/status", {}),
        ("GET", "/_items-api/save", {"Authorization": "test"}),
    ],
)
def test_a_web_page_cannot_act_as_the_owner(running: LocalAws, method: str, path: str, headers: dict[str, str]) -> None:
    assert status(running, method, path, headers) == 403
