"""What API Gateway would reject about an issuer is found before the first write."""

import json
import ssl
import time
from collections.abc import Callable, Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from items_api import oidc
from items_api.errors import InvalidIssuer
from tests.issuers import Issuer, issuing
from tests.servers import QuietHandler, self_signed, serving

DISCOVERY = "/.well-known/openid-configuration"


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with issuing() as running:
        yield running


def without_document(issuer: Issuer) -> None:
    del issuer.answers[DISCOVERY]


def html(issuer: Issuer) -> None:
    issuer.answers[DISCOVERY] = (200, "<!DOCTYPE html>\n<title>Sign in</title>")


def another_document(issuer: Issuer) -> None:
    issuer.answers[DISCOVERY] = (200, '{"hello": "world"}')


def spelled_with_a_slash(issuer: Issuer) -> None:
    document = {"issuer": f"{issuer.url}/", "jwks_uri": f"{issuer.url}/keys"}
    issuer.answers[DISCOVERY] = (200, json.dumps(document))


def without_keys(issuer: Issuer) -> None:
    issuer.answers[DISCOVERY] = (200, json.dumps({"issuer": issuer.url}))


def keys_elsewhere(issuer: Issuer) -> None:
    document = {"issuer": issuer.url, "jwks_uri": "http://169.254.169.254/keys"}
    issuer.answers[DISCOVERY] = (200, json.dumps(document))


def keys_at_no_url(issuer: Issuer) -> None:
    document = {"issuer": issuer.url, "jwks_uri": "https://keys.example:port/"}
    issuer.answers[DISCOVERY] = (200, json.dumps(document))


def keys_with_a_password(issuer: Issuer) -> None:
    document = {"issuer": issuer.url, "jwks_uri": "https://me:secret@keys.example/"}
    issuer.answers[DISCOVERY] = (200, json.dumps(document))


def keys_that_are_no_list(issuer: Issuer) -> None:
    issuer.answers["/keys"] = (200, '{"keys": 5}')


def deeply_nested(issuer: Issuer) -> None:
    issuer.answers[DISCOVERY] = (200, "[" * 100_000)


def redirected_elsewhere(issuer: Issuer) -> None:
    issuer.redirects["/keys"] = "http://169.254.169.254/keys"


def only_es256(issuer: Issuer) -> None:
    issuer.answers["/keys"] = (200, json.dumps({"keys": issuer.keys[:1]}))


def without_kid(issuer: Issuer) -> None:
    key = {name: value for name, value in issuer.keys[1].items() if name != "kid"}
    issuer.answers["/keys"] = (200, json.dumps({"keys": [key]}))


def keys_in_html(issuer: Issuer) -> None:
    issuer.answers["/keys"] = (200, "<html>")


def test_the_keys_that_api_gateway_can_use_are_found(issuer: Issuer) -> None:
    """Not the one for ES256."""
    assert oidc.fetch(issuer.url) == oidc.Issuer(issuer.url, {"key-1": issuer.keys[1]})


def test_a_slash_at_the_end_of_the_issuer_is_not_doubled(issuer: Issuer) -> None:
    spelled_with_a_slash(issuer)
    assert oidc.fetch(f"{issuer.url}/").name == f"{issuer.url}/"


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (without_document, "{url}/.well-known/openid-configuration returned 404."),
        (html, "{url}/.well-known/openid-configuration is not JSON. It starts with '<!DOCTYPE html>'."),
        (another_document, "{url}/.well-known/openid-configuration is not a discovery document."),
        (without_keys, "{url}/.well-known/openid-configuration names no keys."),
        (
            keys_elsewhere,
            "{url}/.well-known/openid-configuration leads to 'http://169.254.169.254/keys'. API Gateway fetches keys",
        ),
        (keys_at_no_url, "{url}/.well-known/openid-configuration leads to 'https://keys.example:port/'. This is not a"),
        (keys_with_a_password, "{url}/.well-known/openid-configuration leads to 'https://me:secret@keys.example/'."),
        (keys_that_are_no_list, "The issuer {url} has no key that API Gateway can use."),
        (deeply_nested, "{url}/.well-known/openid-configuration is not JSON. It starts with '[["),
        (redirected_elsewhere, "{url}/keys leads to 'http://169.254.169.254/keys'."),
        (spelled_with_a_slash, "The issuer calls itself {url}/, not {url}."),
        (only_es256, "The issuer {url} has no key that API Gateway can use. {url}/keys lists no RSA key with a kid."),
        (without_kid, "The issuer {url} has no key that API Gateway can use."),
        (keys_in_html, "{url}/keys is not JSON."),
    ],
)
def test_a_fault_in_what_the_issuer_publishes_is_an_error(
    issuer: Issuer, break_it: Callable[[Issuer], None], said: str
) -> None:
    break_it(issuer)
    with pytest.raises(InvalidIssuer) as raised:
        oidc.fetch(issuer.url)
    assert str(raised.value).startswith(said.format(url=issuer.url))


def test_the_error_about_another_spelling_gives_the_right_one(issuer: Issuer) -> None:
    spelled_with_a_slash(issuer)
    with pytest.raises(InvalidIssuer) as raised:
        oidc.fetch(issuer.url)
    assert raised.value.todo == f"Use --jwt-issuer {issuer.url}/"


@pytest.mark.parametrize(
    ("name", "advice"),
    [("$(reboot)", "Use --jwt-issuer '$(reboot)'"), ("x\x1b[2J\n", "Correct --jwt-issuer.")],
)
def test_the_issuers_own_name_is_safe_to_print_and_to_copy(issuer: Issuer, name: str, advice: str) -> None:
    issuer.answers[DISCOVERY] = (200, json.dumps({"issuer": name, "jwks_uri": f"{issuer.url}/keys"}))
    with pytest.raises(InvalidIssuer) as raised:
        oidc.fetch(issuer.url)
    assert (raised.value.todo, raised.value.what.isprintable()) == (advice, True)


@pytest.mark.parametrize("host", ["a..b", "x" * 64])
def test_a_host_name_that_cannot_exist_is_an_error(host: str) -> None:
    with pytest.raises(InvalidIssuer, match="has an invalid host name"):
        oidc.fetch(f"https://{host}")


def test_a_server_that_does_not_speak_http_may_do_so_for_aws() -> None:
    class Mute(QuietHandler):
        def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
            self.wfile.write(b"SSH-2.0-OpenSSH_9.6\r\n")

    server = ThreadingHTTPServer(("127.0.0.1", 0), Mute)
    with serving(server), pytest.raises(oidc.Unreachable, match=r"not complete HTTP \(BadStatusLine\)\.$"):
        oidc.fetch(f"http://127.0.0.1:{server.server_address[1]}")


def test_a_certificate_that_cannot_be_verified_is_an_error(tmp_path: Path) -> None:
    _, context = self_signed(tmp_path)
    server = ThreadingHTTPServer(("127.0.0.1", 0), QuietHandler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    url = f"https://127.0.0.1:{server.server_address[1]}"
    with (
        serving(server),
        pytest.raises(InvalidIssuer, match=r"^The certificate of 127\.0\.0\.1:\d+ cannot be verified\."),
    ):
        oidc.fetch(url)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_issuer_that_is_out_of_order_may_work_for_aws(issuer: Issuer, status: int) -> None:
    issuer.answers[DISCOVERY] = (status, "")
    with pytest.raises(oidc.Unreachable, match=rf"openid-configuration returned {status}\.$"):
        oidc.fetch(issuer.url)


def test_the_error_after_a_redirect_names_the_target(issuer: Issuer) -> None:
    issuer.redirects[DISCOVERY] = f"{issuer.url}/moved"
    with pytest.raises(InvalidIssuer, match="/moved returned 404"):
        oidc.fetch(issuer.url)


def test_an_issuer_that_cannot_be_reached_may_be_reachable_for_aws(issuer: Issuer) -> None:
    with pytest.raises(oidc.Unreachable, match=r"could not be reached: Connection refused\."):
        oidc.fetch("https://127.0.0.1:9")
    issuer.delay = 0.3
    with pytest.raises(oidc.Unreachable, match=r"no response from http.* within 0\.1 s\."):
        oidc.fetch(issuer.url, seconds=0.1)


def test_a_server_that_sends_a_byte_now_and_then_does_not_hold_up_the_command() -> None:
    class Slow(QuietHandler):
        wbufsize = 0

        def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            for _ in range(20):
                time.sleep(0.05)
                self.wfile.write(b" ")

    server = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    server.daemon_threads = True
    with serving(server), pytest.raises(oidc.Unreachable):
        oidc.fetch(f"http://127.0.0.1:{server.server_address[1]}", seconds=0.2)


def test_a_proxy_is_not_asked_about_this_computer(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert oidc.fetch(issuer.url).name == issuer.url


def test_tls_is_verified_by_default() -> None:
    assert ssl.create_default_context().verify_mode is ssl.CERT_REQUIRED
