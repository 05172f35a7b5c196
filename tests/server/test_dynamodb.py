"""The server signs with the keys that the provider chain has now."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from items_api.aws.errors import AwsError, NoAnswer
from items_api.aws.keys import KeyChain, Keys
from items_api.aws.session import aws_account
from items_api.errors import AwsUnreachable, NoCredentials
from items_api.server.dynamodb import Credentials
from tests.handler.conftest import Exchange, FakeDynamoDB
from tests.server.conftest import KEYS, Serve, eventually
from tests.servers import QuietHandler, serving


class Container(ThreadingHTTPServer):
    """The credentials endpoint of a container. `answer` is what it answers; None is an error."""

    answer: dict[str, str] | None = None

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), ContainerRequest)

    def gives(self, key: str, seconds: float) -> None:
        expires = datetime.now(UTC) + timedelta(seconds=seconds)
        self.answer = {
            "AccessKeyId": key,
            "SecretAccessKey": "s",
            "Token": f"token of {key}",
            "Expiration": expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }


class ContainerRequest(QuietHandler):
    server: Container

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
        content = json.dumps(self.server.answer or {}).encode()
        self.send_response(500 if self.server.answer is None else 200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture
def container(monkeypatch: pytest.MonkeyPatch) -> Iterator[Container]:
    server = Container()
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"http://127.0.0.1:{server.server_port}/")
    with serving(server):
        yield server


def chain() -> KeyChain:
    return KeyChain(lambda: aws_account(profile=None, region="eu-central-1", endpoint_url="http://127.0.0.1:1"))


def signed_by(credentials: Credentials) -> str:
    return credentials.headers("X", b"", 0)["authorization"].partition("Credential=")[2].partition("/")[0]


def credentials_of(source: KeyChain, said: list[str]) -> Credentials:
    return Credentials(source, "host", "eu-central-1", said.append)


def test_keys_are_renewed_before_they_expire(container: Container) -> None:
    container.gives("FIRST", 60)  # botocore renews keys in their last 15 minutes
    credentials = credentials_of(chain(), [])
    assert signed_by(credentials) == "FIRST"
    container.gives("SECOND", 6 * 3600)
    assert credentials.renew() == ""
    assert signed_by(credentials) == "SECOND"
    assert credentials.headers("X", b"", 0)["x-amz-security-token"] == "token of SECOND"


def test_the_old_keys_are_used_while_new_ones_are_not_there(container: Container) -> None:
    container.gives("FIRST", 60)
    credentials = credentials_of(chain(), [])
    container.answer = None
    assert credentials.renew().startswith("The AWS credentials cannot be renewed: ")
    assert signed_by(credentials) == "FIRST"


def test_without_keys_there_is_an_error(container: Container) -> None:
    with pytest.raises(AwsError):
        credentials_of(chain(), [])


def test_keys_that_someone_has_replaced_in_a_file_are_found_when_aws_rejects_the_old_ones(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """For example, by `aws sso login`, or another tool that writes temporary keys."""
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)
    file = tmp_path / "credentials"
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    file.write_text("[default]\naws_access_key_id = FIRST\naws_secret_access_key = s\n")
    credentials = credentials_of(chain(), [])
    file.write_text("[default]\naws_access_key_id = SECOND\naws_secret_access_key = s\n")
    assert (credentials.renew(), signed_by(credentials)) == ("", "FIRST")
    credentials.reject()
    assert (credentials.renew(), signed_by(credentials)) == ("", "SECOND")
    credentials.reject()
    assert credentials.renew().startswith("AWS rejects the credentials. Renew them: ")


def test_a_file_that_someone_is_writing_is_read_again_later(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)
    file = tmp_path / "credentials"
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    file.write_text("[default]\naws_access_key_id = FIRST\naws_secret_access_key = s\n")
    said = list[str]()
    credentials = credentials_of(chain(), said)
    for broken in ("[default]\naws_access", "[defau"):
        file.write_text(broken)
        credentials.reject()
        assert credentials.renew().startswith("The AWS credentials cannot be renewed: ")
    file.write_text("[default]\naws_access_key_id = SECOND\naws_secret_access_key = s\n")
    assert (credentials.renew(), signed_by(credentials)) == ("", "SECOND")


class Failing:
    """A chain whose keys cannot be renewed."""

    def __init__(self, error: Exception) -> None:
        self.calls = 0
        self.error = error

    def current(self, *, again: bool = False) -> Keys:
        self.calls += 1
        if self.calls > 1:
            raise self.error
        return Keys("FIRST", "s")


@pytest.mark.parametrize(
    "error",
    [
        NoAnswer(NoCredentials, "no usable AWS credentials", "500", "", sent=False),
        AwsUnreachable("There is no profile."),
        UnicodeDecodeError("utf-8", b"x", 0, 1, "invalid"),
    ],
)
def test_the_thread_says_once_that_keys_cannot_be_renewed(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    monkeypatch.setattr("items_api.server.dynamodb._RENEW_SECONDS", 0.01)
    monkeypatch.setattr("items_api.server.dynamodb._PAUSE_SECONDS", 0.01)
    source, said = Failing(error), list[str]()
    credentials = credentials_of(source, said)  # type: ignore[arg-type]
    credentials.start()
    eventually(lambda: source.calls > 5)
    credentials.stop()
    (problem,) = said
    assert problem.startswith("The AWS credentials cannot be renewed: ")


def test_expired_keys_are_a_500_and_not_ready_until_there_are_new_ones(
    serve: Serve, dynamodb: FakeDynamoDB, tmp_path: Path
) -> None:
    file = tmp_path / "keys"
    file.write_text("[default]\naws_access_key_id = OLD\naws_secret_access_key = s\n")
    server = serve(AWS_SHARED_CREDENTIALS_FILE=str(file), AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
    expired = True

    def rejects_old_keys(exchange: Exchange) -> None:
        if expired and "Credential=OLD/" in exchange.headers["authorization"]:
            exchange.reject(400, "ExpiredTokenException", "The security token included in the request is expired")
        else:
            exchange.succeeds()

    dynamodb.faults = [rejects_old_keys] * 500
    lost = server("GET", "/items/1")
    assert (lost.status, lost.json) == (500, {"error": "Internal server error"})
    assert server("GET", "/readyz").json == {"status": "unavailable", "why": "ExpiredTokenException"}
    eventually(lambda: "Warning: AWS rejects the credentials" in server.messages.read_text())
    file.write_text("[default]\naws_access_key_id = NEW\naws_secret_access_key = s\n")
    eventually(lambda: server("GET", "/items/1").status == 404)
    eventually(lambda: server("GET", "/readyz").status == 200)
