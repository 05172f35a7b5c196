"""Removes from a recording what must not be published: account IDs, access keys, tokens, signatures, names of callers."""

import hashlib
import re
from typing import Any

ACCOUNT = "123456789012"
REDACTED = "REDACTED"
# Of every request and response, at any depth; compared without case and punctuation.
_SECRET_KEYS = {
    *("accesskeyid", "secretaccesskey", "sessiontoken", "authorization", "xamzsecuritytoken", "xamzcontentsha256"),
    *("location", "requestid", "xamznrequestid", "xamzid2", "hostid", "userid", "assumedroleid", "password"),
}
_PATTERNS = (
    (re.compile(r"(arn:aws[a-z-]*:sts::\d{12}:assumed-role)/[^\s\"',]+"), r"\1/caller/session"),
    (re.compile(r"(arn:aws[a-z-]*:sts::\d{12}:federated-user)/[^\s\"',]+"), r"\1/caller"),
    (re.compile(r"(arn:aws[a-z-]*:iam::\d{12}:user)/[^\s\"',]+"), r"\1/caller"),
    (re.compile(r"(?:AKIA|ASIA)[A-Z0-9]{12,}"), REDACTED),
    (re.compile(r"(?i)x-amz-(?:signature|credential|security-token)(?:=|%3D)[^&\s\"']+"), REDACTED),
    (re.compile(r"(?i)(?:x-amz-)?signature=[0-9a-f]{16,}"), REDACTED),
    (re.compile(r"(?i)\b(request ?id: ?)[0-9a-f-]{16,}"), rf"\1{REDACTED}"),
)
# The ID of a role or user contains the account ID in base 32, and a replay needs to tell IDs apart.
_UNIQUE_ID = re.compile(r"\b(AROA|AIDA|AGPA|ANPA)[A-Z0-9]{12,}")
# Any other account's ID: of a service of AWS, or of another account that a policy names.
_ARN_ACCOUNT = re.compile(r"(arn:aws[a-z-]*:[a-z0-9-]*:[a-z0-9-]*:)\d{12}\b")
_LEAKS = re.compile(r"(?:AKIA|ASIA)[A-Z0-9]{12,}|x-amz-signature", re.IGNORECASE)


def redact(value: Any, account: str) -> Any:
    """A copy of a JSON value without secrets. Keys stay, because the shape of a response is part of the recording."""
    if isinstance(value, dict):
        return {
            redact(key, account): REDACTED if _is_secret(key) and inner else redact(inner, account)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [redact(inner, account) for inner in value]
    return _redact_text(value, account) if isinstance(value, str) else value


def leaks(text: str, account: str) -> list[str]:
    """What a redacted recording must not contain but does. The account of the local AWS is not a secret."""
    found = [match[0] for match in _LEAKS.finditer(text)]
    return found + ([account] if account != ACCOUNT and account in text else [])


def _is_secret(key: str) -> bool:
    return re.sub(r"[^a-z0-9]", "", key.lower()) in _SECRET_KEYS


def _redact_text(text: str, account: str) -> str:
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    text = _UNIQUE_ID.sub(lambda match: match[1] + _digest(account, match[0]), text)
    return _ARN_ACCOUNT.sub(rf"\g<1>{ACCOUNT}", text).replace(account, ACCOUNT)


def _digest(account: str, identifier: str) -> str:
    return hashlib.sha256(f"{account}/{identifier}".encode()).hexdigest()[:17].upper()
