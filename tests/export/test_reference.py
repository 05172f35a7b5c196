"""The requests that the exports are compared with are those that `up` sends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from items_api import local
from tests.export.conftest import existing_stack
from tests.export.reference import BOTH, Ids, requests_of_up

if TYPE_CHECKING:
    from collections.abc import Mapping

    from items_api.settings import Settings


@pytest.mark.parametrize("settings", BOTH.values(), ids=BOTH)
def test_up_sends_these_requests_and_no_others(settings: Settings, local_aws: local.LocalAws) -> None:
    sent: list[Any] = []

    def watch(service: str, operation: str, parameters: Mapping[str, Any]) -> None:
        sent.append((service, operation, dict(parameters)))

    with existing_stack(local_aws, settings, watch) as stack:
        writes = [*sent]
        assert stack.role.found
        assert stack.api.found
        assert stack.api.found.parts.integration
        ids = Ids(
            account=local.ACCOUNT,
            role=stack.role.found.role_id,
            api=stack.api.found.api_id,
            integration=stack.api.found.parts.integration["IntegrationId"],
        )
    expected = requests_of_up(settings, ids).values()
    assert sorted(writes, key=repr) == sorted(expected, key=repr)
