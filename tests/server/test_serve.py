"""`serve` answers like the deployed API, at its limits too."""

import http.client
import json
import socket
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from items_api.provision.table import create_request
from items_api.settings import Settings
from tests.handler.conftest import Exchange, FakeDynamoDB, Harness
from tests.issuers import AUDIENCE, Issuer
from tests.server.conftest import Serve, Server, Slow, arguments, environment, eventually, failing, is_closed, serving
from tests.servers import self_signed
from tests.servers import serving as serving_http


def test_an_item_can_be_written_and_read(server: Server) -> None:
    created = server("POST", "/items", {"itemId": "a/b c", "n": 1})
    assert (created.status, created.json, created.headers["location"]) == (
        *(201, {"itemId": "a/b c", "n": 1}),
        "/items/a%2Fb%20c",
    )
    found = server("GET", created.headers["location"])
    assert (found.status, found.json, found.headers["etag"]) == (200, created.json, created.headers["etag"])
    assert server("GET", "/items/1", headers={"If-None-Match": "*"}).status == 404
    unchanged = server("GET", "/items/a%2Fb%20c", headers={"If-None-Match": found.headers["etag"]})
    assert (unchanged.status, unchanged.body) == (304, b"")


def test_the_log_has_the_handlers_line_with_the_id_of_the_reply(serve: Serve) -> None:
    server = serve()
    replies = [server("GET", "/items/secret?limit=1"), server("GET", "/other")]
    eventually(lambda: len(server.log()) == 2)
    handled, refused = server.log()
    assert (handled["route"], handled["status"], handled["cold"]) == ("GET /items/{id+}", 404, True)
    assert (refused["route"], refused["status"], refused["error"]) == (None, 404, "NoRoute")
    assert [line["requestId"] for line in server.log()] == [reply.headers["apigw-requestid"] for reply in replies]
    assert handled.keys() | {"error"} == refused.keys()
    assert "secret" not in server.messages.read_text().partition('{"method"')[2]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/", 404), ("GET", "/items/", 404), ("PUT", "/items", 405), ("HEAD", "/items", 405)],
)
def test_what_has_no_route_is_refused(server: Server, method: str, path: str, status: int) -> None:
    reply = server(method, path)
    message = b'{"message": "Not Found"}' if status == 404 else b'{"message": "Method Not Allowed"}'
    assert (reply.status, reply.body) == (status, b"" if method == "HEAD" else message)


def test_many_requests_wait_for_dynamodb_at_once(server: Server, dynamodb: FakeDynamoDB) -> None:
    """The ten requests to DynamoDB are answered only when all of them have arrived."""
    together = threading.Barrier(10)

    def waits(exchange: Exchange) -> None:
        together.wait(10)
        exchange.succeeds()

    dynamodb.faults = [waits] * 10
    with ThreadPoolExecutor(10) as pool:
        replies = list(pool.map(lambda number: server("GET", f"/items/{number}"), range(10)))
    assert [reply.status for reply in replies] == [404] * 10


def test_connections_to_dynamodb_are_kept_and_replaced_when_it_closes_them(
    server: Server, dynamodb: FakeDynamoDB
) -> None:
    server("GET", "/items/1")
    before = dynamodb.connections
    for _ in range(5):
        assert server("GET", "/items/1").status == 404
    assert dynamodb.connections == before
    dynamodb.fail("succeeds_and_disconnects", "disconnects_before_write")
    assert [server("GET", "/items/1").status for _ in range(2)] == [404, 404]
    assert dynamodb.connections > before


def test_dynamodb_is_called_over_tls_and_its_certificate_verified(
    dynamodb: FakeDynamoDB, harness: Harness, tmp_path: Path
) -> None:
    certificate, context = self_signed(tmp_path)
    encrypted = FakeDynamoDB()
    encrypted.socket = context.wrap_socket(encrypted.socket, server_side=True)
    command = [word.replace(dynamodb.url, encrypted.url.replace("http:", "https:")) for word in arguments(dynamodb)]
    command += ["--auth", "none"]
    with serving_http(encrypted):
        said = failing(command)
        assert "no response from https://127.0.0.1:" in said
        assert "SSLCertVerificationError" in said
        with serving(tmp_path, command, SSL_CERT_FILE=str(certificate)) as server:
            assert server("PUT", "/items/1", {"n": 1}).status == 201
            with ThreadPoolExecutor(10) as pool:
                replies = list(pool.map(lambda _: server("GET", "/items/1"), range(50)))
    assert {(reply.status, reply.body) for reply in replies} == {(200, b'{"itemId":"1","n":1}')}


@pytest.mark.parametrize("fault", ["throttles", "fails_after_write", "disconnects_after_write", "replies_without_json"])
def test_a_fault_of_dynamodb_is_retried(server: Server, dynamodb: FakeDynamoDB, fault: str) -> None:
    dynamodb.fail(fault)
    assert server("PUT", "/items/1", {"n": 1}).status in (200, 201)
    assert server("GET", "/items/1").json == {"itemId": "1", "n": 1}


def test_a_dynamodb_that_is_throttling_is_a_503(server: Server, dynamodb: FakeDynamoDB) -> None:
    dynamodb.fail(*["throttles"] * 8)
    reply = server("GET", "/items/1")
    assert (reply.status, reply.headers["retry-after"]) == (503, "1")


def test_the_settings_of_the_gateway_are_enforced(serve: Serve) -> None:
    server = serve("--cors-origin", "https://todo.example", "--throttle-rate", "1", "--throttle-burst", "3")
    allowed = server("GET", "/items", headers={"Origin": "https://todo.example"})
    assert allowed.headers["access-control-allow-origin"] == "https://todo.example"
    assert (
        "access-control-allow-origin"
        not in server("GET", "/items", headers={"Origin": "https://other.example"}).headers
    )
    replies = [server("GET", "/items") for _ in range(3)]
    assert [reply.status for reply in replies].count(429) >= 1
    assert {reply.body for reply in replies if reply.status == 429} == {b'{"message": "Too Many Requests"}'}
    asks = {"Origin": "https://todo.example", "Access-Control-Request-Method": "PUT"}
    assert server("OPTIONS", "/items", headers=asks).status == 204  # not throttled


def test_health_checks_tell_a_running_process_from_one_that_can_answer(
    server: Server, harness: Harness, dynamodb: FakeDynamoDB
) -> None:
    assert [server("GET", path).status for path in ("/healthz", "/readyz")] == [200, 200]
    harness.client.call("DeleteTable", {"TableName": "Items0"}, time.monotonic() + 20)
    eventually(lambda: server("GET", "/readyz").status == 503)
    assert server("GET", "/readyz").json == {"status": "unavailable", "why": "ResourceNotFoundException"}
    assert server("GET", "/healthz").status == 200
    lost = server("GET", "/items/1")
    assert (lost.status, lost.json) == (500, {"error": "Internal server error"})
    harness.client.call("CreateTable", create_request(Settings(name="items0")), time.monotonic() + 20)
    eventually(lambda: server("GET", "/readyz").status == 200)
    assert server("GET", "/items/1").status == 404


def test_readiness_checks_at_the_same_time_share_one_call(server: Server, dynamodb: FakeDynamoDB) -> None:
    slow = Slow()
    dynamodb.operations.clear()
    dynamodb.faults = [slow]
    with ThreadPoolExecutor(10) as pool:
        checks = [pool.submit(server, "GET", "/readyz") for _ in range(10)]
        slow.arrived.wait(10)
        time.sleep(0.2)
        slow.released.set()
        assert [check.result().status for check in checks] == [200] * 10
    assert dynamodb.operations == ["GetItem"]


def test_a_body_of_20_mb_is_refused_and_the_client_reads_the_reply(server: Server) -> None:
    body = b'{"text":"' + b"x" * 20_000_000 + b'"}'
    for chunked in (False, True):
        content = iter([body[i : i + 65_536] for i in range(0, len(body), 65_536)]) if chunked else body
        reply = server(
            "PUT",
            "/items/1",
            content,
            encode_chunked=chunked,
            headers={"Transfer-Encoding": "chunked"} if chunked else {},
        )
        assert (reply.status, reply.body) == (413, b'{"message": "Request Entity Too Large"}')
    waiting = {"Expect": "100-continue", "Content-Length": "20000000"}
    with socket.create_connection(server.address, timeout=10) as client:
        head = "".join(f"{name}: {value}\r\n" for name, value in waiting.items())
        client.sendall(f"PUT /items/1 HTTP/1.1\r\nHost: localhost\r\n{head}\r\n".encode())
        assert client.recv(65_536).startswith(b"HTTP/1.1 413 ")  # without reading the body
    assert server("GET", "/items/1").status == 404


@pytest.mark.parametrize(("size", "status"), [(10_240, 404), (10_241, 431), (200_000, 431)])
def test_headers_of_more_than_10240_bytes_are_refused(server: Server, size: int, status: int) -> None:
    others = len("/items/1") + len("hostlocalhost") + len("x-filler")
    with socket.create_connection(server.address, timeout=10) as client:
        filler = b"x" * (size - others)
        client.sendall(b"GET /items/1 HTTP/1.1\r\nHost: localhost\r\nX-Filler: " + filler + b"\r\n\r\n")
        assert client.recv(65_536).startswith(f"HTTP/1.1 {status} ".encode())


@pytest.mark.parametrize(
    "head",
    [
        b"nonsense\r\n\r\n",
        b"GET /items HTTP/1.1\r\n\r\n",
        b"PUT /items/1 HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
    ],
)
def test_what_is_not_http_is_a_400(server: Server, head: bytes) -> None:
    with socket.create_connection(server.address, timeout=10) as client:
        client.sendall(head)
        reply = client.recv(65_536)
    assert reply.startswith(b"HTTP/1.1 400 ")
    assert reply.endswith(b'{"message": "Bad Request"}')


def test_the_url_of_all_addresses_is_one_that_works_here(serve: Serve) -> None:
    server = serve("--host", "0.0.0.0")
    assert server.url.startswith("http://127.0.0.1:")
    said = "It listens on all addresses of this computer (0.0.0.0), without encryption.\n"
    eventually(lambda: said in server.messages.read_text())
    assert server("GET", "/items/1", headers={"Host": "my-computer.example"}).status == 404


def test_without_the_keys_of_the_issuer_it_is_not_ready(serve: Serve, issuer: Issuer) -> None:
    issuer.answers.clear()
    server = serve("--auth", "jwt", "--jwt-issuer", issuer.url, "--jwt-audience", AUDIENCE)
    reply = server("GET", "/readyz")
    assert (reply.status, reply.json) == (503, {"status": "unavailable", "why": "NoKeys"})
    assert server("GET", "/items/1", headers={"Authorization": f"Bearer {issuer.token()}"}).status == 503
    assert server("GET", "/healthz").status == 200


def test_a_web_page_cannot_reach_it_under_another_name(serve: Serve) -> None:
    server, hosts = serve(), ("localhost:1", "127.0.0.1", "[::1]:80", "evil.example")
    statuses = [server("GET", "/items/1", headers={"Host": host}).status for host in hosts]
    assert statuses == [404, 404, 404, 403]


def test_replies_do_not_depend_on_a_reader_of_the_log(dynamodb: FakeDynamoDB, harness: Harness, tmp_path: Path) -> None:
    """The log goes to stdout, and its reader has ended."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = str(probe.getsockname()[1])
    command = [*arguments(dynamodb, "--auth", "none"), "--port", port]
    process = subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    server = Server(process, f"http://127.0.0.1:{port}", tmp_path)  # type: ignore[arg-type]
    assert process.stdout
    process.stdout.close()
    eventually(lambda: not is_closed(server))
    assert [server("GET", "/items/1").status for _ in range(20)] == [404] * 20
    assert server.stop() == 0


def test_a_reader_of_the_log_that_reads_nothing_delays_no_one(
    dynamodb: FakeDynamoDB, harness: Harness, tmp_path: Path
) -> None:
    command = arguments(dynamodb, "--auth", "none", "--throttle-rate", "10000", "--throttle-burst", "5000")
    process = subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stderr
    url = next(line.strip() for line in process.stderr if line.startswith("http://"))
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
    for _ in range(1000):  # the lines are longer than the buffer of the pipe
        connection.request("GET", "/items/1")
        reply = connection.getresponse()
        assert (reply.status, len(reply.read())) == (404, 22)
    connection.close()
    process.terminate()
    assert process.wait(30) == 0
    assert all(json.loads(line)["status"] == 404 for line in process.stdout.read().splitlines()[:-1])
    process.stdout.close()
    process.stderr.close()


def test_the_log_goes_to_stdout(dynamodb: FakeDynamoDB, harness: Harness, tmp_path: Path) -> None:
    command = arguments(dynamodb, "--auth", "none")
    process = subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr
    url = next(line.strip() for line in process.stderr if line.startswith("http://"))
    Server(process, url, tmp_path)("GET", "/items/1")
    process.terminate()
    out, _ = process.communicate(timeout=30)
    assert [json.loads(line)["status"] for line in out.splitlines()] == [404]


def test_more_connections_than_files_are_closed_and_the_others_work(
    dynamodb: FakeDynamoDB, harness: Harness, tmp_path: Path
) -> None:
    limited = ["bash", "-c", 'ulimit -n 256 && exec "$@"', "-", *arguments(dynamodb, "--auth", "none")]
    with serving(tmp_path, limited) as server, ExitStack() as opened:
        clients = [opened.enter_context(socket.create_connection(server.address, timeout=10)) for _ in range(400)]
        answered = 0
        for client in clients:
            with suppress(OSError):
                client.sendall(b"GET /items/1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
                answered += client.recv(65_536).startswith(b"HTTP/1.1 404 ")
        assert answered == 160
        opened.close()
        eventually(lambda: server("GET", "/items/1").status == 404)
        assert "Traceback" not in server.messages.read_text()
