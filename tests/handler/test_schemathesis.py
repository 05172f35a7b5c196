"""The API keeps to its OpenAPI document: schemathesis with every check on, over real HTTP."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

import pytest

from items_api.handler import ROUTES
from items_api.export.openapi import document

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.handler.conftest import Bench

CONFIG = Path(__file__).with_name("schemathesis.toml")


class Front(ThreadingHTTPServer):
    """Turns HTTP into events for the handler, whatever the method and path, and its replies into HTTP."""

    daemon_threads = True

    def __init__(self, bench: Bench) -> None:
        super().__init__(("127.0.0.1", 0), FrontRequest)
        self.bench = bench
        self.one_at_a_time = threading.Lock()  # as in Lambda's environments

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class FrontRequest(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    server: Front

    def event(self) -> dict[str, Any]:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        path, _, query_string = self.path.partition("?")
        query: dict[str, str] = {}
        for name, value in parse_qsl(query_string, keep_blank_values=True):
            query[name] = f"{query[name]},{value}" if name in query else value
        return {
            "rawPath": "%25".join(unquote(part) for part in path.split("%25")),
            "queryStringParameters": query,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "requestContext": {"http": {"method": self.command}},
            "isBase64Encoded": True,
            "body": base64.b64encode(body).decode(),
        }

    def respond(self) -> None:
        event = self.event()
        with self.server.one_at_a_time:
            reply = self.server.bench.api.handle(event)
        self.send_response_only(reply["statusCode"])
        for name, value in reply.get("headers", {}).items():
            self.send_header(name, value)
        body = reply.get("body", "").encode()
        if body:
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else body)

    def __getattr__(self, name: str) -> Callable[[], None]:
        if name.startswith("do_"):
            return self.respond
        raise AttributeError(name)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def front(bench: Bench) -> Iterator[Front]:
    front = Front(bench)
    thread = threading.Thread(target=front.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield front
    front.shutdown()
    front.server_close()
    thread.join()


def test_schemathesis_finds_nothing(front: Front, tmp_path: Path) -> None:
    """Status codes, schemas, headers and content types as documented; bad data refused, good data accepted."""
    schema = tmp_path / "openapi.json"
    schema.write_text(json.dumps(document("Items", "1")))
    st = [str(Path(sys.executable).with_name("st")), "--config-file", str(CONFIG)]
    run = ["run", str(schema), "--url", front.url, "--no-color"]
    amount = ["--checks", "all", "--max-examples", "15", "--generation-deterministic"]
    done = subprocess.run([*st, *run, *amount], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {line["route"] for line in front.bench.log if line["status"] < 300} == set(ROUTES)
