"""No update is lost: clients change one item at the same time, and their calls to DynamoDB interleave at random."""

import json
import random
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytest
from greenlet import getcurrent, greenlet

from items_api.handler.connection import Connection
from items_api.handler.dynamodb import Client, RejectedError, _TransientError
from items_api.handler.index import Api
from items_api.handler.sigv4 import Signer
from items_api.handler.table import REVISION, Table
from tests.handler.conftest import Gateway

CLIENTS = 3
INTERLEAVINGS = 10_000


class Clients:
    """They run in turns: each stops before every call to DynamoDB, and one of them, chosen at random, continues."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def run(self, clients: Sequence[Callable[[], int]]) -> list[int]:
        """What each returns. Raises what one of them raises."""
        done = [0] * len(clients)

        def collected(number: int) -> None:
            done[number] = clients[number]()

        running = [greenlet(partial(collected, number)) for number in range(len(clients))]
        while running:
            self._chance.choice(running).switch()
            running = [client for client in running if not client.dead]
        return done

    @staticmethod
    def stop() -> None:
        """Called by a client."""
        parent = getcurrent().parent
        assert parent is not None
        parent.switch()


class Store:
    """One item of a table, as DynamoDB keeps it."""

    def __init__(self, item: dict[str, Any]) -> None:
        self.item = item

    def execute(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        if operation == "GetItem":
            return {"Item": dict(self.item)}
        assert (operation, parameters["ConditionExpression"]) == ("PutItem", "#r = :r")
        if self.item[REVISION] != parameters["ExpressionAttributeValues"][":r"]:
            raise RejectedError("ConditionalCheckFailedException", "", dict(self.item))
        self.item = parameters["Item"]
        return {}


class RacingClient(Client):
    """Of a lost reply, the request was executed."""

    def __init__(self, store: Store, lost: random.Random | None) -> None:
        super().__init__(Connection("http://localhost"), Signer("host", "r", "a", "s"), sleep=lambda _: None)
        self._store = store
        self._lost = lost

    def _attempt(self, target: str, body: bytes, deadline: float) -> dict[str, Any]:
        del deadline
        Clients.stop()
        reply = self._store.execute(target.partition(".")[2], json.loads(body))
        if self._lost and self._lost.random() < 0.2:
            raise _TransientError("ReplyError", maybe_applied=True)
        return reply


def add_with_if_match(gateway: Gateway, number: int) -> int:
    """Read, add 1, and write on condition of the tag, until it succeeds."""
    while True:
        found = gateway.item("GET", "1")
        document = {**found.json, "count": found.json["count"] + 1, f"last {number}": found.json["count"] + 1}
        reply = gateway.item("PUT", "1", document, if_match=found.headers["etag"])
        if reply.status == 200:
            return 1
        assert reply.status == 412


def patch_own_attributes(gateway: Gateway, number: int) -> int:
    """Two patches. Returns how many succeeded."""
    return sum(gateway.item("PATCH", "1", {f"own {number}": n}).status == 200 for n in (1, 2))


def run(seed: int) -> None:
    chance = random.Random(seed)
    store = Store({"itemId": {"S": "1"}, "count": {"N": "0"}, REVISION: {"S": "first"}})
    loses = chance if seed % 4 == 0 else None
    adds = [chance.random() < 0.5 for _ in range(CLIENTS)]

    def client(number: int) -> int:
        gateway = Gateway(Api(Table("Items", RacingClient(store, loses), {}), lambda _: None))
        return (add_with_if_match if adds[number] else patch_own_attributes)(gateway, number)

    done = Clients(chance).run([partial(client, number) for number in range(CLIENTS)])
    count = int(store.item["count"]["N"])
    succeeded = sum(count for count, is_add in zip(done, adds, strict=True) if is_add)
    # If the reply to a write was lost and another write followed, the client adds again: see docs/http.md.
    assert count == succeeded or (loses and count > succeeded), f"seed {seed}"
    for number, is_add in enumerate(adds):
        if not is_add and (not loses or done[number] == 2):
            assert store.item.get(f"own {number}") == {"N": "2"}, f"seed {seed}"
        elif is_add:
            assert f"last {number}" in store.item, f"seed {seed}"


def test_no_update_is_lost_in_ten_thousand_interleavings() -> None:
    for seed in range(INTERLEAVINGS):
        run(seed)


def test_the_interleavings_would_reveal_a_lost_update(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the condition, they do."""
    monkeypatch.setattr(Store, "execute", _without_condition)
    failures = 0
    for seed in range(100):
        try:
            run(seed)
        except AssertionError:
            failures += 1
    assert failures > 10


def _without_condition(store: Store, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
    if operation == "PutItem":
        store.item = parameters["Item"]
    return {"Item": dict(store.item)} if operation == "GetItem" else {}
