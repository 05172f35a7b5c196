"""The Lambda function: the zipped handler, its configuration, and the execution role behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from items_api.errors import AccessDenied, AwsRefused, NotSettled, Vanished
from items_api.provision.answers import code, message, says
from items_api.provision.bundle import HANDLER, bundle, code_sha256, differing_files
from items_api.provision.step import Drift, Found, Right, Step

if TYPE_CHECKING:
    from collections.abc import Set

    from mypy_boto3_lambda.type_defs import FunctionConfigurationTypeDef

    from items_api.provision.aws import Aws
    from items_api.provision.logs import LogGroup
    from items_api.provision.role import Role
    from items_api.settings import Arns, Settings

RUNTIME = "python3.13"
ARCHITECTURES = ["arm64"]
MAX_CODE = 50_000_000  # bytes: Lambda takes no larger zip directly
# Which role, not only its name: a role deleted and made again is another principal, and the function fails with it.
ROLE_ID_TAG = "items-api:role-id"

_ABSENT = says("ResourceNotFoundException")
# The role is there and Lambda does not see it yet, or not its trust policy:
# https://github.com/hashicorp/terraform-provider-aws/blob/main/internal/service/lambda/function.go
_ROLE_NOT_YET = (
    "The role defined for the function cannot be assumed by Lambda",
    "The provided execution role does not have permissions",
    "KMS key is invalid for CreateGrant",
)
_CODE_FIELDS = frozenset({"code", "architectures"})


def role_not_assumable_yet(error: ClientError) -> bool:
    return code(error) == "InvalidParameterValueException" and any(text in message(error) for text in _ROLE_NOT_YET)


class Function(Step):
    type = "AWS::Lambda::Function"
    title = "Lambda function"
    fixed = frozenset({"package"})

    def __init__(self, settings: Settings, arns: Arns, aws: Aws, role: Role, logs: LogGroup) -> None:
        super().__init__(settings, arns, aws, role, logs)
        self._role = role

    @property
    def name(self) -> str:
        return self.settings.function_name

    @classmethod
    def rights(cls, arns: Arns) -> tuple[Right, ...]:
        writes = (
            *("lambda:CreateFunction", "lambda:UpdateFunctionCode", "lambda:UpdateFunctionConfiguration"),
            *("lambda:DeleteFunction", "lambda:TagResource"),
        )
        return (
            # GetFunction leaves the tags out for whoever may not list them:
            # https://docs.aws.amazon.com/lambda/latest/api/API_GetFunction.html
            Right((*writes, "lambda:GetFunction", "lambda:ListTags"), (arns.function,)),
            Right(("iam:PassRole",), (arns.role,), {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}),
        )

    def want(self) -> dict[str, Any]:
        return {
            "package": "Zip",
            "code": code_sha256(),
            "architectures": ARCHITECTURES,
            "runtime": RUNTIME,
            "handler": HANDLER,
            "role": self.arns.role,
            "memory": self.settings.memory,
            "timeout": self.settings.timeout,
            "environment": {"TABLE_NAME": self.settings.table_name},
            "layers": [],
            "log group": self.settings.log_group_name,
            "state": "Active",
            "last update": "Successful",
        }

    def want_tags(self) -> dict[str, str]:
        role = self._role.found
        return {**super().want_tags(), ROLE_ID_TAG: role.ids["role"] if role else "(of the new role)"}

    def read(self) -> Found | None:
        try:
            answer = self.aws.send(self.aws.lambda_.get_function, FunctionName=self.name)
        except ClientError as error:
            if _ABSENT(error):
                return None
            raise
        refusal: dict[str, Any] = {**answer.get("TagsError", {})}
        if refusal:
            # Without its tags the stack's own function would pass for somebody else's.
            raise AccessDenied(
                f"Could not read the tags of the {self.title} {self.name}.",
                f"{refusal['ErrorCode']}: {refusal['Message']}",
                "Your user or role needs lambda:ListTags.",
            )
        configuration = answer["Configuration"]
        return Found(
            arn=configuration["FunctionArn"],
            fields=_fields(configuration, self.settings.log_group_name),
            tags=answer.get("Tags", {}),
            ids={
                "updated": configuration.get("LastModified"),
                "location": answer.get("Code", {}).get("Location", ""),
                "reason": configuration.get("StateReason") or configuration.get("LastUpdateStatusReason") or "",
            },
        )

    def notes(self, found: Found, drift: tuple[Drift, ...]) -> tuple[str, ...]:
        """Which files of the deployed code differ, as far as the code can be had: an emulator may keep it to itself."""
        if not any(d.field == "code" for d in drift):
            return found.notes
        try:
            files = differing_files(self.aws.download(found.ids["location"], MAX_CODE))
        except (OSError, ValueError):
            return found.notes
        return (*found.notes, *(f"code: {file}" for file in files))

    def create(self) -> Found:
        try:
            configuration = self.settle(
                lambda: self.aws.send(self.aws.lambda_.create_function, **self.create_request()),
                passing=role_not_assumable_yet,
                waiting="until Lambda can assume the role",
            )
        except ClientError as error:
            if not says("ResourceConflictException", text="already exist")(error):
                raise
            return self.take_existing()
        fields = {**self.want(), "state": configuration.get("State", "Pending")}
        return Found(self.arns.function, fields=fields, tags=self.want_tags())

    def create_request(self) -> dict[str, Any]:
        return {
            **self.configuration_request(),
            "Architectures": ARCHITECTURES,
            "Code": {"ZipFile": bundle()},
            "Tags": self.want_tags(),
        }

    def configuration_request(self) -> dict[str, Any]:
        return {
            "FunctionName": self.name,
            "Runtime": RUNTIME,
            "Handler": HANDLER,
            "Role": self.arns.role,
            "MemorySize": self.settings.memory,
            "Timeout": self.settings.timeout,
            "Environment": {"Variables": {"TABLE_NAME": self.settings.table_name}},
        }

    def update(self, found: Found, parts: Set[str]) -> None:
        if not _has_settled(found):
            found = self._wait_until_active()
        failed = _has_failed(found)
        if failed or parts & _CODE_FIELDS:
            # Architectures change through this call alone.
            self.aws.send(
                self.aws.lambda_.update_function_code,
                FunctionName=self.name,
                ZipFile=bundle(),
                Architectures=ARCHITECTURES,  # type: ignore[arg-type]
            )
            found = self._wait_until_active()
        new_role = (found.tags or {}).get(ROLE_ID_TAG) != self.want_tags()[ROLE_ID_TAG]
        if new_role or failed or parts - _CODE_FIELDS - {"state", "last update", "tags"}:
            self._update_configuration(parts)
            found = self._wait_until_active()
        if _has_failed(found):
            raise AwsRefused(
                f"The {self.title} {self.name} did not become Active.",
                found.ids["reason"] or "Lambda gives no reason.",
                "Run up again; if it fails again, delete the function and run up.",
            )
        if "tags" in parts:
            self.aws.send(self.aws.lambda_.tag_resource, Resource=self.arns.function, Tags=self.want_tags())

    def _update_configuration(self, parts: Set[str]) -> None:
        # The role is named also when its ARN is as it was: that is what makes Lambda see a role made again.
        request = self.configuration_request()
        if "layers" in parts:
            request["Layers"] = []
        if "log group" in parts:
            request["LoggingConfig"] = {"LogFormat": "Text", "LogGroup": self.settings.log_group_name}
        self.settle(
            lambda: self.aws.send(self.aws.lambda_.update_function_configuration, **request),
            passing=role_not_assumable_yet,
            waiting="until Lambda can assume the role",
        )

    def _wait_until_active(self) -> Found:
        try:
            self.settle(self.read, until=bool, waiting="until the function shows up", seconds=10)
        except NotSettled as gone:
            raise self._vanished() from gone
        found = self.settle(
            self.read, until=lambda seen: seen is None or _has_settled(seen), waiting="until the function is Active"
        )
        if found is None:
            raise self._vanished()
        return found

    def _vanished(self) -> Vanished:
        return Vanished(
            f"The {self.title} {self.name} vanished before it was Active.",
            "Another items-api down is probably running.",
            "Run up again when it has ended.",
        )

    def delete(self, found: Found) -> None:
        del found
        try:
            self.aws.send(self.aws.lambda_.delete_function, FunctionName=self.name)
        except ClientError as error:
            if not _ABSENT(error):
                raise
        self.settle(self.read, until=lambda seen: seen is None, waiting="until the function is gone")


def _has_settled(found: Found) -> bool:
    return bool(found.fields["state"] != "Pending" and found.fields["last update"] != "InProgress")


def _has_failed(found: Found) -> bool:
    return "Failed" in (found.fields["state"], found.fields["last update"])


def _fields(configuration: FunctionConfigurationTypeDef, log_group: str) -> dict[str, Any]:
    state = configuration.get("State", "Active")
    return {
        "package": configuration.get("PackageType", "Zip"),
        "code": configuration["CodeSha256"],
        "architectures": configuration.get("Architectures", ["x86_64"]),
        "runtime": configuration.get("Runtime"),
        "handler": configuration.get("Handler"),
        "role": configuration["Role"],
        "memory": configuration["MemorySize"],
        "timeout": configuration["Timeout"],
        # What others put there may be secret: that it is there is told, and what it is is not.
        "environment": {
            name: value if name == "TABLE_NAME" else "(set)"
            for name, value in configuration.get("Environment", {}).get("Variables", {}).items()
        },
        "layers": [layer["Arn"] for layer in configuration.get("Layers", [])],
        # Emulators and older answers leave it out, and then it is the default one.
        "log group": configuration.get("LoggingConfig", {}).get("LogGroup", log_group),
        # Inactive is what Lambda makes of a function that nobody called for weeks; the next call wakes it.
        "state": {"Inactive": "Active"}.get(state, state),
        # May be null for a moment, which means that an update is on its way.
        "last update": configuration.get("LastUpdateStatus") or "InProgress",
    }
