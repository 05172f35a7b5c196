"""An AWS account that misbehaves as the real one does, on a clock of its own."""

from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING, Any

from tests.aws_model.actions import partition_of
from tests.aws_model.clock import VirtualClock
from tests.aws_model.cloudwatch import CloudWatch
from tests.aws_model.delays import Delays
from tests.aws_model.dynamodb import DynamoDB
from tests.aws_model.functions import Lambda
from tests.aws_model.gates import Schedule
from tests.aws_model.gateway import Gateway
from tests.aws_model.iam import Iam
from tests.aws_model.journal import Journal
from tests.aws_model.logs import Logs
from tests.aws_model.pipeline import Pipeline
from tests.aws_model.service import Place, Service
from tests.aws_model.session import ModelSession
from tests.aws_model.snapshot import snapshot
from tests.aws_model.sts import Sts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.aws_model.delays import Rate

_SERVICES: dict[str, type[Service]] = {
    "apigatewayv2": Gateway,
    "cloudwatch": CloudWatch,
    "dynamodb": DynamoDB,
    "iam": Iam,
    "logs": Logs,
    "sts": Sts,
}
_GLOBAL = ("iam", "sts")


class AwsWorld:
    """An account, empty at first.

    world = AwsWorld()
    session = world.session()
    session.faults.at("iam.CreateRole", 1, Fault.CUT_AFTER)
    aws = Aws(session, clock=world.clock)
    ...
    assert world.journal.writes() == []
    assert world.leftovers() == []
    """

    def __init__(
        self,
        *,
        delays: Delays | None = None,
        rates: Mapping[str, Rate] | None = None,
        page_size: int = 25,
        region: str = "us-east-1",
        clock: VirtualClock | None = None,
    ) -> None:
        self.clock = clock or VirtualClock()
        self._delays = delays or Delays()
        self.journal = Journal()
        self.schedule = Schedule()
        self.region = region
        self._page_size = page_size
        self._ids = itertools.count(1)
        self._names = itertools.count(1)
        self._services: dict[tuple[str, str], Service] = {}
        self._lock = threading.RLock()
        self._pipeline = Pipeline(self, rates or {})

    @property
    def delays(self) -> Delays:
        """May be changed at any time, and holds for what happens from then on."""
        return self._delays

    @delays.setter
    def delays(self, delays: Delays) -> None:
        self._delays = delays
        for service in self._services.values():
            service.place.delays = delays

    def session(
        self, name: str | None = None, *, region: str | None = None, policy: dict[str, Any] | None = None
    ) -> ModelSession:
        """A process with credentials for this account; `policy` limits what its user may do."""
        name = name or f"process {next(self._names)}"
        return ModelSession(name, region or self.region, self._pipeline.carry_out, policy=policy)

    def boto(self, service: str, region: str | None = None) -> Any:
        """A client for the test's own set-ups and looks: no latency, no faults, not in the journal."""
        region = region or self.region
        return ModelSession("by hand", region, self._pipeline.carry_out, by_hand=True).client(service)

    def rest(self, seconds: float = 60.0) -> None:
        """Let everything that is under way come to its end."""
        self.clock.advance(seconds)

    def snapshot(self) -> dict[str, Any]:
        """Everything that exists, as plain data that two runs can be compared by: see `snapshot`. `rest` first."""
        with self._lock:
            self.catch_up()
            return snapshot(self._services)

    def leftovers(self) -> list[str]:
        """What still exists when all has come to rest, late log lines included."""
        self.rest()
        return sorted(f"{kind} {name}" for kind, resources in self.snapshot().items() for name in resources)

    def service(self, name: str, region: str) -> Service:
        place_name = partition_of(region) if name in _GLOBAL else region
        with self._lock:
            if (name, place_name) not in self._services:
                self._services[name, place_name] = self._new_service(name, region)
            return self._services[name, place_name]

    def catch_up(self) -> None:
        for service in tuple(self._services.values()):
            service.catch_up()

    def _new_service(self, name: str, region: str) -> Service:
        place = Place(region, self.clock, self.delays, self._page_size, self._ids)
        if name != "lambda":
            return _SERVICES[name](place)
        iam, logs = self.service("iam", region), self.service("logs", region)
        assert isinstance(iam, Iam)
        assert isinstance(logs, Logs)
        return Lambda(place, iam, logs)
