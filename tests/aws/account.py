"""An AWS account for a test: moto with all layers, on a virtual clock.

    with mock_aws(config=MOTO), Account() as account:
        session = account.session()
        session.faults.at("iam.CreateRole", 1, Fault.CUT_AFTER)
        aws = Aws(session, clock=account.clock)
        ...
        assert boto3.client("iam").list_roles()["Roles"] == []
        assert account.journal.writes() == []
        assert account.leftovers() == []

`boto3.client(...)` is for what the test itself sets up and inspects: such calls take no time, never fail by a fault, and
are not in the journal. Calls of `account.session()` belong to a process under test.
"""

import itertools
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self
from unittest.mock import patch

import botocore.session
from botocore.config import Config
from botocore.credentials import Credentials
from moto.core.config import DefaultConfig

from tests.aws.clock import VirtualClock
from tests.aws.delays import Delays, Rates, Timing
from tests.aws.dynamodb import DynamoDb
from tests.aws.faults import FIXED_USER_AGENT, LOADER, Process, ProcessSession, session_of
from tests.aws.gateway import ApiGateway
from tests.aws.iam import Iam
from tests.aws.journal import Journal
from tests.aws.lambda_versions import Lambda
from tests.aws.logs import Logs
from tests.aws.pipeline import Pipeline
from tests.aws.snapshot import snapshot

# Without Docker, and with one default session for all tests: a new one would read botocore's JSON files again.
MOTO: DefaultConfig = {"lambda": {"use_docker": False}, "core": {"reset_boto3_session": False}}

_create_client = botocore.session.Session.create_client
_CLIENTS: dict[str, Any] = {}


def _kept_client(session: botocore.session.Session, service_name: str, **options: Any) -> Any:
    """A client of an earlier session with the same options, region, keys and AWS variables.

    Each takes milliseconds to create. Sessions with other kinds of credentials get clients of their own.
    """
    credentials, config = session.get_credentials(), options.get("config")
    if type(credentials) is not Credentials:
        return _create_client(session, service_name, **options)
    variables = sorted(item for item in os.environ.items() if item[0].startswith("AWS_"))
    keys = (session.profile, *credentials.get_frozen_credentials())
    options_text = repr(options | {"config": config and vars(config)})
    key = repr((service_name, options_text, session.get_config_variable("region"), keys, variables))
    if key not in _CLIENTS:
        options["config"] = (config or Config()).merge(FIXED_USER_AGENT)
        _CLIENTS[key] = _create_client(session, service_name, **options)
    return _CLIENTS[key]


class Account(Timing):
    def __init__(
        self,
        *,
        delays: Delays | None = None,
        rates: Mapping[str, tuple[float, float]] | None = None,
        page_size: int = 25,
        clock: VirtualClock | None = None,
    ) -> None:
        super().__init__(clock or VirtualClock(), delays or Delays())
        self.journal = Journal()
        iam, logs = Iam(self), Logs(self)
        self._tables, self._functions = DynamoDb(self), Lambda(self, iam, logs)
        layers = (iam, logs, self._tables, self._functions, ApiGateway(self))
        self._pipeline = Pipeline(self, self.journal, layers, Rates(rates or {}), page_size)
        self._numbers = itertools.count(1)

    def __enter__(self) -> Self:
        assert Pipeline.active is None, "another account is active"
        Pipeline.active = self._pipeline
        return self

    def __exit__(self, *_: object) -> None:
        Pipeline.active = None

    def session(
        self, name: str | None = None, *, region: str = "us-east-1", policy: Mapping[str, Any] | None = None
    ) -> ProcessSession:
        """The boto3 session of a new process; `policy` limits what its user may do."""
        return session_of(Process(name or f"process {next(self._numbers)}", policy), region)

    @contextmanager
    def running(self, process: Process) -> Iterator[None]:
        """Inside the block, calls of every other boto3 session belong to this process: for code that creates its own."""
        self._pipeline.current = process
        try:
            with (
                patch.object(botocore.session, "create_loader", lambda _search_path: LOADER),
                patch.object(botocore.session.Session, "create_client", _kept_client),
            ):
                yield
        finally:
            self._pipeline.current = None

    def rest(self, seconds: float = 60.0) -> None:
        """Wait until no request is in flight any more."""
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
