"""A real browser on a page of another origin can use the API, and only as CORS allows it.

CORS that is wrong fails silently: curl does not notice it. So Chromium asks the deployed API and `serve`.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import ThreadingHTTPServer
from typing import Any

import pytest
from playwright.sync_api import Error, Page, sync_playwright

from tests.issuers import AUDIENCE, issuing
from tests.local.conftest import Cli
from tests.local.test_serve import serving as serving_api
from tests.servers import QuietHandler, serving

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
# Without these, Chromium calls its maker's servers. Tests may run as root, where its sandbox does not work.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# Returns what a page can see of a reply: its headers are only those that CORS exposes.
FETCH = """async ([method, url, body, headers]) => {
  const reply = await fetch(url, {method, headers, body: body && JSON.stringify(body)});
  const text = await reply.text();
  return {status: reply.status, headers: Object.fromEntries(reply.headers), body: text && JSON.parse(text)};
}"""

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")


class BlankPage(QuietHandler):
    def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", "0")
        self.end_headers()


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    """Of the page: another port is another origin."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), BlankPage)
    with serving(server):
        yield f"http://127.0.0.1:{server.server_port}"


@pytest.fixture(scope="module")
def page(origin: str) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS])
        page = browser.new_page()
        page.goto(origin)
        yield page
        browser.close()


Deploy = Callable[..., str]


@pytest.fixture(params=["deployed", "serve"])
def deploy(cli: Cli, request: pytest.FixtureRequest) -> Iterator[Deploy]:
    """Runs `up` with these options, and returns the endpoint."""
    with ExitStack() as running:

        def up(*options: str) -> str:
            running.close()
            cli.ok("up", "--yes", *options)
            if request.param == "serve":
                return running.enter_context(serving_api(cli))
            return str(cli.json("status")["endpoint"])

        yield up


def test_a_page_of_another_origin_can_use_the_api(page: Page, deploy: Deploy, origin: str) -> None:
    endpoint = deploy("--cors-origin", origin)

    def fetch(method: str, path: str, body: Any = None, **headers: str) -> Any:
        return page.evaluate(FETCH, [method, f"{endpoint}{path}", body, headers])

    created = fetch("POST", "/items", {"itemId": "1", "n": 1}, **{"Content-Type": "application/json"})
    assert (created["status"], created["headers"]["location"]) == (201, "/items/1")
    old = created["headers"]["etag"]
    patched = fetch("PATCH", "/items/1", {"m": 2}, **{"If-Match": old})
    assert (patched["status"], patched["body"]) == (200, {"itemId": "1", "n": 1, "m": 2})
    assert fetch("PATCH", "/items/1", {"m": 3}, **{"If-Match": old})["status"] == 412
    assert fetch("PUT", "/items/2", {"n": 2})["status"] == 201
    first = fetch("GET", "/items?limit=1")
    assert (len(first["body"]), 'rel="next"' in first["headers"]["link"]) == (1, True)
    assert fetch("DELETE", "/items/1")["status"] == 204
    missing = fetch("GET", "/items/1")
    assert (missing["status"], missing["body"]) == (404, {"error": "Not found"})
    assert "apigw-requestid" not in missing["headers"]  # not exposed


def test_a_page_of_an_origin_that_is_no_longer_allowed_gets_nothing(page: Page, deploy: Deploy, origin: str) -> None:
    before = deploy("--cors-origin", origin)
    assert page.evaluate(FETCH, ["GET", f"{before}/items/1", None, {}])["status"] == 404
    endpoint = deploy("--cors-origin", "https://todo.example")
    for method, headers in (("GET", {}), ("PUT", {"Content-Type": "application/json"})):
        with pytest.raises(Error, match="Failed to fetch"):
            page.evaluate(FETCH, [method, f"{endpoint}/items/1", {"n": 1} if method == "PUT" else None, headers])
    # Without a page, there is no CORS: it answers, and nothing was written.
    assert page.request.get(f"{endpoint}/items/1").status == 404


def with_token(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}


def test_a_page_can_send_a_token(page: Page, deploy: Deploy, origin: str) -> None:
    with issuing() as issuer:
        jwt = ("--auth", "jwt", "--jwt-issuer", issuer.url, "--jwt-audience", AUDIENCE)
        endpoint = deploy("--cors-origin", origin, *jwt)
        written = page.evaluate(FETCH, ["PUT", f"{endpoint}/items/1", {"n": 1}, with_token(issuer.token())])
        assert (written["status"], written["body"]) == (201, {"itemId": "1", "n": 1})


@pytest.mark.parametrize("deploy", ["serve"], indirect=True)
def test_a_page_sees_that_its_token_is_refused(page: Page, deploy: Deploy, origin: str) -> None:
    """From the local AWS, it gets a network error: its 401 has no CORS headers. What AWS does is not documented."""
    with issuing() as issuer:
        jwt = ("--auth", "jwt", "--jwt-issuer", issuer.url, "--jwt-audience", AUDIENCE)
        endpoint = deploy("--cors-origin", origin, *jwt)
        refused = page.evaluate(FETCH, ["GET", f"{endpoint}/items", None, with_token(issuer.token(aud="someone"))])
        assert (refused["status"], refused["body"]) == (401, {"message": "Unauthorized"})
