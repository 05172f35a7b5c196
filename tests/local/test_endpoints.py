"""Each HTTP API has a port of its own, which works in every HTTP client and reaches nothing else."""

import json
import shutil
import socket
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urljoin, urlsplit

import pytest
import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from items_api import local
from items_api.local import LocalAws
from tests.local.conftest import Cli, client, eventually, kill, prepare_home, run

PAGE = """
const endpoint = process.argv[1]
const send = async (method, path, body) => {
  const response = await fetch(new URL(path, endpoint), {method, body})
  return [response.status, await response.text(), response.headers.get('location')]
}
const [created, , location] = await send('POST', '/items', '{"itemId":"a/b"}')
console.log(JSON.stringify([created, ...await send('GET', location)]))
"""


def gateway(running: LocalAws, region: str = "us-east-1") -> Any:
    return client(running, "apigatewayv2", region=region)


def create_api(running: LocalAws, name: str, region: str = "us-east-1") -> str:
    """Create an API without routes, whose every response is a 404, and return its endpoint."""
    api = gateway(running, region).create_api(Name=name, ProtocolType="HTTP")
    gateway(running, region).create_stage(ApiId=api["ApiId"], StageName="$default", AutoDeploy=True)
    return str(api["ApiEndpoint"])


def endpoints(running: LocalAws) -> dict[str, str]:
    return {api["Name"]: api["ApiEndpoint"] for api in gateway(running).get_apis()["Items"]}


def port_of(endpoint: str) -> int:
    port = urlsplit(endpoint).port
    assert port
    return port


def is_open(endpoint: str) -> bool:
    with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port_of(endpoint))):
        return True
    return False


def received(endpoint: str, sent: bytes) -> bytes:
    """Everything that the server sends until it closes the connection."""
    with socket.create_connection(("127.0.0.1", port_of(endpoint)), timeout=20) as connection:
        connection.sendall(sent)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def request(method: str, path: str, host: str = "127.0.0.1", *headers: str) -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", f"Host: {host}", *headers, "", ""]).encode()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, forked: Path) -> Iterator[Cli]:
    """A stack that all tests of this file share."""
    home = tmp_path_factory.mktemp("home")
    cli = Cli(home, prepare_home(home), forked)
    cli.ok("up", "--yes")
    yield cli
    kill(home)


@pytest.fixture(scope="module")
def endpoint(stack: Cli) -> str:
    return str(stack.json("status")["endpoint"])


def test_the_printed_endpoint_works_in_urllib(endpoint: str) -> None:
    body = b'{"itemId":"from urllib"}'
    with urllib.request.urlopen(f"{endpoint}/items", body) as created:
        assert created.status == 201
        location = created.headers["Location"]
    with urllib.request.urlopen(urljoin(endpoint, location)) as found:
        assert json.load(found) == {"itemId": "from urllib"}


def test_pages_can_be_followed_in_requests(endpoint: str) -> None:
    with requests.Session() as session:
        session.trust_env = False  # no proxy
        written = {f"page-{number}" for number in range(3)}
        for item_id in written:
            assert session.put(f"{endpoint}/items/{item_id}", json={}).status_code == 201
        url, seen = f"{endpoint}/items?limit=1", set()
        while url:
            page = session.get(url)
            seen |= {item["itemId"] for item in page.json()}
            url = urljoin(page.url, page.links.get("next", {}).get("url", "")) if "next" in page.links else ""
        assert seen >= written


def test_the_printed_endpoint_works_in_node(endpoint: str) -> None:
    node = shutil.which("node")
    if not node:
        pytest.skip("Node.js is not installed")
    done = run([node, "--input-type=module", "--eval", PAGE, endpoint])
    assert json.loads(done.stdout or "null") == [201, 200, '{"itemId":"a/b"}', None], done.stderr


def test_aws_clients_see_the_same_endpoint_in_every_response(running: LocalAws) -> None:
    apis = gateway(running)
    created = apis.create_api(Name="one", ProtocolType="HTTP")
    assert created["ApiEndpoint"].startswith("http://127.0.0.1:")
    responses = [
        apis.get_api(ApiId=created["ApiId"]),
        apis.get_apis()["Items"][0],
        apis.update_api(ApiId=created["ApiId"], Description="new"),
    ]
    assert {response["ApiEndpoint"] for response in responses} == {created["ApiEndpoint"]}


def test_twenty_apis_created_at_once_in_two_regions_have_different_ports(running: LocalAws) -> None:
    with ThreadPoolExecutor(8) as pool:
        cases = [(f"api-{number}", region) for number in range(10) for region in ("us-east-1", "eu-central-1")]
        found = list(pool.map(lambda case: create_api(running, *case), cases))
    assert len(set(found)) == 20
    assert all(received(url, request("GET", "/", "127.0.0.1", "Connection: close")) for url in found)


def test_a_recreated_api_has_the_same_endpoint(running: LocalAws) -> None:
    first = create_api(running, "one")
    [api] = gateway(running).get_apis()["Items"]
    gateway(running).delete_api(ApiId=api["ApiId"])
    eventually(lambda: not is_open(first))
    assert create_api(running, "one") == first


def test_a_connection_that_is_open_when_the_api_is_deleted_reaches_nothing(running: LocalAws) -> None:
    with closing(HTTPConnection("127.0.0.1", port_of(create_api(running, "one")))) as connection:
        connection.request("GET", "/x")
        assert connection.getresponse().read() == b'{"message":"Not Found"}'
        [api] = gateway(running).get_apis()["Items"]
        gateway(running).delete_api(ApiId=api["ApiId"])
        with suppress(OSError):  # the server may have closed it
            connection.request("GET", "/x")
            assert connection.getresponse().status == 404


def test_an_endpoint_is_the_same_after_a_restart_even_if_its_usual_port_is_free(home: Path, running: LocalAws) -> None:
    """The usual port of an API is taken when it is created."""
    usual = create_api(running, "one")
    [api] = gateway(running).get_apis()["Items"]
    gateway(running).delete_api(ApiId=api["ApiId"])
    eventually(lambda: not is_open(usual))
    with socket.create_server(("127.0.0.1", port_of(usual))):
        before = create_api(running, "one")
    assert before != usual
    local.stop(home)
    assert endpoints(local.ensure_running(home)) == {"one": before}


def test_an_endpoint_whose_port_is_taken_at_the_restart_moves_and_is_reported_once(
    home: Path, running: LocalAws
) -> None:
    before = {name: create_api(running, name) for name in ("one", "two")}
    local.stop(home)
    with socket.create_server(("127.0.0.1", port_of(before["one"]))):
        restarted = local.ensure_running(home)
    after = endpoints(restarted)
    assert after["two"] == before["two"]
    assert after["one"] not in before.values()
    assert restarted.note == (
        f"Another program uses port {port_of(before['one'])}, so the endpoint of the HTTP API one in us-east-1 is now "
        f"{after['one']}."
    )
    assert local.ensure_running(home).note == ""
    local.stop(home)
    again = local.ensure_running(home)
    assert (endpoints(again), again.note) == (after, "")


def test_stacks_of_the_same_name_in_two_regions_are_separate(stack: Cli, endpoint: str) -> None:
    other = create_api(stack.running(), "items-http-api", "eu-central-1")
    assert other != endpoint
    assert received(other, request("GET", "/items", "127.0.0.1", "Connection: close")).startswith(b"HTTP/1.1 404 ")


def not_found(response: bytes) -> bool:
    head, _, body = response.partition(b"\r\n\r\n")
    return head.startswith(b"HTTP/1.1 404 ") and body in (b"", b'{"message":"Not Found"}')


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT"])
@pytest.mark.parametrize(
    "path",
    [
        "/_ministack/health",
        "/_ministack/reset",
        "/_ministack/config",
        "/_ministack/lambda-code/items-api",
        "/_localstack/health",
        "/_items-api/status",
        "/health",
        "/2015-03-31/functions",
        "/v2/apis",
        "/restapis/0140793a/x/_user_request_/items",
        "/iceberg/v1/config",
        "/oauth2/authorize",
        "http://sqs.localhost/",
    ],
)
def test_an_endpoint_reaches_no_other_api_and_no_service(endpoint: str, method: str, path: str) -> None:
    assert not_found(received(endpoint, request(method, path, "localhost", "Content-Length: 0", "Connection: close")))


def test_an_endpoint_does_not_reach_another_api_by_path(stack: Cli, endpoint: str) -> None:
    other = create_api(stack.running(), "other")
    [api] = [api for api in gateway(stack.running()).get_apis()["Items"] if api["Name"] == "items-http-api"]
    for path in (f"/_aws/execute-api/{api['ApiId']}/$default/items", f"/../{api['ApiId']}/items"):
        assert not_found(received(other, request("GET", path, "127.0.0.1", "Connection: close")))
    assert received(endpoint, request("GET", "/items", "127.0.0.1", "Connection: close")).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:{port}", 200),
        ("localhost:{port}", 200),
        ("localhost:3000", 200),
        ("[::1]:{port}", 200),
        ("evil.example:{port}", 403),
        ("0140793a.execute-api.localhost:{port}", 403),
        ("127.0.0.1.evil.example", 403),
        ("127.0.0.1\r\nHost: evil.example", 400),
    ],
)
def test_only_names_of_this_computer_are_accepted(endpoint: str, host: str, status: int) -> None:
    """A web page could otherwise bypass CORS with a name of its own that resolves to 127.0.0.1."""
    sent = request("GET", "/items", host.format(port=port_of(endpoint)), "Connection: close")
    assert received(endpoint, sent).startswith(f"HTTP/1.1 {status} ".encode())


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (["Authorization: Bearer abc"], 200),
        (["X-Amz-Target: DynamoDB_20120810.ListTables"], 200),
        (["Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/lambda/aws4_request"], 403),
        (["Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13"], 403),
    ],
)
def test_headers_cannot_select_a_service_or_the_root_user(endpoint: str, headers: list[str], status: int) -> None:
    connection = "Connection: Upgrade" if "Upgrade: websocket" in headers else "Connection: close"
    sent = request("GET", "/items", "127.0.0.1", *headers, connection)
    assert received(endpoint, sent).startswith(f"HTTP/1.1 {status} ".encode())


def test_requests_can_be_pipelined_on_one_connection(endpoint: str) -> None:
    last = request("GET", "/items?limit=1", "127.0.0.1", "Connection: close")
    assert received(endpoint, request("GET", "/items/x") * 3 + last).count(b"HTTP/1.1 ") == 4


def test_a_browser_may_call_it_from_any_origin(endpoint: str) -> None:
    headers = ["Origin: http://localhost:3000", "Access-Control-Request-Method: PUT", "Connection: close"]
    response = received(endpoint, request("OPTIONS", "/items/1", "127.0.0.1", *headers)).lower()
    assert response.startswith(b"http/1.1 204 ")
    assert b"\r\naccess-control-allow-origin: *\r\n" in response


def test_the_aws_port_reaches_no_http_api(stack: Cli, endpoint: str) -> None:
    [api_id] = [api["ApiId"] for api in gateway(stack.running()).get_apis()["Items"] if api["ApiEndpoint"] == endpoint]
    aws = stack.running().endpoint_url
    for path, host in (
        (f"/_aws/execute-api/{api_id}/$default/items", "127.0.0.1"),
        ("/items", f"{api_id}.execute-api.localhost"),
    ):
        assert received(aws, request("GET", path, host, "Connection: close")).startswith(b"HTTP/1.1 403 ")


@pytest.fixture
def protected(running: LocalAws) -> tuple[str, dict[str, str]]:
    """The URL of a route that requires a signature, and the access key of a user who may call it."""
    iam = client(running, "iam")
    iam.create_user(UserName="caller")
    allow = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*"}
    iam.put_user_policy(
        UserName="caller", PolicyName="call", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    )
    apis = gateway(running)
    api = apis.create_api(Name="protected", ProtocolType="HTTP")
    integration = apis.create_integration(
        ApiId=api["ApiId"],
        IntegrationType="HTTP_PROXY",
        IntegrationMethod="GET",
        IntegrationUri="http://127.0.0.1:9",
        PayloadFormatVersion="1.0",
    )
    apis.create_route(
        ApiId=api["ApiId"],
        RouteKey="GET /{path+}",
        AuthorizationType="AWS_IAM",
        Target=f"integrations/{integration['IntegrationId']}",
    )
    apis.create_stage(ApiId=api["ApiId"], StageName="$default", AutoDeploy=True)
    return f"{api['ApiEndpoint']}/a%20b/c", iam.create_access_key(UserName="caller")["AccessKey"]


def status_of_signed(url: str, access_key: str, secret_key: str) -> int:
    signed = AWSRequest("GET", url)
    SigV4Auth(Credentials(access_key, secret_key), "execute-api", "us-east-1").add_auth(signed)
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=dict(signed.headers.items()))) as response:
            return int(response.status)
    except HTTPError as error:
        with error:
            return error.code


def test_signatures_are_valid_although_the_request_is_routed(protected: tuple[str, dict[str, str]]) -> None:
    url, key = protected
    assert status_of_signed(url, key["AccessKeyId"], key["SecretAccessKey"]) >= 500  # its integration does not exist
    assert status_of_signed(url, key["AccessKeyId"], "wrong") == 403
