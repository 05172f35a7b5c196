"""From what the user chose to a stack one can work on: credentials, region, account. Nothing here writes to AWS."""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from items_api.errors import InvalidSetting
from items_api.provision.aws import Aws, Watcher
from items_api.provision.refusals import problem_from
from items_api.provision.stack import Stack

if TYPE_CHECKING:
    from items_api.settings import Settings

PARTITIONS = ("aws", "aws-cn", "aws-us-gov")
# The service with the fewest regions of those in use.
_NARROWEST = "apigatewayv2"


@dataclass(frozen=True)
class Account:
    """Where the stack shall stand: a boto3 session with its region, and how its clients connect."""

    session: boto3.Session
    region: str
    endpoint_url: str | None = None
    config: Config | None = None

    @classmethod
    def on_aws(cls, *, profile: str | None, region: str | None, endpoint_url: str | None) -> Account:
        """The user's own account. Raises `NoCredentials` for an unknown profile, `InvalidSetting` without a region."""
        try:
            # AWS_REGION is what the other SDKs read; boto3 reads AWS_DEFAULT_REGION and the profile.
            session = boto3.Session(profile_name=profile, region_name=region or os.environ.get("AWS_REGION") or None)
            chosen = session.region_name
        except BotoCoreError as error:
            raise problem_from(error, "Could not use your AWS configuration") from error
        if not chosen:
            raise InvalidSetting(
                "No region is chosen.",
                "Neither --region nor AWS_REGION nor your AWS profile names one.",
                "Add one: --region us-east-1. Or add --local: it runs on this computer and needs no account.",
            )
        if not endpoint_url:
            _check_known(chosen)
        return cls(session, chosen, endpoint_url)

    @classmethod
    def on_this_computer(cls, *, region: str, endpoint_url: str, access_key: str, secret_key: str) -> Account:
        """The local AWS, with credentials of its own: no file and no variable of the user's has a say."""
        isolated = botocore.session.Session(
            session_vars={
                "profile": (None, None, None, None),
                "config_file": (None, None, os.devnull, None),
                "credentials_file": (None, None, os.devnull, None),
            }
        )
        session = boto3.Session(
            aws_access_key_id=access_key,
            aws_secret_access_key=secret_key,
            region_name=region,
            botocore_session=isolated,
        )
        direct = Config(proxies={}, use_fips_endpoint=False, use_dualstack_endpoint=False)
        return cls(session, region, endpoint_url, direct)

    def open(self, settings: Settings, watch: Watcher | None = None) -> Stack:
        """Ask AWS whose account it is, and return the stack in it. Raises `Problem`."""
        aws = Aws(self.session, endpoint_url=self.endpoint_url, config=self.config, watch=watch)
        return open_stack(aws, settings)


def open_stack(aws: Aws, settings: Settings) -> Stack:
    """The stack in the account that these clients sign for. Raises `Problem`."""
    try:
        account = aws.send(aws.sts.get_caller_identity)["Account"]
    except (ClientError, BotoCoreError, ResponseParserError) as error:
        raise problem_from(error, "Could not ask AWS which account this is") from error
    return Stack(settings, aws, account)


def stack_names(account: Account) -> list[str]:
    """The names of the stacks in an account and region, by the tags of their APIs."""
    aws = Aws(account.session, endpoint_url=account.endpoint_url, config=account.config)
    tags = [api.get("Tags", {}) for api in aws.every(aws.apigateway.get_apis, "Items")]
    return sorted({t["items-api:stack"] for t in tags if t.get("managed-by") == "items-api" and "items-api:stack" in t})


def regions() -> list[str]:
    """Every region with HTTP APIs that this boto3 knows, in the partitions that this tool knows."""
    known = botocore.session.Session()
    return [region for partition in PARTITIONS for region in known.get_available_regions(_NARROWEST, partition)]


def _check_known(region: str) -> None:
    """A misspelt region would end in a name that does not resolve, after many seconds."""
    known = regions()
    if region not in known:
        near = difflib.get_close_matches(region, known, n=3, cutoff=0.5)
        raise InvalidSetting(
            f"--region {region!r} is no region with HTTP APIs that this version of boto3 knows.",
            f"Close to it: {', '.join(near)}." if near else "",
            "Correct it, or, if AWS has opened it since, upgrade boto3.",
        )
