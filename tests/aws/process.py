"""Processes: each has its own boto3 session, faults and permissions, and can be killed."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
from botocore.config import Config

from tests.aws.faults import Faults, ProcessKilled

if TYPE_CHECKING:
    from collections.abc import Mapping

PROCESS = "tests.aws.process"  # key of a request's context


@dataclass
class Process:
    """`policy` is what its user may do; None allows everything."""

    name: str
    policy: Mapping[str, Any] | None = None
    faults: Faults = field(default_factory=Faults)
    killed: threading.Event = field(default_factory=threading.Event)

    def check_alive(self) -> None:
        if self.killed.is_set():
            raise ProcessKilled(self.name)


class ProcessSession(boto3.Session):
    """A boto3 session whose calls belong to a process.

    A client takes milliseconds to create and most of that goes into JSON files, so sessions share one loader, keep
    their clients, and serve one process after the other.
    """

    def __init__(self, process: Process, region: str) -> None:
        own = botocore.session.Session()
        own.register_component("data_loader", _LOADER)
        own.register("provide-client-params", self._identify)
        super().__init__(botocore_session=own, region_name=region)
        self.process = process
        self._kept: dict[tuple[str, str | None], Any] = {}

    @property
    def faults(self) -> Faults:
        return self.process.faults

    def client(  # type: ignore[override]
        self, service_name: str, region_name: str | None = None, *, config: Config | None = None, **options: Any
    ) -> Any:
        key = (service_name, region_name)
        if key not in self._kept:
            # A fixed user agent, because botocore spends a tenth of each call on putting one together.
            quick = (config or _NO_RETRIES).merge(Config(user_agent="tests"))
            self._kept[key] = super().client(service_name, region_name, config=quick, **options)  # type: ignore[call-overload]
        return self._kept[key]

    def _identify(self, **event: Any) -> None:
        event["context"][PROCESS] = self.process


_NO_RETRIES = Config(retries={"total_max_attempts": 1})
_LOADER = botocore.session.Session().get_component("data_loader")
_SESSIONS: dict[tuple[str, str], ProcessSession] = {}


def session_of(process: Process, region: str) -> ProcessSession:
    """The session of this name and region, now with this process behind it."""
    key = (process.name, region)
    if key not in _SESSIONS:
        _SESSIONS[key] = ProcessSession(process, region)
    _SESSIONS[key].process = process
    return _SESSIONS[key]
