"""What is live, and what else the tests of releases have in common."""

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.response import StreamingBody

from items_api.settings import Settings
from tests.aws import Account, ProcessSession
from tests.provision.drive import errors, new_process, up
from tests.provision.manual_changes import FUNCTION

BIG, BIGGER = Settings(memory=512), Settings(memory=1024)


def alias() -> tuple[str, str]:
    """The version that is live, and the description of the alias."""
    found = boto3.client("lambda").get_alias(FunctionName=FUNCTION, Name="live")
    return found["FunctionVersion"], found["Description"]


def versions() -> list[str]:
    listed = boto3.client("lambda").list_versions_by_function(FunctionName=FUNCTION)["Versions"]
    return [version["Version"] for version in listed if version["Version"] != "$LATEST"]


def released(account: Account, *memory: int) -> None:
    """One release after the other."""
    for size in memory:
        assert errors(up(account, settings=Settings(memory=size))) == []
        account.rest()


def roll_back(account: Account, session: ProcessSession | None = None) -> None:
    stack = new_process(account, session)
    stack.look()
    stack.roll_back()


@contextmanager
def answering(session: ProcessSession, payload: object, **response: str) -> Iterator[None]:
    """Every invocation returns this."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()

    def change(parsed: dict[str, Any], model: Any, **_: Any) -> None:
        if model.name == "Invoke" and "Payload" in parsed:
            parsed.update(response, Payload=StreamingBody(io.BytesIO(body), len(body)))

    events = session.client("lambda").meta.events
    events.register_last("after-call", change)  # after moto and its layers
    yield
    events.unregister("after-call", change)
