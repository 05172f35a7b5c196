"""Lambda takes seconds to create, update and forget a function, and cannot assume a new role at once.

moto's functions are always Active. It keeps neither LoggingConfig nor RevisionId, so this layer does.
https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html
"""

import math
import uuid
from dataclasses import dataclass, field
from typing import Any

from tests.aws.delays import Timing
from tests.aws.faults import Call, ErrorResponse
from tests.aws.iam import Iam
from tests.aws.layer import Document, Layer, arn_of, backend
from tests.aws.logs import Logs
from tests.aws.permissions import allows

CANNOT = "The operation cannot be performed at this time."


def outdated() -> ErrorResponse:
    """The error messages here and in lambda_versions.py are those that LocalStack compares with AWS's."""
    why = "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id"
    return ErrorResponse("PreconditionFailedException", why, 412)


@dataclass
class Version:
    """A published version."""

    role_id: str
    logging: dict[str, str]
    active_at: float


@dataclass
class Function:
    """`*_at` are times of the clock."""

    role_id: str  # the role that Lambda assumes: a role recreated with the same name has another id
    logging: dict[str, str]
    active_at: float
    updated_at: float = 0.0
    gone_at: float = math.inf  # set by DeleteFunction
    revision: str = ""
    versions: dict[str, Version] = field(default_factory=dict)


class Functions(Layer):
    service = "lambda"

    def __init__(self, timing: Timing, iam: Iam, logs: Logs) -> None:
        super().__init__(timing)
        self._iam = iam
        self._logs = logs
        self._functions: dict[tuple[str, str], Function] = {}

    def describe(self, region: str, name: str) -> Document:
        """What a snapshot adds to moto's configuration of a function."""
        function = self._functions[region, name]
        gone = function.gone_at < math.inf
        return {**self._state(function), "role id": function.role_id, "logging": function.logging, "gone": gone}

    @property
    def modified(self) -> str:
        """The time as Lambda writes it."""
        return self.date.isoformat(timespec="milliseconds").replace("+00:00", "+0000")

    def catch_up(self) -> None:
        for key in [key for key, function in self._functions.items() if self.now >= function.gone_at]:
            self._forget(*key)

    def before(self, call: Call) -> Document | None:
        function = self._function(call)
        if function and function.gone_at < math.inf and not call.action_name.startswith("GetFunction"):
            if call.action_name != "CreateFunction":
                raise not_found(call)
            self._forget(call.region, name_of(call))
        return super().before(call)

    def before_create_function(self, call: Call) -> None:
        if not self._function(call):  # else moto responds with an error
            call.seen = self._role_id(call)

    def after_create_function(self, call: Call, response: Document) -> None:
        self._functions[call.region, name_of(call)] = Function(
            role_id=call.seen,
            logging={"LogFormat": "Text", "LogGroup": f"/aws/lambda/{name_of(call)}"},
            active_at=self.now + self.delays.function_pending,
        )
        self._after_change(call, response)
        response["FunctionArn"] = moto_function(call).function_arn

    def before_update_function_code(self, call: Call) -> None:
        function = self._function(call)
        if function and self.now < function.active_at:
            why = f"{CANNOT} The function is currently in the following state: Pending"
            raise ErrorResponse("ResourceConflictException", why, 409)
        if function and self.now < function.updated_at:
            why = f"{CANNOT} An update is in progress for resource: {moto_function(call).function_arn}"
            raise ErrorResponse("ResourceConflictException", why, 409)
        if function and call.parameters.get("RevisionId", function.revision) != function.revision:
            raise outdated()

    def after_update_function_code(self, call: Call, response: Document) -> None:
        if "Architectures" in call.parameters:  # which moto ignores
            moto_function(call).architectures = response["Architectures"] = call.parameters["Architectures"]
        self._functions[call.region, name_of(call)].updated_at = self.now + self.delays.function_updating
        self._after_change(call, response)

    def before_update_function_configuration(self, call: Call) -> None:
        self.before_update_function_code(call)
        if "Role" in call.parameters and self._function(call):
            call.seen = self._role_id(call)

    def after_update_function_configuration(self, call: Call, response: Document) -> None:
        if "Role" in call.parameters:
            self._functions[call.region, name_of(call)].role_id = call.seen
        self.after_update_function_code(call, response)

    def after_get_function(self, call: Call, response: Document) -> None:
        self.after_get_function_configuration(call, response["Configuration"])
        # A port that refuses connections, so that no test fetches the code from the address that moto makes up.
        response["Code"]["Location"] = "http://127.0.0.1:9/code.zip"

    def after_get_function_configuration(self, call: Call, response: Document) -> None:
        function = self._functions[call.region, name_of(call)]
        response.update(self._state(function), LoggingConfig=dict(function.logging), RevisionId=function.revision)

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
        if allows(self._iam.documents(moto_function(call).role), "logs:CreateLogGroup", arn):
            self._logs.expect_line(call.region, group)
        self.catch_up()
        return {}

    def _function(self, call: Call) -> Function | None:
        return self._functions.get((call.region, name_of(call)))

    def _role_id(self, call: Call) -> str:
        role = self._iam.assumable_role(call.parameters["Role"])
        if role is None:
            why = "The role defined for the function cannot be assumed by Lambda."
            raise ErrorResponse("InvalidParameterValueException", why)
        return str(role.id)

    def _after_change(self, call: Call, response: Document) -> None:
        moto_function(call).last_modified = response["LastModified"] = self.modified
        function = self._functions[call.region, name_of(call)]
        function.logging.update(call.parameters.get("LoggingConfig", {}))
        function.revision = str(uuid.uuid4())
        self.after_get_function_configuration(call, response)

    def _state(self, function: Function) -> Document:
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


def moto_function(call: Call) -> Any:
    """Moto's function, or None."""
    functions = backend("lambda", call.region).list_functions()
    return next((function for function in functions if function.function_name == name_of(call)), None)


def not_found(call: Call, qualifier: str = "") -> ErrorResponse:
    arn = arn_of("lambda", call.region, f"function:{name_of(call)}{qualifier and f':{qualifier}'}")
    return ErrorResponse("ResourceNotFoundException", f"Function not found: {arn}", 404)


def name_of(call: Call) -> str:
    """A request names a function by its name or its ARN."""
    return str(call.parameters.get("FunctionName") or call.parameters.get("Resource", "")).rpartition(":")[2]
