"""An AWS account for a test: moto with all layers, on a virtual clock.

    with mock_aws(config=MOTO), Account() as account:
        session = account.session()
        session.faults.at("iam.CreateRole", 1, Fault.CUT_AFTER)
        aws = Aws(session, clock=account.clock)
        ...
        assert boto3.client("iam").list_roles()["Roles"] == []
        assert account.journal.writes() == []
        assert account.leftovers() == []

`boto3.client(...)` is for what the test itself sets up and looks at: such calls take no time, never fail by a fault, and
are not in the journal. Calls of `account.session()` belong to a process under test.
"""

from __future__ import annotations

import itertools
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

from tests.aws import hooks
from tests.aws.clock import VirtualClock
from tests.aws.delays import Delays
from tests.aws.dynamodb_lag import DynamoDbLag
from tests.aws.gateway_lag import GatewayLag
from tests.aws.gateway_strict import StrictGateway
from tests.aws.iam_lag import IamLag
from tests.aws.lambda_lag import LambdaLag
from tests.aws.logs_lag import LogsLag
from tests.aws.pipeline import Pipeline
from tests.aws.process import Process, ProcessSession, session_of
from tests.aws.snapshot import snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from moto.core.config import DefaultConfig

    from tests.aws.journal import Journal
    from tests.aws.rates import Rate
    from tests.aws.schedule import Schedule

# Without Docker, and with one default session for all tests: a new one would read botocore's JSON files again.
MOTO: DefaultConfig = {"lambda": {"use_docker": False}, "core": {"reset_boto3_session": False}}


class Account:
    def __init__(
        self,
        *,
        delays: Delays | None = None,
        rates: Mapping[str, Rate] | None = None,
        page_size: int = 25,
        clock: VirtualClock | None = None,
    ) -> None:
        self.clock = clock or VirtualClock()
        shared = (self.clock, delays or Delays())
        iam, logs = IamLag(*shared), LogsLag(*shared)
        self._tables, self._functions = DynamoDbLag(*shared), LambdaLag(*shared, iam, logs)
        layers = (iam, logs, self._tables, self._functions, StrictGateway(*shared), GatewayLag(*shared))
        self._pipeline = Pipeline(self.clock, layers, rates or {}, page_size)
        self._names = itertools.count(1)

    def __enter__(self) -> Self:
        hooks.activate(self._pipeline)
        return self

    def __exit__(self, *_: object) -> None:
        hooks.deactivate()

    @property
    def journal(self) -> Journal:
        return self._pipeline.journal

    @property
    def schedule(self) -> Schedule:
        return self._pipeline.schedule

    @property
    def delays(self) -> Delays:
        """Can be changed at any time, and holds for what happens from then on."""
        return self._pipeline.delays

    @delays.setter
    def delays(self, delays: Delays) -> None:
        self._pipeline.delays = delays

    def session(
        self, name: str | None = None, *, region: str = "us-east-1", policy: Mapping[str, Any] | None = None
    ) -> ProcessSession:
        """The boto3 session of a new process; `policy` limits what its user may do."""
        return session_of(Process(name or f"process {next(self._names)}", policy), region)

    @contextmanager
    def running(self, process: Process) -> Iterator[None]:
        """Inside the block, calls of every other boto3 session belong to this process: for code that creates its own."""
        self._pipeline.current = process
        try:
            yield
        finally:
            self._pipeline.current = None

    def rest(self, seconds: float = 60.0) -> None:
        """Wait until everything that is under way has ended."""
        self.clock.advance(seconds)
        self._pipeline.catch_up()

    def snapshot(self) -> dict[str, Any]:
        """Everything that exists, as plain data in which two equal accounts are equal. Call `rest` first."""
        self._pipeline.catch_up()
        return snapshot(self._tables, self._functions)

    def leftovers(self) -> list[str]:
        """What still exists after a rest, late log lines included."""
        self.rest()
        return sorted(f"{kind} {name}" for kind, resources in self.snapshot().items() for name in resources)
