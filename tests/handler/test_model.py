"""Model-based test: random requests to the handler, with every reply predicted from a dict."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from tests.handler.conftest import Harness, Reply

IDS = st.sampled_from(["1", "2", "a/b", "100%", "é 😀", ".."])
CONDITIONS = st.sampled_from(
    [{}, {}, {"if_match": "*"}, {"if_none_match": "*"}, {"if_match": "*", "if_none_match": "*"}]
)
SCALARS = st.none() | st.booleans() | st.integers(-(10**37), 10**37) | st.text(max_size=8) | st.just("0.10")
DOCUMENTS = st.dictionaries(
    st.text(min_size=1, max_size=5).filter(lambda name: name != "itemId"),
    SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(st.text(min_size=1, max_size=3), SCALARS, max_size=3),
    max_size=4,
)
BAD_BODIES = st.sampled_from(
    ["", "[]", "{", '{"a":1e400}', '{"a":1,"a":1}', '{"itemId":7}', '{"":0}', '{"a":"\\ud800"}']
)
FAULTS = st.sampled_from(["throttles", "fails_after_write", "disconnects_before_write", "corrupts_reply"])


class Store(RuleBasedStateMachine):
    """A dict of documents by id, which each request changes according to the contract."""

    def __init__(self, harness: Harness) -> None:
        super().__init__()
        self.dynamodb = harness.dynamodb
        self.gateway = harness.gateway
        self.model: dict[str, dict[str, Any]] = {}
        self.tags: dict[str, list[str]] = {}  # of every version of an item so far

    def is_rejected(self, reply: Reply, item_id: str, conditions: dict[str, str]) -> bool:
        expected = ("if_none_match" if item_id in self.model else "if_match") in conditions
        assert (reply.status == 412) == expected
        return expected

    def check_write(self, reply: Reply, item_id: str, document: dict[str, Any], expected: int) -> None:
        assert reply.status == expected
        self.model[item_id] = {**document, "itemId": item_id}
        assert reply.json == self.model[item_id]
        assert reply.headers["etag"] not in self.tags.setdefault(item_id, [])
        self.tags[item_id].append(reply.headers["etag"])

    @rule(item_id=IDS, document=DOCUMENTS, conditions=CONDITIONS, as_form=st.booleans())
    def post(self, item_id: str, document: dict[str, Any], conditions: dict[str, str], as_form: bool) -> None:
        body = json.dumps({**document, "itemId": item_id}, ensure_ascii=not as_form)
        headers = {name.replace("_", "-"): value for name, value in conditions.items()}
        reply = self.gateway("POST", "/items", body.encode() if as_form else body, headers)
        if self.is_rejected(reply, item_id, conditions):
            return
        self.check_write(reply, item_id, document, 201)
        assert unquote(reply.headers["location"]) == f"/items/{item_id}"

    @rule(document=DOCUMENTS)
    def post_without_an_id(self, document: dict[str, Any]) -> None:
        reply = self.gateway("POST", "/items", json.dumps(document))
        item_id = reply.json["itemId"]
        assert item_id not in self.model
        self.check_write(reply, item_id, document, 201)

    @rule(item_id=IDS, document=DOCUMENTS, conditions=CONDITIONS, repeat_id=st.booleans())
    def put(self, item_id: str, document: dict[str, Any], conditions: dict[str, str], repeat_id: bool) -> None:
        body = {**document, "itemId": item_id} if repeat_id else document
        reply = self.gateway.item("PUT", item_id, body, **conditions)
        if self.is_rejected(reply, item_id, conditions):
            return
        self.check_write(reply, item_id, document, 200 if item_id in self.model else 201)

    @rule(item_id=IDS, document=DOCUMENTS, fault=FAULTS)
    def put_through_a_fault(self, item_id: str, document: dict[str, Any], fault: str) -> None:
        """The write succeeds. If the reply of the first attempt is lost, the retry replaces the item: 200, not 201."""
        self.dynamodb.fail(fault)
        reply = self.gateway.item("PUT", item_id, document)
        reply_lost = fault in {"fails_after_write", "corrupts_reply"}
        self.check_write(reply, item_id, document, 200 if reply_lost or item_id in self.model else 201)

    @rule(item_id=IDS, patch=DOCUMENTS, fault=st.none() | FAULTS)
    def patch(self, item_id: str, patch: dict[str, Any], fault: str | None) -> None:
        """A lost reply makes no difference."""
        if fault:
            self.dynamodb.fail("succeeds", fault)
        reply = self.gateway.item("PATCH", item_id, patch)
        self.dynamodb.faults.clear()
        if item_id in self.model:
            self.check_write(reply, item_id, merged(self.model[item_id], patch), 200)
        else:
            assert (reply.status, reply.json) == (404, {"error": "Not found"})

    @rule(item_id=IDS, document=DOCUMENTS, method=st.sampled_from(["PUT", "PATCH", "DELETE"]), current=st.booleans())
    def write_with_a_tag(self, item_id: str, document: dict[str, Any], method: str, current: bool) -> None:
        known = self.tags.get(item_id, [])
        tag = known[-1] if current and item_id in self.model else known[0] if len(known) > 1 else '"other"'
        reply = self.gateway.item(method, item_id, None if method == "DELETE" else document, if_match=tag)
        if item_id not in self.model:
            assert reply.status == (404 if method == "PATCH" else 412)
        elif tag != known[-1]:
            assert (reply.status, reply.headers["etag"]) == (412, known[-1])
        elif method == "DELETE":
            assert reply.status == 204
            self.model.pop(item_id)
        else:
            new = document if method == "PUT" else merged(self.model[item_id], document)
            self.check_write(reply, item_id, new, 200)

    @rule(item_id=IDS, conditions=CONDITIONS)
    def delete(self, item_id: str, conditions: dict[str, str]) -> None:
        reply = self.gateway.item("DELETE", item_id, **conditions)
        if self.is_rejected(reply, item_id, conditions):
            return
        assert (reply.status, reply.text, reply.headers) == (204, "", {})
        self.model.pop(item_id, None)

    @rule(item_id=IDS)
    def get(self, item_id: str) -> None:
        reply = self.gateway.item("GET", item_id)
        if item_id in self.model:
            assert (reply.status, reply.json) == (200, self.model[item_id])
            assert reply.headers["etag"] == self.tags[item_id][-1]
            assert self.gateway.item("GET", item_id, if_none_match=self.tags[item_id][-1]).status == 304
        else:
            assert (reply.status, reply.json) == (404, {"error": "Not found"})

    @rule(item_id=IDS, body=BAD_BODIES, method=st.sampled_from(["POST", "PUT"]))
    def bad_body(self, item_id: str, body: str, method: str) -> None:
        reply = self.gateway(method, "/items", body) if method == "POST" else self.gateway.item("PUT", item_id, body)
        assert reply.status == 400
        assert set(reply.json) == {"error"}

    @rule(limit=st.none() | st.integers(1, 4))
    def list_everything(self, limit: int | None) -> None:
        """The pages contain each item exactly once."""
        query = {} if limit is None else {"limit": str(limit)}
        pages = [reply.json for reply in self.gateway.pages(query)]
        assert all(len(page) == limit for page in pages[:-1])
        seen = [item for page in pages for item in page]
        assert len(seen) == len(self.model)
        assert {item["itemId"]: item for item in seen} == self.model


def merged(target: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """RFC 7396, section 2."""
    result = dict(target)
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, dict):
            existing = result.get(name)
            result[name] = merged(existing if isinstance(existing, dict) else {}, value)
        else:
            result[name] = value
    return result


def test_every_reply_is_as_the_model_predicts(new_harness: Callable[[], Harness]) -> None:
    run_state_machine_as_test(
        lambda: Store(new_harness()),  # type: ignore[arg-type]
        settings=settings(max_examples=60, stateful_step_count=40, deadline=None, derandomize=True),
    )
