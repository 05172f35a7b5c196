"""For the tests of provisioning: a stack that exists."""

import pytest

from tests.aws import NO_DELAYS, Account
from tests.provision.drive import errors, up


@pytest.fixture
def deployed(account: Account) -> Account:
    """An account with a stack of default settings. It takes no time to deploy; what follows has AWS's delays."""
    usual, account.delays = account.delays, NO_DELAYS
    assert errors(up(account)) == []
    account.rest()
    account.delays = usual
    return account
