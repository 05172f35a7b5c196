"""The API conforms to its OpenAPI document: schemathesis with every check enabled, over real HTTP."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from http.server import ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl

from items_api.export.openapi import document
from items_api.handler import ROUTES
from items_api.settings import Settings
from tests.handler.conftest import Harness
from tests.servers import QuietHandler, serving

CONFIG = Path(__file__).with_name("schemathesis.toml")


class GatewayServer(ThreadingHTTPServer):
    """Passes HTTP requests with any method and path to the gateway."""

    daemon_threads = True

    def __init__(self, harness: Harness) -> None:
        super().__init__(("127.0.0.1", 0), GatewayRequest)
        self.harness = harness
        self.one_at_a_time = threading.Lock()  # as in a Lambda execution environment


class GatewayRequest(QuietHandler):
    server: GatewayServer

    def respond(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        path, _, query_string = self.path.partition("?")
        query: dict[str, str] = {}
        for name, value in parse_qsl(query_string, keep_blank_values=True):
            query[name] = f"{query[name]},{value}" if name in query else value
        headers = {name.lower(): value for name, value in self.headers.items()}
        with self.server.one_at_a_time:
            reply = self.server.harness.gateway(self.command, path, body, headers, query=query, raw_query=query_string)
        self.send_response_only(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.text:
            self.send_header("content-length", str(len(reply.text.encode())))
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else reply.text.encode())

    def __getattr__(self, name: str) -> Callable[[], None]:
        if name.startswith("do_"):
            return self.respond
        raise AttributeError(name)


def test_schemathesis_finds_no_violation(new_harness: Callable[..., Harness], tmp_path: Path) -> None:
    """Status codes, schemas, headers and content types match the document; bad data is rejected, good data accepted."""
    harness = new_harness("owner")
    schema = tmp_path / "openapi.json"
    schema.write_text(json.dumps(document("Items", "1", settings=Settings(indexes=("owner",)))))
    server = GatewayServer(harness)
    st = [str(Path(sys.executable).with_name("st")), "--config-file", str(CONFIG)]
    run = ["run", str(schema), "--url", f"http://127.0.0.1:{server.server_port}", "--no-color"]
    checks = ["--checks", "all", "--max-examples", "15", "--generation-deterministic"]
    with serving(server):
        done = subprocess.run([*st, *run, *checks], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {line["route"] for line in harness.log if line["status"] < 300} == set(ROUTES)
