"""The signature is botocore's, to the byte."""

from __future__ import annotations

import datetime as dt
import string

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from items_api.handler.sigv4 import Signer

VISIBLE = string.ascii_letters + string.digits + string.punctuation
LABEL = st.text(string.ascii_lowercase + string.digits + "-", min_size=1, max_size=20).map(lambda text: f"a{text}z")
HOSTS = st.lists(LABEL, min_size=1, max_size=4).map(".".join)
PORTS = st.sampled_from(["", ":4566", ":8000"])
SECONDS = st.integers(0, int(dt.datetime(2099, 12, 31, tzinfo=dt.UTC).timestamp()))


CREDENTIALS = st.builds(
    Credentials,
    st.text(string.ascii_uppercase + string.digits, min_size=1, max_size=32),
    st.text(min_size=1, max_size=64).filter(str.isprintable),
    st.none() | st.text(VISIBLE, min_size=1, max_size=200),
)


class BotocoreAt(SigV4Auth):
    """botocore's signing, step by step as in `add_auth`, but at a given time; the stubs know the public ones."""

    def sign(self, request: AWSRequest, now: int) -> None:
        request.context["timestamp"] = dt.datetime.fromtimestamp(now, dt.UTC).strftime("%Y%m%dT%H%M%SZ")
        self._modify_request_before_signing(request)  # type: ignore[attr-defined]
        signature = self.signature(self.string_to_sign(request, self.canonical_request(request)), request)
        self._inject_signature_to_request(request, signature)  # type: ignore[attr-defined]


@settings(max_examples=2000, deadline=None)
@given(
    host=st.tuples(HOSTS, PORTS).map("".join),
    region=LABEL,
    credentials=CREDENTIALS,
    operation=st.text(string.ascii_letters, min_size=1, max_size=20),
    payload=st.tuples(st.binary(max_size=300), SECONDS),
)
def test_signs_as_botocore_does(
    host: str, region: str, credentials: Credentials, operation: str, payload: tuple[bytes, int]
) -> None:
    """For any key, token, time, body and host, every header that is signed and the signature are equal."""
    body, now = payload
    target = f"DynamoDB_20120810.{operation}"
    signer = Signer(host, region, credentials.access_key, credentials.secret_key, credentials.token or "")
    theirs = AWSRequest("POST", f"https://{host}/", {"Content-Type": "application/x-amz-json-1.0"}, data=body)
    theirs.headers["X-Amz-Target"] = target
    BotocoreAt(credentials, "dynamodb", region).sign(theirs, now)
    signed = {name.lower(): value for name, value in theirs.headers.items()}
    # botocore signs the Host header but leaves writing it to urllib3.
    assert signer.headers(target, body, now) == {"host": host, **signed}


@settings(max_examples=200, deadline=None)
@given(times=st.lists(SECONDS, min_size=2, max_size=6), body=st.binary(max_size=20))
def test_a_kept_signing_key_never_outlives_its_day(times: list[int], body: bytes) -> None:
    """One signer, used at any times in any order, signs as a fresh one would."""
    kept = Signer("host.example", "us-east-1", "AKID", "secret")
    for now in times:
        fresh = Signer("host.example", "us-east-1", "AKID", "secret")
        assert kept.headers("DynamoDB_20120810.GetItem", body, now) == fresh.headers(
            "DynamoDB_20120810.GetItem", body, now
        )
