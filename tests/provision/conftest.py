"""For the tests of provisioning: stacks that exist. They take no time to deploy; what follows has AWS's delays."""

import pytest

from items_api.settings import Settings
from tests.aws import NO_DELAYS, Account
from tests.provision.drive import errors, up
from tests.provision.indexing import OWNER


@pytest.fixture
def deployed(account: Account) -> Account:
    """An account with a stack of default settings."""
    return _with_stack(account, Settings())


@pytest.fixture
def indexed(account: Account) -> Account:
    """An account with a stack whose table has an index on `owner`."""
    return _with_stack(account, OWNER)


def _with_stack(account: Account, settings: Settings) -> Account:
    usual, account.delays = account.delays, NO_DELAYS
    assert errors(up(account, settings=settings)) == []
    account.rest()
    account.delays = usual
    return account
