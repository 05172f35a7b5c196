"""The local AWS refuses what AWS refuses, and smoke proves it in every mode."""

import json
import os
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from botocore.credentials import Credentials

from items_api.aws.signing import Signer
from items_api.smoke.access import Signed
from items_api.smoke.curl import Connection, Request
from tests.issuers import AUDIENCE, Issuer, issuing
from tests.local.conftest import Cli, run

SCOPES = "items:read items:write"


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with issuing() as running:
        yield running


def jwt(issuer: Issuer) -> tuple[str, ...]:
    return ("--auth", "jwt", "--jwt-issuer", issuer.url, "--jwt-audience", AUDIENCE)


def failed(report: Any) -> list[str]:
    return [f"{check['name']}: {check['detail']}" for check in report["checks"] if not check["ok"]]


def test_iam_works_with_the_printed_lines_and_refuses_the_rest(cli: Cli) -> None:
    shown = [line.strip() for line in cli.ok("up", "--auth", "iam").splitlines()]
    export, post, get = (line for line in shown if line.startswith(("eval", "curl")))
    environment = {**cli.environment, "PATH": f"{Path(cli.command).parent}:{os.environ['PATH']}"}
    for name in [name for name in environment if "proxy" in name.lower()]:
        del environment[name]
    done = run(["sh", "-c", f"{export}\n{post}\n{get}"], env=environment)
    assert done.stdout == '{"itemId":"1","name":"Widget"}' * 2
    secret = cli.running().secret_key
    assert secret not in "".join(shown)
    report = cli.json("smoke")
    assert failed(report) == []
    names = [check["name"] for check in report["checks"]]
    assert names[-5:-1] == [
        "PUT without a signature is refused",
        "PUT with a token instead of a signature is refused",
        "PUT with a changed signature is refused",
        "PUT with a signature by another key is refused",
    ]
    [special] = [check for check in report["checks"] if "special characters" in check["name"]]
    assert special["curl"] == ""
    assert secret not in str(report)


def test_a_signature_for_another_service_or_region_is_refused(cli: Cli) -> None:
    endpoint = cli.json("up", "--auth", "iam")["endpoint"]
    signer = Signer.of(cli.session())
    request = Request("GET", f"{endpoint}/items")
    connection = Connection(endpoint)

    def status(headers: dict[str, str]) -> int:
        return connection(Request("GET", request.url, tuple(headers.items()))).status

    assert status(Signed(signer).headers(request)) == 200
    other_region = Signer(signer.credentials, "eu-west-1")
    assert status(other_region.headers("GET", request.url, None)) == 403
    other_service = Signed(signer).headers(request)
    other_service["Authorization"] = other_service["Authorization"].replace("/execute-api/", "/dynamodb/")
    assert status(other_service) == 403
    connection.close()


def test_a_signature_cannot_be_used_for_another_body_or_beside_another_one(cli: Cli) -> None:
    endpoint = cli.json("up", "--auth", "iam")["endpoint"]
    signer = Signer.of(cli.session())
    url, body = f"{endpoint}/items/1", '{"name": "signed"}'
    signed = signer.headers("PUT", url, body.encode())
    connection = Connection(endpoint)

    def status(content: str, *others: tuple[str, str]) -> int:
        return connection(Request("PUT", url, (*signed.items(), *others), content)).status

    assert status('{"name": "other"}') == 403
    assert status('{"name": "other"}', ("X-Amz-Content-SHA256", sha256(body.encode()).hexdigest())) == 403
    scheme, _, rest = signed["Authorization"].partition("Credential=")
    stranger = f"{scheme}Credential=AKIAOTHEROTHEROTHER1/{rest.partition('/')[2]}"
    assert status(body, ("Authorization", stranger)) == 403
    assert status(body) == 201
    connection.close()


def test_a_user_may_call_what_the_policy_allows_and_every_refusal_looks_the_same(cli: Cli) -> None:
    endpoint = cli.json("up", "--auth", "iam")["endpoint"]
    iam = cli.client("iam")
    iam.create_user(UserName="reader")
    key = iam.create_access_key(UserName="reader")["AccessKey"]
    reads = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "arn:aws:execute-api:*:*:*/*/GET/*"}
    policy = {"Version": "2012-10-17", "Statement": [reads]}
    iam.put_user_policy(UserName="reader", PolicyName="reads", PolicyDocument=json.dumps(policy))
    reader = Signer(Credentials(key["AccessKeyId"], key["SecretAccessKey"]), "us-east-1")
    unknown = Signer(Credentials("AKIAUNKNOWNUNKNOWN12", key["SecretAccessKey"]), "us-east-1")
    connection = Connection(endpoint)

    def call(
        signer: Signer, method: str, body: str | None = None, sent: str | None = None, **changed: str
    ) -> tuple[int, bytes]:
        url = f"{endpoint}/items{'' if method == 'GET' else '/1'}"
        headers = signer.headers(method, url, body.encode() if body else None)
        if sent and body:
            headers["X-Amz-Content-SHA256"] = sha256(body.encode()).hexdigest()
        reply = connection(Request(method, url, tuple({**headers, **changed}.items()), sent or body))
        return reply.status, reply.body

    forbidden = (403, b'{"message": "Forbidden"}')
    assert call(reader, "GET") == (200, b"[]")
    assert call(reader, "PUT", "{}") == forbidden
    assert call(reader.with_wrong_key(), "GET") == forbidden
    assert call(unknown, "GET") == forbidden
    signed = reader.headers("GET", f"{endpoint}/items", None)["Authorization"]
    assert call(reader, "GET", Authorization=signed[:-1] + "ü") == forbidden
    iam.put_user_policy(UserName="reader", PolicyName="reads", PolicyDocument=json.dumps(policy).replace("/GET/", "/"))
    assert call(reader, "PUT", "{}")[0] == 201
    assert call(reader, "PUT", "{}", '{"other": 1}') == forbidden
    connection.close()


def test_jwt_in_every_way_that_a_token_can_be_wrong(cli: Cli, issuer: Issuer) -> None:
    scopes = ("--jwt-read-scope", "items:read", "--jwt-write-scope", "items:write")
    cli.ok("up", *jwt(issuer), *scopes)
    now = int(time.time())
    good, reader = issuer.token(scope=SCOPES), issuer.token(scope="items:read")
    report = cli.json("smoke", "--token", good, "--read-token", reader)
    assert failed(report) == []
    assert [check["name"] for check in report["checks"]][-8:-1] == [
        "PUT without a token is refused",
        "PUT with garbage instead of a token is refused",
        "PUT with a changed signature is refused",
        "PUT with a token of an unknown key is refused",
        "PUT with an unsigned token (alg: none) is refused",
        "GET with the read token is allowed",
        "PUT with the read token is refused",
    ]
    expired = issuer.token(scope="items:read", exp=now - 1)
    wrong = cli("smoke", "--token", good, "--read-token", expired, "--json")
    assert wrong.returncode == 1
    [reason] = failed(json.loads(wrong.stdout))
    assert reason.startswith("GET with the read token is allowed: expected 200, got 401 ")
    assert "The token expired at " in reason
    assert good not in str(report)
    issuer.key_id = "rotated"
    unknown_key = issuer.token(scope=SCOPES)
    issuer.key_id = "key-1"
    for token, why in (
        (issuer.token(scope=SCOPES, exp=now - 3600), "The token expired at "),
        (issuer.token(scope=SCOPES, aud="other"), "The token is for the audience other, and the API accepts items."),
        (issuer.token(scope=SCOPES, iss="https://x.example"), f"and the API accepts {issuer.url}."),
        (issuer.token(scope="other"), "The token lacks the scope items:read."),
        (reader, "The token lacks the scope items:write."),
        (unknown_key, f"The token's key (rotated) is not among the keys of {issuer.url}."),
        ("garbage", "The token is not a JSON Web Token."),
    ):
        wrong = cli("smoke", "--token", token, "--json")
        assert wrong.returncode == 1
        assert why in wrong.stdout
        assert token == "garbage" or token not in wrong.stdout + wrong.stderr


def test_a_refused_token_is_told_what_is_needed(cli: Cli, issuer: Issuer) -> None:
    endpoint = cli.json("up", *jwt(issuer))["endpoint"]
    connection = Connection(endpoint)
    without = connection(Request("GET", f"{endpoint}/items"))
    garbage = connection(Request("GET", f"{endpoint}/items", (("Authorization", "Bearer x"),)))
    connection.close()
    assert (without.status, without.headers["www-authenticate"]) == (401, "Bearer")
    assert garbage.status == 401
    assert garbage.headers["www-authenticate"].startswith('Bearer scope="" error="invalid_token"')


def test_a_token_with_parts_of_other_types_is_refused_like_any_other(cli: Cli, issuer: Issuer) -> None:
    endpoint = cli.json("up", *jwt(issuer))["endpoint"]
    connection = Connection(endpoint)

    def status(*tokens: str) -> int:
        headers = tuple(("Authorization", f"Bearer {token}") for token in tokens)
        return connection(Request("GET", f"{endpoint}/items", headers)).status

    good = issuer.token()
    for token in ("NQ.NQ.x", "x.y", *(issuer.token(**{name: "soon"}) for name in ("exp", "nbf", "iat"))):
        assert status(token) == 401
    assert status(issuer.token(exp=[1])) == status(issuer.token(exp=float("inf"))) == 401
    assert status(good) == 200
    connection.close()


def test_the_throttle_is_enforced(cli: Cli) -> None:
    endpoint = cli.json("up", "--throttle-rate", "1", "--throttle-burst", "3")["endpoint"]
    connection = Connection(endpoint)
    replies = [connection(Request("GET", f"{endpoint}/items?limit=1")) for _ in range(6)]
    preflight = (("Origin", "https://a.example"), ("Access-Control-Request-Method", "GET"))
    assert connection(Request("OPTIONS", f"{endpoint}/items", preflight)).status == 204
    connection.close()
    assert [reply.status for reply in replies][:3] == [200] * 3
    assert (replies[-1].status, replies[-1].body) == (429, b'{"message": "Too Many Requests"}')


def test_a_throttle_of_a_route_is_removed_without_the_stage(cli: Cli) -> None:
    cli.ok("up")
    gateway = cli.client("apigatewayv2")
    api = gateway.get_apis()["Items"][0]["ApiId"]
    settings = {"GET /items": {"ThrottlingRateLimit": 5.0, "ThrottlingBurstLimit": 5}}
    gateway.update_stage(ApiId=api, StageName="$default", RouteSettings=settings)
    assert cli("status").returncode == 3
    cli.ok("up")
    [stage] = gateway.get_stages(ApiId=api)["Items"]
    assert stage["RouteSettings"] == {}
    assert cli("status").returncode == 0
