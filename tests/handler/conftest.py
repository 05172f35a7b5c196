"""Test harness for the handler: moto's DynamoDB behind real HTTP, with faults on demand, and a simulated gateway."""

from __future__ import annotations

import base64
import json
import re
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from http.server import ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode

import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.compat import HTTPHeaders
from moto.core.botocore_stubber import BotocoreStubber

from items_api.handler.connection import Connection
from items_api.handler.dynamodb import Client
from items_api.handler.index import Api
from items_api.handler.sigv4 import Signer
from items_api.handler.table import Table
from items_api.provision.table import create_request
from items_api.settings import Settings
from tests.servers import QuietHandler, serving

REGION = "eu-central-1"
LINK = re.compile(r'</items\?([^>]+)>; rel="next"')


class Exchange(QuietHandler):
    """Handles a request to the fake with the next fault."""

    server: FakeDynamoDB

    def do_POST(self) -> None:  # noqa: N802 - BaseHTTPRequestHandler's name
        self.payload = self.rfile.read(int(self.headers["content-length"]))
        self.server.operations.append(self.headers["x-amz-target"].partition(".")[2])
        fault = self.server.faults.pop(0) if self.server.faults else Exchange.succeeds
        fault(self)

    def execute(self) -> tuple[int, bytes]:
        url, headers = f"https://dynamodb.{REGION}.amazonaws.com/", HTTPHeaders.from_dict(dict(self.headers))
        reply = BotocoreStubber().process_request(AWSPreparedRequest("POST", url, headers, self.payload, False))
        assert reply is not None
        status, _, body = reply
        return status, body if isinstance(body, bytes) else body.encode()

    def reply(self, status: int, body: bytes, checksum: int | None = None) -> None:
        self.send_response_only(status)
        self.send_header("content-length", str(len(body)))
        self.send_header("x-amz-crc32", str(zlib.crc32(body) if checksum is None else checksum))
        self.end_headers()
        self.wfile.write(body)

    def reject(self, status: int, code: str, message: str = "no") -> None:
        error = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": message}
        self.reply(status, json.dumps(error).encode())

    def succeeds(self) -> None:
        self.reply(*self.execute())

    def succeeds_and_disconnects(self) -> None:
        self.succeeds()
        self.disconnects_before_write()

    def throttles(self) -> None:
        self.reject(400, "ProvisionedThroughputExceededException")

    def fails_after_write(self) -> None:
        self.execute()
        self.reject(500, "InternalServerError")

    def disconnects_before_write(self) -> None:
        self.close_connection = True

    def disconnects_after_write(self) -> None:
        self.execute()
        self.disconnects_before_write()

    def hangs(self) -> None:
        self.server.test_ended.wait(30)
        self.disconnects_before_write()

    def corrupts_reply(self) -> None:
        self.reply(*self.execute(), checksum=1)

    def replies_without_json(self) -> None:
        self.reply(502, b"<html>Bad Gateway</html>")


class FakeDynamoDB(ThreadingHTTPServer):
    """moto's DynamoDB on 127.0.0.1. `faults` has one entry for each of the next requests."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Exchange)
        self.faults: list[Callable[[Exchange], None]] = []
        self.operations: list[str] = []
        self.connections = 0
        self.test_ended = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections += 1
        super().process_request(request, client_address)

    def fail(self, *faults: str) -> None:
        """Handle the next requests with these methods of `Exchange`."""
        self.faults = [getattr(Exchange, fault) for fault in faults]


class Reply:
    """A reply as a client of the gateway sees it."""

    def __init__(self, raw: dict[str, Any]) -> None:
        self.raw = raw
        self.status: int = raw["statusCode"]
        self.headers: dict[str, str] = raw.get("headers", {})
        self.text: str = raw.get("body", "")

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def error(self) -> tuple[int, str]:
        """The status and message of an error reply."""
        assert set(self.json) == {"error"}
        return self.status, self.json["error"]

    @property
    def next_query(self) -> dict[str, str]:
        """The query of the link to the next page; empty on the last page."""
        if "link" not in self.headers:
            return {}
        link = LINK.fullmatch(self.headers["link"])
        assert link
        return dict(parse_qsl(link[1], strict_parsing=True))


class Gateway:
    """Calls the API as an HTTP API does."""

    def __init__(self, api: Api) -> None:
        self.api = api

    def __call__(
        self,
        method: str,
        path: str,
        body: str | bytes | None = None,
        headers: dict[str, str] | None = None,
        *,
        query: dict[str, str] | None = None,
        raw_query: str | None = None,
        seconds: float = 20.0,
    ) -> Reply:
        event: dict[str, Any] = {
            "version": "2.0",
            "rawPath": "%25".join(unquote(part) for part in path.split("%25")),  # an HTTP API does not decode `%25`
            "headers": headers or {},
            "requestContext": {"http": {"method": method}, "requestId": "the-request-id"},
            "isBase64Encoded": isinstance(body, bytes),
        }
        if body is not None:
            event["body"] = base64.b64encode(body).decode() if isinstance(body, bytes) else body
        if query:
            event["queryStringParameters"] = query
            event["rawQueryString"] = urlencode(query, errors="replace") if raw_query is None else raw_query
        end = time.monotonic() + seconds
        context = SimpleNamespace(get_remaining_time_in_millis=lambda: max(0, int((end - time.monotonic()) * 1000)))
        return Reply(self.api.handle(event, context))

    def item(self, method: str, item_id: str, body: Any = None, **headers: str) -> Reply:
        """Send a request for one item; the body is text, bytes or a document."""
        text = body if body is None or isinstance(body, str | bytes) else json.dumps(body)
        path = "/items/" + quote(item_id, safe="")
        return self(method, path, text, {name.replace("_", "-"): value for name, value in headers.items()})

    def pages(self, query: dict[str, str]) -> Iterator[Reply]:
        """Follow the links of GET /items, from the page with this query to the last one."""
        while True:
            reply = self("GET", "/items", query=query)
            assert reply.status == 200
            yield reply
            if not reply.next_query:
                return
            assert {**reply.next_query, "next": ""} == {**query, "next": ""}
            query = reply.next_query


class Harness:
    """An API with its own table, and everything that it logged and slept."""

    def __init__(self, dynamodb: FakeDynamoDB, settings: Settings) -> None:
        self.dynamodb = dynamodb
        self.pauses: list[float] = []
        self.lines: list[str] = []
        self.connection = Connection(dynamodb.url)
        signer = Signer(self.connection.authority, REGION, "AKIDEXAMPLE", "secret")
        self.client = Client(self.connection, signer, self.pauses.append)
        self.client.call("CreateTable", create_request(settings), time.monotonic() + 20)
        self.table = Table(settings.table_name, self.client, settings.index_names)
        self.api = Api(self.table, self.lines.append)
        self.gateway = Gateway(self.api)
        self.dynamodb.operations.clear()

    @property
    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]


@pytest.fixture(scope="session")
def dynamodb() -> Iterator[FakeDynamoDB]:
    dynamodb = FakeDynamoDB()
    with serving(dynamodb):
        yield dynamodb


@pytest.fixture
def new_harness(dynamodb: FakeDynamoDB) -> Iterator[Callable[..., Harness]]:
    dynamodb.test_ended.clear()
    harnesses: list[Harness] = []

    def new(*indexes: str) -> Harness:
        harnesses.append(Harness(dynamodb, Settings(name=f"items{len(harnesses)}", indexes=indexes)))
        return harnesses[-1]

    yield new
    dynamodb.faults.clear()
    dynamodb.test_ended.set()
    for harness in harnesses:
        harness.client.call("DeleteTable", {"TableName": harness.table.name}, time.monotonic() + 20)
        harness.connection.close()


@pytest.fixture
def harness(new_harness: Callable[..., Harness]) -> Harness:
    return new_harness()


@pytest.fixture
def gateway(harness: Harness) -> Gateway:
    return harness.gateway
