"""The current access keys of botocore's provider chain: profiles, the container endpoint, IMDSv2, web identity."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from botocore.exceptions import NoCredentialsError

from items_api.aws.translate import translating

if TYPE_CHECKING:
    from collections.abc import Callable

    from botocore.credentials import ReadOnlyCredentials

    from items_api.aws.session import Account


class Keys(NamedTuple):
    """`token` is empty for keys that do not expire."""

    access_key: str
    secret_key: str
    token: str = ""


class KeyChain:
    """Finds the keys of an account. botocore renews them before they expire, which can take seconds."""

    def __init__(self, open_account: Callable[[], Account]) -> None:
        self._open_account = open_account
        self._account = open_account()

    def current(self, *, again: bool = False) -> Keys:
        """Raises `AwsError` if there are none, or if they have expired and cannot be renewed.

        `again` reads the user's AWS files again, because AWS has rejected the keys.
        """
        if again:
            self._account = self._open_account()
        found = translating(self._frozen)
        return Keys(found.access_key or "", found.secret_key or "", found.token or "")

    def _frozen(self) -> ReadOnlyCredentials:
        credentials = self._account.session.get_credentials()
        if credentials is None:
            raise NoCredentialsError
        return credentials.get_frozen_credentials()
