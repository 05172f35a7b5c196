"""The Lambda function: the zipped handler, its configuration, and its execution role."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from items_api.aws.errors import ServiceError, tolerate
from items_api.errors import AccessDenied, AwsRefused, TimedOut
from items_api.provision.bundle import HANDLER, bundle, code_sha256, differing_files
from items_api.provision.step import Drift, Found, Right, Step

if TYPE_CHECKING:
    from collections.abc import Set

    from mypy_boto3_lambda.type_defs import FunctionConfigurationTypeDef, GetFunctionResponseTypeDef

    from items_api.aws.client import Aws
    from items_api.provision.log_group import LogGroup
    from items_api.provision.role import Role
    from items_api.settings import Arns, Settings

RUNTIME = "python3.13"
ARCHITECTURES = ["arm64"]
MAX_CODE = 50_000_000  # bytes: the largest zip that Lambda accepts directly

_ABSENT = "ResourceNotFoundException"
# Lambda does not see the new role or its trust policy yet:
# https://github.com/hashicorp/terraform-provider-aws/blob/main/internal/service/lambda/function.go
_ROLE_NOT_READY = (
    "The role defined for the function cannot be assumed by Lambda",
    "The provided execution role does not have permissions",
    "KMS key is invalid for CreateGrant",
)
_WAITING_FOR_ROLE = "for Lambda to be able to assume the role"
_CODE_FIELDS = frozenset({"code", "architectures"})


def configuration_request(arns: Arns) -> dict[str, Any]:
    settings = arns.settings
    return {
        "FunctionName": settings.function_name,
        "Runtime": RUNTIME,
        "Handler": HANDLER,
        "Role": arns.role,
        "MemorySize": settings.memory,
        "Timeout": settings.timeout,
    }


def create_request(arns: Arns) -> dict[str, Any]:
    return {
        **configuration_request(arns),
        "Architectures": ARCHITECTURES,
        "Code": {"ZipFile": bundle(arns.settings.table_name)},
        "Tags": arns.settings.all_tags,
    }


def role_is_not_ready(error: ServiceError) -> bool:
    return any(error.says("InvalidParameterValueException", text=text) for text in _ROLE_NOT_READY)


@dataclass(frozen=True, kw_only=True)
class FoundFunction(Found):
    """`updated` is Lambda's LastModified, `location` the URL of the code, `reason` why the function failed."""

    updated: datetime | None = None
    location: str = ""
    reason: str = ""

    @property
    def is_settled(self) -> bool:
        return self.fields["state"] not in ("Pending", "Deactivating") and self.fields["last update"] != "InProgress"

    @property
    def has_failed(self) -> bool:
        """It may be repaired by an update; a state such as Deactivated cannot."""
        return "Failed" in (self.fields["state"], self.fields["last update"])


class Function(Step[FoundFunction]):
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
            *("lambda:DeleteFunction", "lambda:TagResource", "lambda:UntagResource"),
        )
        return (
            # GetFunction omits the tags for callers that may not list them:
            # https://docs.aws.amazon.com/lambda/latest/api/API_GetFunction.html
            Right((*writes, "lambda:GetFunction", "lambda:ListTags"), (arns.function,)),
            Right(("iam:PassRole",), (arns.role,), {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}),
        )

    def want(self) -> dict[str, Any]:
        return {
            "package": "Zip",
            "code": code_sha256(self.settings.table_name),
            "architectures": ARCHITECTURES,
            "runtime": RUNTIME,
            "handler": HANDLER,
            "role": self.arns.role,
            "memory": self.settings.memory,
            "timeout": self.settings.timeout,
            "environment": {},
            "layers": [],
            "log group": self.settings.log_group_name,
            "state": "Active",
            "last update": "Successful",
        }

    def compare(self, found: FoundFunction) -> tuple[Drift, ...]:
        """Running environments keep the credentials of a role that was deleted, even if a new one has its name.

        An update of the configuration replaces the environments.
        """
        drift = super().compare(found)
        role = self._role.found
        if role and role.created and found.updated and role.created > found.updated:
            drift += (Drift("role", "a deleted role of the same name", self.arns.role),)
        return drift

    def read(self) -> FoundFunction | None:
        with tolerate(_ABSENT):
            answer = self.settle(self._get, until=self._has_tags, waiting="for the function's tags", seconds=30)
            configuration = answer["Configuration"]
            return FoundFunction(
                arn=configuration["FunctionArn"],
                fields=_fields(configuration, self.settings.log_group_name),
                tags=answer.get("Tags", {}),
                deleting=configuration.get("State") == "Deleting",
                updated=_date(configuration.get("LastModified")),
                location=answer.get("Code", {}).get("Location", ""),
                reason=configuration.get("StateReason") or configuration.get("LastUpdateStatusReason") or "",
            )
        return None

    def _get(self) -> GetFunctionResponseTypeDef:
        return self.aws.send(self.aws.lambda_.get_function, FunctionName=self.name)

    def _has_tags(self, answer: GetFunctionResponseTypeDef) -> bool:
        """Whether Lambda could read the tags. Without them, the stack's own function would look like someone else's."""
        error: dict[str, Any] = {**answer.get("TagsError", {})}
        if "AccessDenied" in error.get("ErrorCode", ""):
            raise AccessDenied(
                f"Could not read the tags of the {self.title} {self.name}: access denied.",
                f"{error['ErrorCode']}: {error['Message']}",
                "Your user or role needs lambda:ListTags.",
            )
        return not error

    def notes(self, found: FoundFunction, drift: tuple[Drift, ...]) -> tuple[str, ...]:
        """Which files of the deployed code differ, if the code can be downloaded: an emulator may not support it."""
        if not any(d.field == "code" for d in drift):
            return found.notes
        try:
            files = differing_files(self.aws.download(found.location, MAX_CODE), self.settings.table_name)
        except (OSError, ValueError):
            return found.notes
        return (*found.notes, *(f"code: {file}" for file in files))

    def create(self) -> FoundFunction:
        request = create_request(self.arns)
        with tolerate("ResourceConflictException", text="already exist"):
            configuration = self.settle(
                lambda: self.aws.send(self.aws.lambda_.create_function, **request),
                transient=role_is_not_ready,
                waiting=_WAITING_FOR_ROLE,
            )
            fields = {**self.want(), "state": configuration.get("State", "Pending")}
            return FoundFunction(arn=self.arns.function, fields=fields, tags=self.want_tags())
        return self.existing()

    def update(self, found: FoundFunction, parts: Set[str]) -> None:
        unwanted = self.unwanted(found.tags or ())
        if not found.is_settled:
            found = self._wait_until_active()
        failed = found.has_failed
        if failed or parts & _CODE_FIELDS:
            # Only this call can change the architecture.
            architectures: Any = ARCHITECTURES
            self.aws.send(
                self.aws.lambda_.update_function_code,
                FunctionName=self.name,
                ZipFile=bundle(self.settings.table_name),
                Architectures=architectures,
            )
            found = self._wait_until_active()
        if failed or parts - _CODE_FIELDS - {"state", "last update", "tags"}:
            self._update_configuration(parts)
            found = self._wait_until_active()
        if found.has_failed or found.fields["state"] != "Active":
            raise AwsRefused(
                f"The {self.title} {self.name} did not become Active. It is {found.fields['state']}.",
                found.reason or "Lambda gives no reason.",
                "Run the command again. If it fails again, delete the function first.",
            )
        if "tags" in parts:
            self.aws.send(self.aws.lambda_.tag_resource, Resource=self.arns.function, Tags=self.want_tags())
            if unwanted:
                self.aws.send(self.aws.lambda_.untag_resource, Resource=self.arns.function, TagKeys=unwanted)

    def _update_configuration(self, parts: Set[str]) -> None:
        request = configuration_request(self.arns)
        if "environment" in parts:
            request["Environment"] = {"Variables": {}}
        if "layers" in parts:
            request["Layers"] = []
        if "log group" in parts:
            request["LoggingConfig"] = {"LogFormat": "Text", "LogGroup": self.settings.log_group_name}
        self.settle(
            lambda: self.aws.send(self.aws.lambda_.update_function_configuration, **request),
            transient=role_is_not_ready,
            waiting=_WAITING_FOR_ROLE,
        )

    def _wait_until_active(self) -> FoundFunction:
        try:
            self.settle(self.read_again, until=bool, waiting="for the function to appear", seconds=10)
        except TimedOut as error:
            raise self.deleted_meanwhile("before it became Active") from error
        found = self.settle(
            self.read_again,
            until=lambda seen: seen is None or seen.deleting or seen.is_settled,
            waiting="for the function to become Active",
        )
        if found is None or found.deleting:
            raise self.deleted_meanwhile("before it became Active")
        return found

    def delete(self, found: FoundFunction) -> None:
        self.delete_until_gone(
            found, lambda: self.aws.send(self.aws.lambda_.delete_function, FunctionName=self.name), absent=_ABSENT
        )


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
        # Variables may contain secrets, so only their names are shown.
        "environment": dict.fromkeys(configuration.get("Environment", {}).get("Variables", {}), "(set)"),
        "layers": [layer["Arn"] for layer in configuration.get("Layers", [])],
        # Emulators omit it, which means the default group.
        "log group": configuration.get("LoggingConfig", {}).get("LogGroup", log_group),
        # Lambda makes a function Inactive that no one has called for weeks; the next call activates it.
        "state": {"Inactive": "Active"}.get(state, state),
        # It can be null for a moment, which means that an update is about to start.
        "last update": configuration.get("LastUpdateStatus") or "InProgress",
    }


def _date(text: str | None) -> datetime | None:
    """Lambda's `2026-11-23T10:24:52.296+0000`; None for anything else."""
    try:
        return datetime.fromisoformat(text or "")
    except ValueError:
        return None
