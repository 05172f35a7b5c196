"""What a layer is: methods named after AWS operations, called before and after moto handles a request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from botocore import xform_name

if TYPE_CHECKING:
    from tests.aws.clock import VirtualClock
    from tests.aws.delays import Delays
    from tests.aws.journal import Call
    from tests.aws.refusal import Refusal

Document = dict[str, Any]


class Layer:
    """One service's difference between moto and AWS.

    `before_create_role(call)` may raise `Refusal`, or return an answer that replaces moto's.
    `after_create_role(call, answer)` may change moto's answer, which is parsed as boto3 returns it. Requests are handled
    one at a time, so no method needs a lock.
    """

    service: ClassVar[str]

    def __init__(self, clock: VirtualClock, delays: Delays) -> None:
        self.clock = clock
        self.delays = delays

    def arrive(self, call: Call) -> None:
        """Called when the request reaches AWS, before its latency: `call.seen` keeps what is needed at the effect."""

    def busy_with(self, call: Call) -> str | None:
        """The thing that AWS does not let two writes change at once."""
        del call
        return None

    def overlap(self) -> Refusal:
        """The refusal of the second of two such writes."""
        raise NotImplementedError

    def catch_up(self) -> None:
        """Do what has come due in the meantime."""

    def before(self, call: Call) -> Document | None:
        method = getattr(self, f"before_{xform_name(call.action_name)}", None)
        answer: Document | None = method(call) if method else None
        return answer

    def after(self, call: Call, answer: Document) -> None:
        method = getattr(self, f"after_{xform_name(call.action_name)}", None)
        if method:
            method(call, answer)
