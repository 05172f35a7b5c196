"""Lambda takes seconds to create, update and forget a function, and cannot assume a new role at once.

moto's functions are always Active. It keeps no LoggingConfig, so this layer does.
https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html
"""

import math
from dataclasses import dataclass
from typing import Any

from tests.aws.delays import Timing
from tests.aws.faults import Call, ErrorResponse
from tests.aws.iam import Iam
from tests.aws.layer import Document, Layer, arn_of, backend
from tests.aws.logs import Logs
from tests.aws.permissions import allows

_CANNOT = "The operation cannot be performed at this time."


@dataclass
class _Function:
    """`*_at` are times of the clock."""

    role_id: str  # the role that Lambda assumes: a role recreated with the same name has another id
    logging: dict[str, str]
    active_at: float
    updated_at: float = 0.0
    gone_at: float = math.inf  # set by DeleteFunction


class Lambda(Layer):
    service = "lambda"

    def __init__(self, timing: Timing, iam: Iam, logs: Logs) -> None:
        super().__init__(timing)
        self._iam = iam
        self._logs = logs
        self._functions: dict[tuple[str, str], _Function] = {}

    def describe(self, region: str, name: str) -> Document:
        """What a snapshot adds to moto's configuration of a function."""
        function = self._functions[region, name]
        gone = function.gone_at < math.inf
        return {**self._state(function), "role id": function.role_id, "logging": function.logging, "gone": gone}

    def arrive(self, call: Call) -> None:
        """Permission calls read the policy, change it and write it back whole, so parallel ones lose statements."""
        if call.action_name in ("AddPermission", "RemovePermission"):
            found = _moto_function(call)
            call.seen = list(found.policy.statements) if found else None

    def catch_up(self) -> None:
        for key in [key for key, function in self._functions.items() if self.now >= function.gone_at]:
            self._forget(*key)

    def before(self, call: Call) -> Document | None:
        function = self._function(call)
        if function and function.gone_at < math.inf and not call.action_name.startswith("GetFunction"):
            if call.action_name != "CreateFunction":
                arn = arn_of("lambda", call.region, f"function:{_name(call)}")
                raise ErrorResponse("ResourceNotFoundException", f"Function not found: {arn}", 404)
            self._forget(call.region, _name(call))
        return super().before(call)

    def before_create_function(self, call: Call) -> None:
        if not self._function(call):  # else moto responds with an error
            call.seen = self._role_id(call)

    def after_create_function(self, call: Call, response: Document) -> None:
        self._functions[call.region, _name(call)] = _Function(
            role_id=call.seen,
            logging={"LogFormat": "Text", "LogGroup": f"/aws/lambda/{_name(call)}"},
            active_at=self.now + self.delays.function_pending,
        )
        self._after_change(call, response)

    def before_update_function_code(self, call: Call) -> None:
        function = self._function(call)
        if function and self.now < function.active_at:
            why = f"{_CANNOT} The function is currently in the following state: Pending"
            raise ErrorResponse("ResourceConflictException", why, 409)
        if function and self.now < function.updated_at:
            why = f"{_CANNOT} An update is in progress for resource: {_moto_function(call).function_arn}"
            raise ErrorResponse("ResourceConflictException", why, 409)

    def after_update_function_code(self, call: Call, response: Document) -> None:
        if "Architectures" in call.parameters:  # which moto ignores
            _moto_function(call).architectures = response["Architectures"] = call.parameters["Architectures"]
        self._functions[call.region, _name(call)].updated_at = self.now + self.delays.function_updating
        self._after_change(call, response)

    def before_update_function_configuration(self, call: Call) -> None:
        self.before_update_function_code(call)
        if "Role" in call.parameters and self._function(call):
            call.seen = self._role_id(call)

    def after_update_function_configuration(self, call: Call, response: Document) -> None:
        if "Role" in call.parameters:
            self._functions[call.region, _name(call)].role_id = call.seen
        self.after_update_function_code(call, response)

    def after_get_function(self, call: Call, response: Document) -> None:
        self.after_get_function_configuration(call, response["Configuration"])
        # A port that refuses connections, so that no test fetches the code from the address that moto makes up.
        response["Code"]["Location"] = "http://127.0.0.1:9/code.zip"

    def after_get_function_configuration(self, call: Call, response: Document) -> None:
        function = self._functions[call.region, _name(call)]
        response.update(self._state(function), LoggingConfig=dict(function.logging))

    def before_delete_function(self, call: Call) -> Document | None:
        """Let moto delete the function later: GetFunction still shows it for a moment."""
        function = self._function(call)
        if function is None:
            return None
        function.gone_at = self.now + self.delays.function_lingering
        group = function.logging["LogGroup"]
        # Policies name log groups with `:*`:
        # https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_LogGroup.html
        arn = arn_of("logs", call.region, f"log-group:{group}:*")
        if allows(self._iam.documents(_moto_function(call).role), "logs:CreateLogGroup", arn):
            self._logs.expect_line(call.region, group)
        self.catch_up()
        return {}

    def before_add_permission(self, call: Call) -> None:
        sid = call.parameters["StatementId"]
        if any(statement["Sid"] == sid for statement in call.seen or ()):
            why = f"The statement id ({sid}) provided already exists. Please provide a new statement id, or remove the existing statement."
            raise ErrorResponse("ResourceConflictException", why, 409)
        self.before_remove_permission(call)

    def before_remove_permission(self, call: Call) -> None:
        if call.seen is not None and (found := _moto_function(call)):
            found.policy.statements = list(call.seen)

    def _function(self, call: Call) -> _Function | None:
        return self._functions.get((call.region, _name(call)))

    def _role_id(self, call: Call) -> str:
        role = self._iam.assumable_role(call.parameters["Role"])
        if role is None:
            why = "The role defined for the function cannot be assumed by Lambda."
            raise ErrorResponse("InvalidParameterValueException", why)
        return str(role.id)

    def _after_change(self, call: Call, response: Document) -> None:
        modified = self.date.isoformat(timespec="milliseconds").replace("+00:00", "+0000")
        _moto_function(call).last_modified = response["LastModified"] = modified
        self._functions[call.region, _name(call)].logging.update(call.parameters.get("LoggingConfig", {}))
        self.after_get_function_configuration(call, response)

    def _state(self, function: _Function) -> Document:
        if function.gone_at < math.inf:
            return {"State": "Deleting", "LastUpdateStatus": "Successful"}
        if self.now >= function.active_at:
            updating = self.now < function.updated_at
            return {"State": "Active", "LastUpdateStatus": "InProgress" if updating else "Successful"}
        why = "The function is being created."
        return {"State": "Pending", "StateReason": why, "StateReasonCode": "Creating", "LastUpdateStatus": "InProgress"}

    def _forget(self, region: str, name: str) -> None:
        del self._functions[region, name]
        backend("lambda", region).delete_function(name)


def _moto_function(call: Call) -> Any:
    """Moto's function, or None."""
    functions = backend("lambda", call.region).list_functions()
    return next((function for function in functions if function.function_name == _name(call)), None)


def _name(call: Call) -> str:
    """A request names a function by its name or its ARN."""
    return str(call.parameters.get("FunctionName") or call.parameters.get("Resource", "")).rpartition(":")[2]
