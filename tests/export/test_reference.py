"""The requests that the exports are compared with are those that `up` sends."""

from dataclasses import replace
from typing import Any

import pytest

from items_api import local
from items_api.settings import Settings
from tests.export.conftest import existing_stack
from tests.export.reference import BOTH, NASTY, ORDINARY, Ids, requests_of_up


# The local AWS supports no other partition than "aws".
@pytest.mark.parametrize("settings", [ORDINARY, replace(NASTY, region="eu-central-1")], ids=BOTH)
def test_up_sends_these_requests_and_no_others(settings: Settings, local_aws: local.LocalAws) -> None:
    sent: list[Any] = []
    with existing_stack(local_aws, settings, lambda *call: sent.append(call)) as stack:
        writes = [*sent]
        assert stack.api.found
        assert stack.api.found.parts.integration
        ids = Ids(
            account=local.ACCOUNT,
            api=stack.api.found.api_id,
            integration=stack.api.found.parts.integration["IntegrationId"],
        )
    assert sorted(writes, key=repr) == sorted(requests_of_up(settings, ids).values(), key=repr)
