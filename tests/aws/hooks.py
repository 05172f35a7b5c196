"""Where the layers attach: botocore's public events, for every client that this Python process creates.

moto attaches itself in the same way, to `before-send`. The events used here enclose that one:

    before-parameter-build   the parameters as the caller gave them
    before-call              may answer in AWS's place, or raise
    after-call               may change the parsed answer, or raise: that is how an answer gets lost
    after-call-error         moto raised
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore import handlers

if TYPE_CHECKING:
    from tests.aws.pipeline import Http, Pipeline

PARAMETERS = "tests.aws.parameters"  # keys of a request's context
PROCESS = "tests.aws.process"
_PIPELINE = "tests.aws.pipeline"
_active: list[Pipeline] = []


def activate(pipeline: Pipeline) -> None:
    if _active:
        raise AssertionError("another account is active")
    _active.append(pipeline)


def deactivate() -> None:
    _active.clear()


def _before_parameter_build(**event: Any) -> None:
    for pipeline in _active:
        event["context"][_PIPELINE] = pipeline
        pipeline.given(event["params"], event["model"], event["context"])


# A call of a thread that outlives its test stays with that test's account.
def _before_call(**event: Any) -> tuple[Http, dict[str, Any]] | None:
    pipeline: Pipeline | None = event["context"].get(_PIPELINE)
    return pipeline.request(event["params"], event["model"], event["context"]) if pipeline else None


def _after_call(**event: Any) -> None:
    if pipeline := event["context"].get(_PIPELINE):
        pipeline.response(event["http_response"], event["parsed"], event["context"])


def _after_call_error(**event: Any) -> None:
    if pipeline := event["context"].get(_PIPELINE):
        pipeline.error(event["exception"], event["context"])


handlers.BUILTIN_HANDLERS.extend(
    [
        ("before-parameter-build", _before_parameter_build),
        ("before-call", _before_call),
        ("after-call", _after_call),
        ("after-call-error", _after_call_error),
    ]
)
