"""Lambda: functions that are Pending, then busy, and linger when they are gone."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from tests.aws_model.function_policy import FunctionPolicy
from tests.aws_model.policy import allows
from tests.aws_model.refusal import Refusal
from tests.aws_model.service import Document, Place, Service, clone

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.aws_model.iam import Iam
    from tests.aws_model.logs import Logs

_CONFIGURABLE = (
    *("Role", "Handler", "Description", "Timeout", "MemorySize", "Environment", "Runtime"),
    *("TracingConfig", "LoggingConfig", "Layers", "EphemeralStorage"),
)


@dataclass
class Function:
    configuration: Document
    role_id: str  # which role Lambda assumes: one made again under the same name is another
    active_at: float
    updated_at: float = 0.0
    tags: dict[str, str] = field(default_factory=dict)
    statements: list[Document] = field(default_factory=list)


class Lambda(FunctionPolicy, Service):
    def __init__(self, place: Place, iam: Iam, logs: Logs) -> None:
        super().__init__(place)
        self.functions: dict[str, Function] = {}
        self._lingering: dict[str, tuple[float, Function]] = {}
        self._iam = iam
        self._logs = logs

    def begin(self, operation: str, parameters: Mapping[str, Any]) -> Any:
        """Permission calls read the policy, change it and write it back whole: parallel ones lose statements."""
        if operation not in ("AddPermission", "RemovePermission"):
            return None
        function = self.functions.get(_name(parameters))
        return clone(function.statements) if function else None

    def create_function(self, p: Document) -> Document:
        name = p["FunctionName"]
        if name in self.functions:
            raise Refusal("ResourceConflictException", f"Function already exist: {name}", 409, Type="User")
        role_id = self._role_id(p["Role"])
        configuration = {
            "FunctionName": name,
            "FunctionArn": self.place.arn("lambda", f"function:{name}"),
            "Description": "",
            "Timeout": 3,
            "MemorySize": 128,
            "Version": "$LATEST",
            "TracingConfig": {"Mode": "PassThrough"},
            "PackageType": "Zip",
            "Architectures": clone(p.get("Architectures", ["x86_64"])),
            "EphemeralStorage": {"Size": 512},
            "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
            "LoggingConfig": {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{name}"},
            **_code(p["Code"]["ZipFile"]),
        }
        function = Function(
            configuration, role_id, self.place.now() + self.place.delays.function_pending, tags=dict(p.get("Tags", {}))
        )
        self._configure(function, p)
        self.functions[name] = function
        return self._described(function)

    def get_function(self, p: Document) -> Document:
        function = self._seen(p)
        return {
            "Configuration": self._described(function),
            "Code": {"RepositoryType": "S3", "Location": "https://awslambda-us-east-1-tasks.s3.amazonaws.com/code.zip"},
            **({"Tags": dict(function.tags)} if function.tags else {}),
        }

    def get_function_configuration(self, p: Document) -> Document:
        return self._described(self._seen(p))

    def list_functions(self, p: Document) -> Document:
        functions = [self._described(self.functions[name]) for name in sorted(self.functions)]
        page, token = self.place.page(functions, p.get("Marker"))
        return {"Functions": page, **({"NextMarker": token} if token else {})}

    def list_versions_by_function(self, p: Document) -> Document:
        return {"Versions": [self._described(self._seen(p))]}

    def update_function_code(self, p: Document) -> Document:
        function = self._idle(p)
        function.configuration.update(_code(p["ZipFile"]))
        self._touch(function)
        if "Architectures" in p:
            function.configuration["Architectures"] = clone(p["Architectures"])
        return self._updating(function)

    def update_function_configuration(self, p: Document) -> Document:
        function = self._idle(p)
        if "Role" in p:
            function.role_id = self._role_id(p["Role"])
        self._configure(function, p)
        return self._updating(function)

    def delete_function(self, p: Document) -> None:
        function = self._there(p)
        name = function.configuration["FunctionName"]
        del self.functions[name]
        self._lingering[name] = (self.place.now() + self.place.delays.function_lingering, function)
        role = self._iam.roles.get(function.configuration["Role"].rpartition("/")[2])
        group = function.configuration["LoggingConfig"]["LogGroup"]
        if role and allows(role.documents(), "logs:CreateLogGroup", self.place.arn("logs", f"log-group:{group}")):
            self._logs.expect_line(group)

    def tag_resource(self, p: Document) -> None:
        self._there(p).tags.update(p["Tags"])

    def untag_resource(self, p: Document) -> None:
        function = self._there(p)
        function.tags = {key: value for key, value in function.tags.items() if key not in p["TagKeys"]}

    def list_tags(self, p: Document) -> Document:
        return {"Tags": dict(self._there(p).tags)}

    def _role_id(self, arn: str) -> str:
        role = self._iam.assumable_role(arn)
        if role is None:
            raise Refusal(
                "InvalidParameterValueException",
                "The role defined for the function cannot be assumed by Lambda.",
                400,
                Type="User",
            )
        return role.role_id

    def _configure(self, function: Function, p: Document) -> None:
        """What is given replaces what was, the environment as a whole; what is not given stays."""
        self._touch(function)
        given = {key: clone(p[key]) for key in _CONFIGURABLE if key in p}
        if "Layers" in given:
            given["Layers"] = [{"Arn": arn, "CodeSize": 1} for arn in given["Layers"]]
        function.configuration.update(given)
        for key in ("Layers", "Environment"):
            value = function.configuration.get(key)
            if value in ([], {}, {"Variables": {}}):
                del function.configuration[key]

    def _touch(self, function: Function) -> None:
        milliseconds = self.place.time().isoformat(timespec="milliseconds")
        function.configuration["LastModified"] = milliseconds.replace("+00:00", "+0000")

    def _updating(self, function: Function) -> Document:
        function.updated_at = self.place.now() + self.place.delays.function_updating
        return self._described(function)

    def _there(self, p: Mapping[str, Any]) -> Function:
        name = _name(p)
        if name not in self.functions:
            arn = self.place.arn("lambda", f"function:{name}")
            raise Refusal("ResourceNotFoundException", f"Function not found: {arn}", 404, Type="User")
        return self.functions[name]

    def _seen(self, p: Mapping[str, Any]) -> Function:
        """For a moment after its deletion a function can still be read."""
        until, function = self._lingering.get(_name(p), (0.0, None))
        if function is not None and self.place.now() < until and _name(p) not in self.functions:
            return function
        return self._there(p)

    def _idle(self, p: Document) -> Function:
        """The function, if it can be changed now.

        https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html
        """
        function = self._there(p)
        cannot = "The operation cannot be performed at this time."
        if self.place.now() < function.active_at:
            why = f"{cannot} The function is currently in the following state: Pending"
            raise Refusal("ResourceConflictException", why, 409, Type="User")
        if self.place.now() < function.updated_at:
            why = f"{cannot} An update is in progress for resource: {function.configuration['FunctionArn']}"
            raise Refusal("ResourceConflictException", why, 409, Type="User")
        return function

    def _described(self, function: Function) -> Document:
        now = self.place.now()
        if now < function.active_at:
            state = {
                "State": "Pending",
                "StateReason": "The function is being created.",
                "StateReasonCode": "Creating",
                "LastUpdateStatus": "InProgress",
                "LastUpdateStatusReason": "The function is being created.",
                "LastUpdateStatusReasonCode": "Creating",
            }
        else:
            state = {"State": "Active", "LastUpdateStatus": "InProgress" if now < function.updated_at else "Successful"}
        described: Document = clone(function.configuration)
        return {**described, **state}


def _name(p: Mapping[str, Any]) -> str:
    """A function is named by its name or its ARN."""
    return str(p.get("FunctionName") or p["Resource"]).rpartition(":")[2]


@lru_cache(maxsize=8)
def _code(archive: bytes) -> Document:
    try:
        zipfile.ZipFile(io.BytesIO(archive)).close()
    except zipfile.BadZipFile:
        why = "Could not unzip uploaded file. Please check your file, then try to upload again."
        raise Refusal("InvalidParameterValueException", why, 400, Type="User") from None
    return {
        "CodeSize": len(archive),
        "CodeSha256": base64.b64encode(hashlib.sha256(archive).digest()).decode(),
    }
