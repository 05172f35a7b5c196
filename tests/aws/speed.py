"""Leaves out work of moto, botocore and thread pools that these tests do not need."""

import random
import re
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache, lru_cache
from inspect import isfunction
from types import SimpleNamespace
from typing import Any

from botocore import hooks
from moto import backend_index
from moto.core import base_backend, botocore_stubber, models, responses, utils

from items_api.aws import client

_SERVICES = {"apigateway", "awslambda", "cloudwatch", "dynamodb", "iam", "logs", "sts"}


def speed_up() -> None:
    product: Any = client
    product.ThreadPoolExecutor = _Readers
    models.RESPONSES_METHODS = []  # it would mock the `requests` library, too
    # For each request, moto tries all services in this order.
    backend_index.backend_url_patterns.sort(key=lambda entry: entry[0] not in _SERVICES)
    # What is always the same is computed once, and not for every request or session.
    stubber: Any = botocore_stubber
    stubber.re = SimpleNamespace(compile=cache(re.compile))
    response: Any = responses
    response.method_names_from_class = cache(utils.method_names_from_class)
    response.camelcase_to_underscores = cache(utils.camelcase_to_underscores)
    backend: Any = base_backend.BaseBackend
    backend.urls = property(_by_class(backend.urls.fget))
    aliaser: Any = hooks.EventAliaser
    rename = aliaser(None)._alias_event_name
    aliaser._alias_event_name = lambda _, event_name: rename(event_name)
    inspect = hooks.accepts_kwargs
    inspect_once: Any = lru_cache(1000)(inspect)
    hooks.accepts_kwargs = lambda func: inspect_once(func) if isfunction(func) else inspect(func)
    response.gen_amzn_requestid_long = _add_request_id
    response.BaseResponse._enrich_response = staticmethod(_without_search(response.BaseResponse._enrich_response))


class _Readers:
    """The threads for the reads of one process under test. All of them share theirs, or each would start dozens."""

    _threads = ThreadPoolExecutor(1000, thread_name_prefix="aws-read")

    def __init__(self, limit: int, **_: object) -> None:
        self._free = threading.Semaphore(limit)

    def submit(self, call: Callable[[], Any]) -> Future[Any]:
        return self._threads.submit(self._run, call)

    def _run(self, call: Callable[[], Any]) -> Any:
        with self._free:
            return call()


def _add_request_id(headers: dict[str, Any]) -> str:
    """Instead of a random choice for each character."""
    headers["x-amzn-requestid"] = identifier = f"{random.getrandbits(208):052X}"
    return identifier


def _without_search(enrich: Callable[..., Any]) -> Callable[..., Any]:
    """Of the request id in the body, which takes long and finds nothing in JSON."""

    def enriched(headers: dict[str, str], body: Any) -> tuple[dict[str, str], Any]:
        has_id = isinstance(body, str) and "<RequestId>" in body
        headers, found = enrich(headers, body if has_id else "")
        return headers, found if has_id else body

    return enriched


def _by_class(compute: Callable[[Any], Any]) -> Callable[[Any], Any]:
    found: dict[type, Any] = {}

    def get(instance: Any) -> Any:
        if type(instance) not in found:
            found[type(instance)] = compute(instance)
        return found[type(instance)]

    return get
