"""A claim about an API, and its check."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    from items_api.smoke.api import Api

CheckFunction: TypeAlias = "Callable[[Api], str | None]"  # may return a detail to report


class Claim(NamedTuple):
    name: str
    check: CheckFunction
    #: The tutorial's commands are shown exactly as in the tutorial, without curl's -i.
    is_tutorial: bool = False
    #: A command that repeats the request would contain credentials, or what was made from them.
    is_refusal: bool = False
