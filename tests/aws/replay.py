"""Sends the calls of a recording to moto with its layers, at the recorded times, and reports where the results differ.

A recording has one JSON document per line: a header with a `comment` and, optionally, `delays` (see `Delays`), then one
line for each call (tests/live/recorder.py). Only what the product reads is compared: whether a call succeeds, the code
and message of an error, states, tags, and which keys a response has.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.aws.account import Account
from tests.aws.delays import Delays
from tests.live.processes import OVERLAPPING

# A replay sends one call at a time, as a user who may do everything.
_NOT_REPLAYED = {
    *("AccessDenied", "AccessDeniedException"),
    *("TooManyRequestsException", "Throttling", "ThrottlingException", "OperationAbortedException"),
    *("ConcurrentModification", "ServiceUnavailable", "InternalFailure", "InternalServerError", "ServiceException"),
}
_SERVICES = {"apigatewayv2", "dynamodb", "iam", "lambda", "logs"}
# What the product reads. Values that AWS chooses, such as IDs and times, are not compared.
_VALUES = {
    *("TableStatus", "State", "LastUpdateStatus", "BillingMode", "Tags", "tags", "PolicyNames", "retentionInDays"),
    *("Runtime", "Handler", "MemorySize", "Timeout", "AutoDeploy", "StageName", "RouteKey", "PayloadFormatVersion"),
}
_KEYS = _VALUES | {
    *("Table", "TableDescription", "TableArn", "Role", "RoleId", "Arn", "AssumeRolePolicyDocument", "CreateDate"),
    *("Configuration", "FunctionArn", "LastModified", "CodeSha256", "Policy", "PolicyDocument", "logGroups", "Items"),
    *("ApiId", "ApiEndpoint", "IntegrationId", "IntegrationUri", "RouteId", "Target", "CorsConfiguration"),
    *("CreatedDate", "AttachedPolicies", "DefaultRouteSettings", "logGroupName"),
}
_IDS = ("ApiId", "IntegrationId", "RouteId", "RoleId", "AuthorizerId")
_NO_CODE = b"PK\x05\x06" + bytes(18)  # an empty archive: a recording has only the size of the code
_CHOSEN_BY_AWS = re.compile(r"\b(?:[0-9a-f]{8}-[0-9a-f-]{27}|AROA\w+)\b")


class Replay:
    def __init__(self, account: Account) -> None:
        self._account = account
        self._session = account.session("replay")
        self._ids: dict[str, str] = {}  # recorded: replayed

    def send(self, line: dict[str, Any]) -> Iterator[str]:
        """Send one call when it took effect at the latest, and yield each difference."""
        self._account.clock.advance(line["at"] + line["seconds"] - self._account.clock.now())
        client = self._session.client(line["service"], config=Config(retries={"total_max_attempts": 1}))
        try:
            response = getattr(client, xform_name(line["operation"]))(**self._parameters(line["parameters"]))
        except ClientError as error:
            have = error.response["Error"]
            yield from self._compare_errors(line.get("error"), have["Code"], have["Message"])
            return
        if wanted := line.get("error"):
            yield f"recorded {wanted['code']}: {wanted['message']}; replayed a success"
            return
        recorded = line["response"]
        self._learn(recorded, response)
        yield from self._compare(self._translated(recorded), response, "")

    def _parameters(self, recorded: dict[str, Any]) -> dict[str, Any]:
        parameters: dict[str, Any] = self._translated(recorded)
        for holder in (parameters, parameters.get("Code")):
            if isinstance(holder, dict) and "ZipFile" in holder:
                holder["ZipFile"] = _NO_CODE
        return parameters

    def _translated(self, value: Any) -> Any:
        text = json.dumps(value)
        for recorded, replayed in self._ids.items():
            text = re.sub(rf"\b{re.escape(recorded)}\b", replayed, text)
        return json.loads(text)

    def _learn(self, recorded: dict[str, Any], replayed: dict[str, Any]) -> None:
        pairs = [(recorded, replayed), (recorded.get("Role", {}), replayed.get("Role", {}))]
        for have, got in pairs:
            self._ids.update({have[key]: got[key] for key in _IDS if key in have and key in got})

    def _compare_errors(self, wanted: dict[str, str] | None, code: str, message: str) -> Iterator[str]:
        if wanted is None:
            yield f"recorded a success; replayed {code}: {message}"
            return
        want = (wanted["code"], _CHOSEN_BY_AWS.sub("ID", self._translated(wanted["message"])))
        have = (code, _CHOSEN_BY_AWS.sub("ID", message))
        if want != have:
            yield f"recorded {want[0]}: {want[1]}; replayed {have[0]}: {have[1]}"

    def _compare(self, recorded: Any, replayed: Any, path: str) -> Iterator[str]:
        if isinstance(recorded, list):
            if len(recorded) != len(replayed):
                yield f"{path}: recorded {len(recorded)} elements; replayed {len(replayed)}"
            elif recorded:
                yield from self._compare(recorded[0], replayed[0], f"{path}[0]")
            return
        if not isinstance(recorded, dict):
            return
        for key in _KEYS & recorded.keys():
            name = f"{path}.{key}".lstrip(".")
            if key not in replayed:
                yield f"{name}: recorded; missing in the replay"
            elif key in _VALUES and _sorted(recorded[key]) != _sorted(replayed[key]):
                yield f"{name}: recorded {recorded[key]!r}; replayed {replayed[key]!r}"
            elif key not in _VALUES:
                yield from self._compare(recorded[key], replayed[key], name)


def differences(path: Path, account: Account) -> list[str]:
    """Where a recording and the layers disagree: one message for each, with its line.

    It ends where processes overlap or are killed, because then the order in which calls took effect is unknown.
    """
    header, *lines = [json.loads(line) for line in path.read_text().splitlines()]
    account.delays = replace(Delays(latency=0), **header.get("delays", {}))
    replay = Replay(account)
    found = []
    for number, line in enumerate(lines, start=2):
        if line["process"].endswith(OVERLAPPING):
            break
        code = line.get("error", {}).get("code")
        if line["service"] not in _SERVICES or (code and line["status"] is None) or code in _NOT_REPLAYED:
            continue
        if _is_read(line) and any(_overlap(line, other) for other in lines):
            continue
        where = f"{path.name}:{number}, at {line['at']} s: {line['service']} {line['operation']}"
        found += [f"{where}: {difference}" for difference in replay.send(line)]
    return found


def _is_read(line: dict[str, Any]) -> bool:
    return str(line["operation"]).startswith(("Get", "List", "Describe", "Filter", "Scan"))


def _overlap(read: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether a write to the same service was in flight, so that no one knows which of the two was first."""
    if other["service"] != read["service"] or _is_read(other):
        return False
    return bool(other["at"] < read["at"] + read["seconds"] and read["at"] < other["at"] + other["seconds"])


def _sorted(value: Any) -> Any:
    """AWS promises no order of tags and names."""
    return sorted(value, key=json.dumps) if isinstance(value, list) else value
