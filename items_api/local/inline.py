"""Tags as API Gateway lists them, inline. ministack's lists show only those that were given at the creation."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from ministack.services import apigateway  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Callable


def keep_tags_inline() -> None:
    """Copy every change of tags into ministack's records of APIs and stages."""
    apigateway._tag_resource = _copying(apigateway._tag_resource)  # noqa: SLF001 - no public API
    apigateway._untag_resource = _copying(apigateway._untag_resource)  # noqa: SLF001


def _copying(change: Callable[[str, Any], Any]) -> Callable[[str, Any], Any]:
    @wraps(change)
    def copying(arn: str, argument: Any) -> Any:
        response = change(arn, argument)
        api_id, _, stage = arn.partition("/apis/")[2].partition("/stages/")
        record = apigateway._stages.get(api_id, {}).get(stage) if stage else apigateway._apis.get(api_id)  # noqa: SLF001
        if record is not None:
            record["tags"] = dict(apigateway._api_tags.get(arn, {}))  # noqa: SLF001
        return response

    return copying
