"""The requests that the exports are compared with are those that `up` sends."""

import json
from dataclasses import replace
from typing import Any

import pytest

from items_api import local
from items_api.provision.policies import boundary_policy
from items_api.settings import Arns, Settings
from tests.export.conftest import existing_stack, owner_of
from tests.export.reference import BOTH, NASTY, ORDINARY, SIGNED, Ids, requests_of_up


# The local AWS supports no other partition than "aws".
@pytest.mark.parametrize("settings", [ORDINARY, replace(NASTY, region="eu-central-1"), SIGNED], ids=BOTH)
def test_up_sends_these_requests_and_no_others(settings: Settings, local_aws: local.LocalAws) -> None:
    sent: list[Any] = []
    if settings.permissions_boundary:
        document = json.dumps(boundary_policy(Arns(settings, local.ACCOUNT)))
        iam = owner_of(local_aws, settings.region).iam
        created = iam.create_policy(PolicyName="boundary", PolicyDocument=document)["Policy"]
        settings = replace(settings, permissions_boundary=created["Arn"])
    with existing_stack(local_aws, settings, lambda *call: sent.append(call)) as stack:
        writes = [(service, operation, without_revision(parameters)) for service, operation, parameters in sent]
        assert stack.release.found
        assert stack.release.found.live
        assert stack.api.found
        assert stack.api.found.parts.integration
        ids = Ids(
            account=local.ACCOUNT,
            api=stack.api.found.api_id,
            integration=stack.api.found.parts.integration["IntegrationId"],
            authorizer=(stack.api.found.parts.authorizer or {}).get("AuthorizerId", ""),
            version=str(stack.release.found.live.number),
        )
    assert sorted(writes, key=repr) == sorted(requests_of_up(settings, ids).values(), key=repr)


def without_revision(parameters: dict[str, Any]) -> dict[str, Any]:
    """RevisionId only protects against changes by others."""
    return {name: value for name, value in parameters.items() if name != "RevisionId"}
