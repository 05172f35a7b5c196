"""Credentials, region and endpoint: the account that a command works in. Nothing here writes to AWS."""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3
import botocore.session
from botocore.config import Config

from items_api.aws.client import Aws
from items_api.aws.errors import AwsError
from items_api.aws.translate import translating
from items_api.errors import InvalidSetting

if TYPE_CHECKING:
    from items_api.aws.client import Watcher

PARTITIONS = ("aws", "aws-cn", "aws-us-gov")
# Of the services that a stack uses, the one that is available in the fewest regions.
_NARROWEST = "apigatewayv2"
# For a botocore session on which the user's AWS files and variables have no effect.
_ISOLATED = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}


@dataclass(frozen=True)
class Account:
    """A boto3 session with its region, and how its clients connect."""

    session: boto3.Session
    region: str
    endpoint_url: str | None = None
    config: Config | None = None
    local_advice: str = ""

    def aws(self, watch: Watcher | None = None) -> Aws:
        return Aws(
            self.session,
            endpoint_url=self.endpoint_url,
            config=self.config,
            watch=watch,
            local_advice=self.local_advice,
        )


def aws_account(*, profile: str | None, region: str | None, endpoint_url: str | None) -> Account:
    """The user's own account. Raises `NoCredentials` for an unknown profile, `InvalidSetting` without a region."""
    session, chosen = _configured(profile, region)
    if not chosen:
        raise InvalidSetting(
            "No region is set.",
            "Neither --region nor AWS_REGION nor your AWS profile sets one.",
            "Add --region us-east-1, for example, or --local to run on this computer without an AWS account.",
        )
    if not endpoint_url:
        _check_known(chosen, session)
    return Account(session, chosen, endpoint_url)


def configured_region(profile: str | None) -> str | None:
    """The region of the user's AWS configuration. Raises `NoCredentials` for an unknown profile."""
    session, region = _configured(profile, None)
    if region:
        _check_known(region, session)
    return region


def _configured(profile: str | None, region: str | None) -> tuple[boto3.Session, str | None]:
    try:
        core = botocore.session.Session(
            session_vars={
                "profile": (None, _set_variables("AWS_DEFAULT_PROFILE", "AWS_PROFILE"), None, None),
                # Other SDKs read AWS_REGION, and boto3 only the second one.
                "region": ("region", _set_variables("AWS_REGION", "AWS_DEFAULT_REGION"), None, None),
            }
        )
        session = translating(
            lambda: boto3.Session(profile_name=profile or None, region_name=region or None, botocore_session=core)
        )
        return session, translating(lambda: session.region_name)
    except AwsError as error:
        raise error.problem("Could not use your AWS configuration") from error


def _set_variables(*names: str) -> list[str]:
    """Those that are set. An empty value counts as none; boto3 would look for a profile without a name."""
    return [name for name in names if os.environ.get(name)]


def local_account(*, region: str, endpoint_url: str, access_key: str, secret_key: str, advice: str = "") -> Account:
    """The local AWS with its own credentials. The user's AWS files and variables have no effect.

    `advice` is what to do about an error, instead of the advice for AWS.
    """
    session = boto3.Session(
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        region_name=region,
        botocore_session=botocore.session.Session(session_vars=_ISOLATED),
    )
    direct = Config(proxies={}, use_fips_endpoint=False, use_dualstack_endpoint=False)
    return Account(session, region, endpoint_url, direct, advice)


def regions(session: boto3.Session | None = None) -> list[str]:
    """Every region with HTTP APIs that this version of boto3 knows, in the supported partitions.

    The session keeps the list of endpoints, which takes milliseconds to read, for its clients.
    """
    source = session or botocore.session.Session(session_vars=_ISOLATED)
    return [region for partition in PARTITIONS for region in source.get_available_regions(_NARROWEST, partition)]


def _check_known(region: str, session: boto3.Session) -> None:
    """Otherwise, a misspelled region would fail only after many seconds, when its host name does not resolve."""
    known = regions(session)
    if region not in known:
        near = difflib.get_close_matches(region, known, n=3, cutoff=0.5)
        raise InvalidSetting(
            "is not a region with HTTP APIs that this version of boto3 knows.",
            f"Did you mean {', '.join(near)}?" if near else "",
            "Correct it or, if the region is new, upgrade boto3.",
            setting="region",
            value=region,
        )
