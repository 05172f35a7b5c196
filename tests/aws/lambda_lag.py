"""Lambda takes seconds to create, update and forget a function, and cannot assume a new role at once.

moto's functions are always Active. It keeps no LoggingConfig, so this layer does.
https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.aws.actions import ACCOUNT, partition_of
from tests.aws.backends import backend, function, role
from tests.aws.layer import Document, Layer
from tests.aws.policy import allows
from tests.aws.refusal import Refusal

if TYPE_CHECKING:
    from tests.aws.clock import VirtualClock
    from tests.aws.delays import Delays
    from tests.aws.iam_lag import IamLag
    from tests.aws.journal import Call
    from tests.aws.logs_lag import LogsLag

_WHILE_LINGERING = ("GetFunction", "GetFunctionConfiguration")
_CANNOT = "The operation cannot be performed at this time."


@dataclass
class _Function:
    """`*_at` are times of the clock."""

    role_id: str  # the role that Lambda assumes: one recreated under the same name is another
    active_at: float
    logging: dict[str, str] = field(default_factory=dict)
    updated_at: float = 0.0
    gone_at: float | None = None


class LambdaLag(Layer):
    service = "lambda"

    def __init__(self, clock: VirtualClock, delays: Delays, iam: IamLag, logs: LogsLag) -> None:
        super().__init__(clock, delays)
        self._iam = iam
        self._logs = logs
        self._functions: dict[tuple[str, str], _Function] = {}

    def described(self, region: str, name: str) -> Document:
        """What a snapshot adds to moto's configuration of a function."""
        state = self._functions[region, name]
        return {**self._state(state), "role id": state.role_id, "logging": state.logging, "gone": bool(state.gone_at)}

    def arrive(self, call: Call) -> None:
        """Permission calls read the policy, change it and write it back whole, so parallel ones lose statements."""
        if call.action_name in ("AddPermission", "RemovePermission"):
            found = function(call.region, _name(call))
            call.seen = list(found.policy.statements) if found else None

    def catch_up(self) -> None:
        for (region, name), state in list(self._functions.items()):
            if state.gone_at is not None and self.clock.now() >= state.gone_at:
                self._forget(region, name)

    def before(self, call: Call) -> Document | None:
        name = _name(call)
        state = self._functions.get((call.region, name))
        if state and state.gone_at is not None and call.action_name not in _WHILE_LINGERING:
            if call.action_name == "CreateFunction":
                self._forget(call.region, name)
            else:
                raise _not_found(call.region, name)
        return super().before(call)

    def before_create_function(self, call: Call) -> None:
        if function(call.region, _name(call)) is None:  # else moto refuses
            call.seen = self._role_id(call)

    def after_create_function(self, call: Call, answer: Document) -> None:
        self._functions[call.region, _name(call)] = _Function(
            role_id=call.seen,
            active_at=self.clock.now() + self.delays.function_pending,
            logging={"LogFormat": "Text", "LogGroup": f"/aws/lambda/{_name(call)}"},
        )
        self._after_change(call, answer)

    def before_update_function_code(self, call: Call) -> None:
        self._must_be_idle(call)

    def after_update_function_code(self, call: Call, answer: Document) -> None:
        if "Architectures" in call.parameters:  # which moto ignores
            found = function(call.region, _name(call))
            found.architectures = answer["Architectures"] = call.parameters["Architectures"]
        self._functions[call.region, _name(call)].updated_at = self.clock.now() + self.delays.function_updating
        self._after_change(call, answer)

    def before_update_function_configuration(self, call: Call) -> None:
        self._must_be_idle(call)
        if "Role" in call.parameters and function(call.region, _name(call)):
            call.seen = self._role_id(call)

    def after_update_function_configuration(self, call: Call, answer: Document) -> None:
        if "Role" in call.parameters:
            self._functions[call.region, _name(call)].role_id = call.seen
        self.after_update_function_code(call, answer)

    def after_get_function(self, call: Call, answer: Document) -> None:
        self._show(call, answer["Configuration"])
        # A port that refuses connections, so that no test fetches the code from the address that moto makes up.
        answer["Code"]["Location"] = "http://127.0.0.1:9/code.zip"

    def after_get_function_configuration(self, call: Call, answer: Document) -> None:
        self._show(call, answer)

    def before_delete_function(self, call: Call) -> Document | None:
        """Let moto delete the function later: GetFunction still shows it for a moment."""
        name = _name(call)
        found, state = function(call.region, name), self._functions.get((call.region, name))
        if found is None or state is None:
            return None
        state.gone_at = self.clock.now() + self.delays.function_lingering
        group = state.logging["LogGroup"]
        # Policies name log groups with `:*`:
        # https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_LogGroup.html
        arn = f"arn:{partition_of(call.region)}:logs:{call.region}:{ACCOUNT}:log-group:{group}:*"
        if allows(_documents(found.role, call.region), "logs:CreateLogGroup", arn):
            self._logs.expect_line(call.region, group)
        self.catch_up()
        return {}

    def before_add_permission(self, call: Call) -> None:
        if any(statement["Sid"] == call.parameters["StatementId"] for statement in call.seen or ()):
            raise Refusal(
                "ResourceConflictException",
                f"The statement id ({call.parameters['StatementId']}) provided already exists. Please provide a new "
                "statement id, or remove the existing statement.",
                409,
                Type="User",
            )
        self._write_back(call)

    def before_remove_permission(self, call: Call) -> None:
        self._write_back(call)

    def _write_back(self, call: Call) -> None:
        found = function(call.region, _name(call))
        if found and call.seen is not None:
            found.policy.statements = list(call.seen)

    def _role_id(self, call: Call) -> str:
        found = self._iam.assumable_role(call.parameters["Role"], call.region)
        if found is None:
            why = "The role defined for the function cannot be assumed by Lambda."
            raise Refusal("InvalidParameterValueException", why, 400, Type="User")
        return str(found.id)

    def _must_be_idle(self, call: Call) -> None:
        state = self._functions.get((call.region, _name(call)))
        if state and self.clock.now() < state.active_at:
            why = f"{_CANNOT} The function is currently in the following state: Pending"
            raise Refusal("ResourceConflictException", why, 409, Type="User")
        if state and self.clock.now() < state.updated_at:
            arn = function(call.region, _name(call)).function_arn
            why = f"{_CANNOT} An update is in progress for resource: {arn}"
            raise Refusal("ResourceConflictException", why, 409, Type="User")

    def _after_change(self, call: Call, answer: Document) -> None:
        self._functions[call.region, _name(call)].logging.update(call.parameters.get("LoggingConfig", {}))
        self._show(call, answer)

    def _show(self, call: Call, configuration: Document) -> None:
        state = self._functions[call.region, configuration["FunctionName"]]
        configuration.update(self._state(state), LoggingConfig=dict(state.logging))

    def _state(self, state: _Function) -> Document:
        if self.clock.now() >= state.active_at:
            updating = self.clock.now() < state.updated_at
            return {"State": "Active", "LastUpdateStatus": "InProgress" if updating else "Successful"}
        return {
            "State": "Pending",
            "StateReason": "The function is being created.",
            "StateReasonCode": "Creating",
            "LastUpdateStatus": "InProgress",
            "LastUpdateStatusReason": "The function is being created.",
            "LastUpdateStatusReasonCode": "Creating",
        }

    def _forget(self, region: str, name: str) -> None:
        del self._functions[region, name]
        backend("lambda", region).delete_function(name)


def _name(call: Call) -> str:
    """A request names a function by its name or its ARN."""
    return str(call.parameters.get("FunctionName") or call.parameters.get("Resource", "")).rpartition(":")[2]


def _not_found(region: str, name: str) -> Refusal:
    arn = f"arn:{partition_of(region)}:lambda:{region}:{ACCOUNT}:function:{name}"
    return Refusal("ResourceNotFoundException", f"Function not found: {arn}", 404, Type="User")


def _documents(role_arn: str, region: str) -> list[dict[str, Any]]:
    """Every policy of a role."""
    found = role(role_arn, region)
    if found is None:
        return []
    attached = [policy.versions[0].document for policy in found.managed_policies.values()]
    return [json.loads(document) for document in (*found.policies.values(), *attached)]
