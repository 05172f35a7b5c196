"""The signature is identical to botocore's."""

import datetime as dt
import string
from unittest.mock import patch

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


@settings(max_examples=500, deadline=None)
@given(
    host=st.tuples(HOSTS, PORTS).map("".join),
    region=LABEL,
    credentials=CREDENTIALS,
    operation=st.text(string.ascii_letters, min_size=1, max_size=20),
    payload=st.tuples(st.binary(max_size=300), SECONDS),
)
def test_the_headers_are_the_same_as_botocores(
    host: str, region: str, credentials: Credentials, operation: str, payload: tuple[bytes, int]
) -> None:
    body, now = payload
    target = f"DynamoDB_20120810.{operation}"
    signer = Signer(host, region, credentials.access_key, credentials.secret_key, credentials.token or "")
    reference = AWSRequest("POST", f"https://{host}/", {"Content-Type": "application/x-amz-json-1.0"}, data=body)
    reference.headers["X-Amz-Target"] = target
    with patch("botocore.auth.get_current_datetime", return_value=dt.datetime.fromtimestamp(now, dt.UTC)):
        SigV4Auth(credentials, "dynamodb", region).add_auth(reference)
    signed = {name.lower(): value for name, value in reference.headers.items()}
    # botocore signs the Host header, but urllib3 adds it.
    assert signer.headers(target, body, now) == {"host": host, **signed}


@settings(max_examples=200, deadline=None)
@given(times=st.lists(SECONDS, min_size=2, max_size=6), body=st.binary(max_size=20))
def test_the_cached_signing_key_is_not_used_on_another_day(times: list[int], body: bytes) -> None:
    """A signer used at any times, in any order, signs like a new one."""
    arguments = ("host.example", "us-east-1", "AKID", "secret")
    signer = Signer(*arguments)
    for now in times:
        request = ("DynamoDB_20120810.GetItem", body, now)
        assert signer.headers(*request) == Signer(*arguments).headers(*request)
