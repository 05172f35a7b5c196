"""The check of a new version before callers reach it: requests that only read, sent straight to the function."""

from __future__ import annotations

import base64
import json
import re
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from items_api.errors import CheckFailed, TimedOut

if TYPE_CHECKING:
    from collections.abc import Callable

    from items_api.aws.client import Aws
    from items_api.settings import Settings

PROPAGATION_SECONDS = 60.0
# What DynamoDB answers while it does not know a new role or its policy yet. The handler writes the code into its log.
_NOT_PROPAGATED = ("AccessDeniedException", "UnrecognizedClientException")
_MAX_CHARACTERS = 300


class Reply(NamedTuple):
    """What is wrong with an answer of the function (empty if nothing is), and the cause that the function logged."""

    wrong: str
    cause: str

    @property
    def is_denied(self) -> bool:
        return bool(self.wrong) and self.cause in _NOT_PROPAGATED


class Probe(NamedTuple):
    """A request, and the status that it must lead to."""

    method: str
    path: str
    status: int
    query: str = ""
    body: str | None = None

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}{'?' if self.query else ''}{self.query}"

    def event(self) -> dict[str, Any]:
        """The parts of an HTTP API's event that the handler uses.

        https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
        """
        item_id = self.path.removeprefix("/items").lstrip("/")
        key = f"{self.method} /items{'/{id+}' if item_id else ''}"
        query = dict(pair.split("=") for pair in self.query.split("&") if pair)
        return {
            "version": "2.0",
            "routeKey": key,
            "rawPath": self.path,
            "rawQueryString": self.query,
            "headers": {"content-type": "application/json"},
            **({"queryStringParameters": query} if query else {}),
            **({"pathParameters": {"id": item_id}} if item_id else {}),
            **({"body": self.body} if self.body is not None else {}),
            "requestContext": {
                "http": {"method": self.method, "path": self.path, "protocol": "HTTP/1.1"},
                "requestId": "items-api-check",
                "routeKey": key,
                "stage": "$default",
            },
            "isBase64Encoded": False,
        }


def probes(settings: Settings) -> tuple[Probe, ...]:
    return (
        Probe("GET", "/items", 200, query="limit=1"),
        *(Probe("GET", "/items", 200, query=f"limit=1&{attribute}=check") for attribute in settings.index_names),
        Probe("GET", f"/items/check-{secrets.token_hex(8)}", 404),
        Probe("POST", "/items", 400, body='{"itemId":'),
    )


def check(aws: Aws, settings: Settings, version: str, report: Callable[[str], None]) -> None:
    """Send the requests to a version of the function.

    A new role and its policy take a while to reach DynamoDB, so such errors are waited out. Any other answer fails.

    Raises:
        CheckFailed: an answer is wrong.
        AwsError: the function could not be invoked.
    """
    for probe in probes(settings):
        reply = Reply("", "")

        def attempt(probe: Probe = probe) -> Reply:
            nonlocal reply
            reply = _reply(aws, settings.function_name, version, probe)
            return reply

        with suppress(TimedOut):
            aws.settle(
                attempt,
                until=lambda reply: not reply.is_denied,
                waiting="for the role's policy to take effect",
                report=report,
                seconds=PROPAGATION_SECONDS,
            )
        if reply.wrong:
            todo = "Fix the cause and run the command again."
            if reply.is_denied:
                todo = f"Find out what denies access: a permissions boundary, or a policy of the organization. {todo}"
            raise CheckFailed(
                f"Version {version} of the Lambda function {settings.function_name} failed its check. It is not live.",
                f"{probe.name} {reply.wrong}.",
                f"{todo} --no-check releases a version without checking it.",
            )


def _reply(aws: Aws, function: str, version: str, probe: Probe) -> Reply:
    answer, payload = aws.invoke(function, version, json.dumps(probe.event()).encode())
    cause = _logged_cause(base64.b64decode(answer.get("LogResult", "")).decode(errors="replace"))
    return Reply(_wrong(probe, payload, cause, failed=bool(answer.get("FunctionError"))), cause)


def _logged_cause(log: str) -> str:
    """The last `error` in the lines of the handler, which contain no data of requests or items."""
    causes = re.findall(r'^\{"method": .*"error": ("[^"]*")', log, re.MULTILINE)
    return str(json.loads(causes[-1])) if causes else ""


def _wrong(probe: Probe, payload: bytes, cause: str, *, failed: bool) -> str:
    """A body is not shown, because it may contain items."""
    try:
        reply = json.loads(payload)
    except ValueError:
        return "returned something other than JSON"
    if failed:
        return f"failed: {_description(reply)}"
    status = reply.get("statusCode") if isinstance(reply, dict) else None
    if not isinstance(status, int):
        return "returned no HTTP status"
    if status != probe.status:
        return f"returned {status} instead of {probe.status}{f' ({cause})' if cause else ''}"
    return ""


def _description(error: Any) -> str:
    """Lambda's description of an unhandled error: `{"errorType": …, "errorMessage": …}`."""
    if not isinstance(error, dict):
        return "unknown error"
    text = ": ".join(" ".join(str(error[key]).split()) for key in ("errorType", "errorMessage") if error.get(key))
    return (text if len(text) <= _MAX_CHARACTERS else f"{text[:_MAX_CHARACTERS]}…").rstrip(".")
