"""The handler's test bench: moto's DynamoDB behind real HTTP, failing on request, and a caller like the gateway."""

from __future__ import annotations

import base64
import json
import threading
import time
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.compat import HTTPHeaders
from moto.core.botocore_stubber import BotocoreStubber

from items_api.handler.connection import Connection
from items_api.handler.dynamodb import Client, Table
from items_api.handler.index import Api
from items_api.handler.sigv4 import Signer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REGION = "eu-central-1"
TABLE_SCHEMA = {
    "AttributeDefinitions": [{"AttributeName": "itemId", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "itemId", "KeyType": "HASH"}],
    "BillingMode": "PAY_PER_REQUEST",
}


class Exchange(BaseHTTPRequestHandler):
    """One request to the fake; a fault decides what becomes of it."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # a reply leaves in one packet
    server: FakeDynamoDB

    def do_POST(self) -> None:
        self.payload = self.rfile.read(int(self.headers["content-length"]))
        self.server.operations.append(self.headers["x-amz-target"].partition(".")[2])
        fault = self.server.script.pop(0) if self.server.script else FakeDynamoDB.answers
        fault(self)

    def carry_out(self) -> tuple[int, bytes]:
        request = AWSPreparedRequest(
            "POST",
            f"https://dynamodb.{REGION}.amazonaws.com/",
            HTTPHeaders.from_dict(dict(self.headers)),
            self.payload,
            False,
        )
        reply = BotocoreStubber().process_request(request)
        assert reply is not None
        status, _, body = reply
        return status, body if isinstance(body, bytes) else body.encode()

    def answer(self, status: int, body: bytes, checksum: int | None = None) -> None:
        self.send_response_only(status)
        self.send_header("content-length", str(len(body)))
        self.send_header("x-amz-crc32", str(zlib.crc32(body) if checksum is None else checksum))
        self.end_headers()
        self.wfile.write(body)

    def refuse(self, status: int, code: str, message: str = "no") -> None:
        error = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": message}
        self.answer(status, json.dumps(error).encode())

    def cut(self) -> None:
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


class FakeDynamoDB(ThreadingHTTPServer):
    """moto's DynamoDB on 127.0.0.1. `script` holds one fault for each coming request; without any it just answers."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Exchange)
        self.script: list[Callable[[Exchange], None]] = []
        self.operations: list[str] = []
        self.connections = 0
        self.over = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections += 1
        super().process_request(request, client_address)

    @staticmethod
    def answers(exchange: Exchange) -> None:
        exchange.answer(*exchange.carry_out())

    @staticmethod
    def answers_and_hangs_up(exchange: Exchange) -> None:
        exchange.answer(*exchange.carry_out())
        exchange.cut()

    @staticmethod
    def throttles(exchange: Exchange) -> None:
        exchange.refuse(400, "ProvisionedThroughputExceededException")

    @staticmethod
    def fails_after_the_write(exchange: Exchange) -> None:
        exchange.carry_out()
        exchange.refuse(500, "InternalServerError")

    @staticmethod
    def cuts_before_the_write(exchange: Exchange) -> None:
        exchange.cut()

    @staticmethod
    def cuts_after_the_write(exchange: Exchange) -> None:
        exchange.carry_out()
        exchange.cut()

    @staticmethod
    def stays_silent(exchange: Exchange) -> None:
        exchange.server.over.wait(30)
        exchange.cut()

    @staticmethod
    def garbles_the_answer(exchange: Exchange) -> None:
        exchange.answer(*exchange.carry_out(), checksum=1)

    @staticmethod
    def refuses(status: int, code: str, message: str = "no") -> Callable[[Exchange], None]:
        return lambda exchange: exchange.refuse(status, code, message)


class Invocation:
    """Lambda's context object, as far as the handler looks at it."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self._end - time.monotonic()) * 1000))


class Reply:
    """What the gateway would send: status, headers, and the body's text."""

    def __init__(self, raw: dict[str, Any]) -> None:
        self.status: int = raw["statusCode"]
        self.headers: dict[str, str] = raw.get("headers", {})
        self.text: str = raw.get("body", "")

    @property
    def json(self) -> Any:
        return json.loads(self.text)


class Gateway:
    """Calls the API as an HTTP API does: the path decoded but for `%25`, header names in lower case."""

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
        seconds: float = 20.0,
    ) -> Reply:
        event: dict[str, Any] = {
            "version": "2.0",
            "rawPath": "%25".join(unquote(part) for part in path.split("%25")),
            "headers": headers or {},
            "requestContext": {"http": {"method": method}, "requestId": "the-request-id"},
            "isBase64Encoded": isinstance(body, bytes),
        }
        if body is not None:
            event["body"] = base64.b64encode(body).decode() if isinstance(body, bytes) else body
        if query:
            event["queryStringParameters"] = query
        return Reply(self.api.handle(event, Invocation(seconds)))

    def item(self, method: str, item_id: str, body: Any = None, **headers: str) -> Reply:
        """A request for one item; the body may be text, bytes or a document."""
        text = body if body is None or isinstance(body, str | bytes) else json.dumps(body)
        path = "/items/" + quote(item_id, safe="")
        return self(method, path, text, {name.replace("_", "-"): value for name, value in headers.items()})


class Bench:
    """A table of its own on the fake, the API over it, and everything the API logged and slept."""

    def __init__(self, dynamodb: FakeDynamoDB, table: str) -> None:
        self.dynamodb = dynamodb
        self.pauses: list[float] = []
        self.lines: list[str] = []
        self.connection = Connection(dynamodb.url)
        signer = Signer(self.connection.authority, REGION, "AKIDEXAMPLE", "secret")
        self.client = Client(self.connection, signer, self.pauses.append)
        self.client.call("CreateTable", {"TableName": table, **TABLE_SCHEMA}, time.monotonic() + 20)
        self.table = Table(table, self.client)
        self.api = Api(self.table, self.lines.append)
        self.ask = Gateway(self.api)
        self.dynamodb.operations.clear()

    @property
    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]


@pytest.fixture(scope="session")
def server() -> Iterator[FakeDynamoDB]:
    server = FakeDynamoDB()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.over.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def dynamodb(server: FakeDynamoDB) -> FakeDynamoDB:
    server.script.clear()
    server.connections = 0
    server.over.clear()
    return server


@pytest.fixture
def new_bench(dynamodb: FakeDynamoDB) -> Iterator[Callable[[], Bench]]:
    """Makes benches, each with an empty table of its own."""
    benches: list[Bench] = []

    def new() -> Bench:
        benches.append(Bench(dynamodb, f"Items{len(benches)}"))
        return benches[-1]

    yield new
    dynamodb.script.clear()
    dynamodb.over.set()
    for bench in benches:
        bench.client.call("DeleteTable", {"TableName": bench.table.name}, time.monotonic() + 20)
        bench.connection.close()


@pytest.fixture
def bench(new_bench: Callable[[], Bench]) -> Bench:
    return new_bench()


@pytest.fixture
def ask(bench: Bench) -> Gateway:
    return bench.ask
