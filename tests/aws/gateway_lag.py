"""API Gateway v2: GetApis lags and promises no order, deployment ids change, and parallel writes on one API conflict."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tests.aws.layer import Document, Layer
from tests.aws.refusal import Refusal

if TYPE_CHECKING:
    from tests.aws.clock import VirtualClock
    from tests.aws.delays import Delays
    from tests.aws.journal import Call

_EPOCH = datetime(2025, 1, 1, tzinfo=UTC)  # the clock's zero


class GatewayLag(Layer):
    service = "apigatewayv2"

    def __init__(self, clock: VirtualClock, delays: Delays) -> None:
        super().__init__(clock, delays)
        self._deployments = itertools.count(1)
        self._listed_at: dict[str, float] = {}
        self._created: dict[str, datetime] = {}
        self._last_created = _EPOCH

    def busy_with(self, call: Call) -> str | None:
        if "ResourceArn" in call.parameters:
            return str(call.parameters["ResourceArn"]).partition("/apis/")[2].partition("/")[0]
        return call.parameters.get("ApiId")

    def overlap(self) -> Refusal:
        why = "Unable to complete operation due to concurrent modification. Please try again later."
        return Refusal("ConflictException", why, 409)

    def after_create_api(self, call: Call, answer: Document) -> None:
        # Distinct, so that there is an oldest.
        now = _EPOCH + timedelta(seconds=self.clock.now())
        self._last_created = max(now, self._last_created + timedelta(milliseconds=1))
        self._created[answer["ApiId"]] = answer["CreatedDate"] = self._last_created
        self._listed_at[answer["ApiId"]] = self.clock.now() + self.delays.apis_listed

    def after_get_api(self, call: Call, answer: Document) -> None:
        answer["CreatedDate"] = self._created[answer["ApiId"]]

    after_update_api = after_get_api

    def after_get_apis(self, call: Call, answer: Document) -> None:
        listed = [api for api in answer["Items"] if self.clock.now() >= self._listed_at[api["ApiId"]]]
        answer["Items"] = sorted(listed, key=lambda api: str(api["ApiId"]))  # the ids are random
        for api in answer["Items"]:
            self.after_get_api(call, api)

    def after_get_stages(self, call: Call, answer: Document) -> None:
        for stage in answer["Items"]:
            if stage.get("AutoDeploy"):
                stage["DeploymentId"] = f"d{next(self._deployments):06}"
