"""A recording contains no account ID, key, token or signature, wherever AWS puts them."""

import json
from typing import Any

import pytest

from tests.live.redaction import leaks, redact

ACCOUNT = "210987654321"
KEY = "AKIAI44QH8DHBEXAMPLE"
SIGNED = (
    "https://prod-04-2014-tasks.s3.us-east-1.amazonaws.com/snapshots/210987654321/f?versionId=x&X-Amz-Security-Token=IQoJ%2Fb3"
    f"&X-Amz-Credential=ASIAIOSFODNN7EXAMPLE%2F20261124%2Fus-east-1&X-Amz-Signature={'0a' * 32}"
)
SECRETS = (
    ACCOUNT,
    KEY,
    "ASIAIOSFODNN7EXAMPLE",
    "IQoJ",
    "0a0a",
    "jane.doe",
    "AROAI44QH8DHBEXAMPLE",
    "wJalrXUtnFEMI",
    "111122223333",
)


@pytest.mark.parametrize(
    "nasty",
    [
        {"Code": {"Location": SIGNED}},
        {"anything": f"see {SIGNED} for the code"},
        {"Credentials": {"AccessKeyId": KEY, "SecretAccessKey": "wJalrXUtnFEMI/K7MDENG", "SessionToken": "IQoJb3JpZ2lu"}},
        {"headers": [{"Authorization": f"AWS4-HMAC-SHA256 Credential={KEY}/20261124, Signature={'0a' * 32}"}]},
        {"text": f"AWS4-HMAC-SHA256 Credential={KEY}/20261124/us-east-1/iam/aws4_request, Signature={'0a' * 32}"},
        {"message": f"User: arn:aws:sts::{ACCOUNT}:assumed-role/AWSReservedSSO_Admin_0a0a0a/jane.doe@example.com is not authorized"},
        {"message": f"User: arn:aws:iam::{ACCOUNT}:user/team/jane.doe is not authorized to perform: iam:CreateRole"},
        {"message": f"arn:aws:sts::{ACCOUNT}:federated-user/jane.doe", "text": f"Signature={'0a' * 32}, RequestID: {'0a0a' * 8}"},
        {"UserId": "AROAI44QH8DHBEXAMPLE:jane.doe", "Account": ACCOUNT},
        {"Role": {"RoleId": "AROAI44QH8DHBEXAMPLE", "Arn": f"arn:aws-us-gov:iam::{ACCOUNT}:role/live-api-role"}},
        {"PolicyDocument": json.dumps({"Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Key": f"x{ACCOUNT}x"})},
        {ACCOUNT: f"{ACCOUNT}{ACCOUNT}", "nested": [[{"SourceArn": f"arn:aws:execute-api:us-east-1:{ACCOUNT}:a1b2/*"}]]},
    ],
    ids=lambda nasty: next(iter(nasty)),
)  # fmt: skip
def test_nothing_secret_remains(nasty: dict[str, Any]) -> None:
    text = json.dumps(redact(nasty, ACCOUNT))
    assert [secret for secret in SECRETS if secret in text] == []
    assert leaks(text, ACCOUNT) == []


def test_what_a_replay_needs_remains() -> None:
    line = {
        "RoleId": "AROAI44QH8DHBEXAMPLE",
        "status": 200,
        "ApiId": "a1b2c3d4e5",
        "Arn": f"arn:aws:iam::{ACCOUNT}:role/r",
    }
    redacted = redact(line, ACCOUNT)
    assert redacted | {"RoleId": ""} == line | {"RoleId": "", "Arn": "arn:aws:iam::123456789012:role/r"}
    assert redacted["RoleId"] == redact(line, ACCOUNT)["RoleId"]
    assert redacted["RoleId"] != redact({"RoleId": "AROAI44QH8DHBEXAMPL2"}, ACCOUNT)["RoleId"]


@pytest.mark.parametrize("text", [ACCOUNT, KEY, "X-Amz-Signature=00"])
def test_a_recording_with_a_secret_is_detected(text: str) -> None:
    assert leaks(f'{{"text": "{text}"}}', ACCOUNT)
