"""For the tests of provisioning: a stack that exists."""

import pytest

from tests.aws import Account
from tests.provision.drive import errors, up


@pytest.fixture
def deployed(account: Account) -> Account:
    """An account with a stack of default settings."""
    assert errors(up(account)) == []
    account.rest()
    return account
