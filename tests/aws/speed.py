"""Leaves out work of moto and botocore that these tests do not need: a fifth of their time."""

from collections.abc import Callable
from functools import cache, lru_cache
from inspect import isfunction
from typing import Any

from botocore import hooks
from moto.core import models, responses, utils
from moto.core.base_backend import BaseBackend


def speed_up() -> None:
    models.RESPONSES_METHODS = []  # it would mock the `requests` library, too
    # What is always the same is computed once, and not for every request or session.
    responses.method_names_from_class = cache(utils.method_names_from_class)  # type: ignore[attr-defined]
    BaseBackend.urls = property(_by_class(BaseBackend.urls.fget))  # type: ignore[method-assign, assignment, attr-defined]
    aliaser: Any = hooks.EventAliaser
    rename = aliaser(None)._alias_event_name
    aliaser._alias_event_name = lambda _, event_name: rename(event_name)
    inspect = hooks.accepts_kwargs
    inspect_once: Any = lru_cache(1000)(inspect)
    hooks.accepts_kwargs = lambda func: inspect_once(func) if isfunction(func) else inspect(func)


def _by_class(compute: Callable[[Any], Any]) -> Callable[[Any], Any]:
    found: dict[type, Any] = {}

    def get(instance: Any) -> Any:
        if type(instance) not in found:
            found[type(instance)] = compute(instance)
        return found[type(instance)]

    return get
