"""The Lambda function: the zipped handler, its configuration, and its execution role.

This is the version $LATEST, which nobody calls. The release publishes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from items_api.aws.errors import ServiceError, tolerate
from items_api.errors import AccessDenied, AwsRefused, ForeignResource, TimedOut
from items_api.provision.bundle import HANDLER, bundle, code_sha256, differing_files
from items_api.provision.outcome import Drift
from items_api.provision.step import F, Found, Right, Step
from items_api.provision.versions import date, description, version_fields

if TYPE_CHECKING:
    from collections.abc import Mapping, Set
    from datetime import datetime

    from mypy_boto3_lambda.type_defs import GetFunctionResponseTypeDef

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
        "Description": description(settings),
    }


def create_request(arns: Arns) -> dict[str, Any]:
    return {
        **configuration_request(arns),
        "Architectures": ARCHITECTURES,
        "Code": {"ZipFile": bundle(arns.settings)},
        "Tags": arns.settings.all_tags,
        "Publish": True,
    }


def role_is_not_ready(error: ServiceError) -> bool:
    return any(error.says("InvalidParameterValueException", text=text) for text in _ROLE_NOT_READY)


@dataclass(frozen=True, kw_only=True)
class FoundFunction(Found):
    """`updated` is Lambda's LastModified, `location` the URL of the code, `reason` why the function failed.

    `revision` is Lambda's RevisionId, which changes with every update.
    """

    updated: datetime | None = None
    revision: str = ""
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
        return {"package": "Zip", **self.want_version(), "state": "Active", "last update": "Successful"}

    def want_version(self) -> dict[str, Any]:
        """What a published version keeps: code and configuration."""
        return {
            "code": code_sha256(self.settings),
            "architectures": ARCHITECTURES,
            "runtime": RUNTIME,
            "handler": HANDLER,
            "role": self.arns.role,
            "memory": self.settings.memory,
            "timeout": self.settings.timeout,
            "environment": {},
            "layers": [],
            "log group": self.settings.log_group_name,
        }

    def compare(self, found: FoundFunction) -> tuple[Drift, ...]:
        """Running environments keep the credentials of a role that was deleted, even if a new one has its name.

        An update of the configuration replaces the environments.
        """
        return (*super().compare(found), *self.recreated_role(found.updated))

    def differs(self, found: FoundFunction) -> bool:
        """Whether a version that was published from this function would not be what the settings ask for."""
        want = self.want_version()
        return any(found.fields[field] != want[field] for field in want) or bool(self.recreated_role(found.updated))

    def recreated_role(self, updated: datetime | None) -> tuple[Drift, ...]:
        """The drift of a function or version, last updated at that time, whose role was deleted and created again."""
        role = self._role.found
        if role and role.created and updated and role.created > updated:
            return (Drift("role", "a deleted role of the same name", self.arns.role),)
        return ()

    def read(self) -> FoundFunction | None:
        with tolerate(_ABSENT):
            answer = self.settle(self._get, until=self._has_tags, waiting="for the function's tags", seconds=30)
            configuration = answer["Configuration"]
            return FoundFunction(
                arn=configuration["FunctionArn"],
                fields=_fields(configuration, self.settings.log_group_name),
                tags=answer.get("Tags", {}),
                deleting=configuration.get("State") == "Deleting",
                updated=date(configuration.get("LastModified")),
                revision=configuration.get("RevisionId", ""),
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
            files = differing_files(self.aws.download(found.location, MAX_CODE), self.settings)
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
            found = self.wait_until_active()
        failed = found.has_failed
        if failed or parts & _CODE_FIELDS:
            # Only this call can change the architecture.
            architectures: Any = ARCHITECTURES
            self.aws.send(
                self.aws.lambda_.update_function_code,
                FunctionName=self.name,
                ZipFile=bundle(self.settings),
                Architectures=architectures,
            )
            found = self.wait_until_active()
        if failed or parts - _CODE_FIELDS - {"state", "last update", "tags"}:
            self._update_configuration(found, parts)
            found = self.wait_until_active()
        self.found = found
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

    def _update_configuration(self, found: FoundFunction, parts: Set[str]) -> None:
        request = configuration_request(self.arns)
        if self.recreated_role(found.updated) and self._role.found:
            # Lambda publishes a version only if something has changed since the last one.
            request["Description"] += f", role created {self._role.found.created}"
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

    def wait_until_active(self) -> FoundFunction:
        """The function, when no update is in progress. Raises `DeletedMeanwhile`."""
        try:
            self.settle(self.read_again, until=bool, waiting="for the function to appear", seconds=10)
        except TimedOut as error:
            raise self.deleted_meanwhile("before it became Active") from error
        found = self.settle(
            self.read_again,
            until=lambda seen: seen is None or seen.deleting or seen.is_settled,
            waiting="for the function to become Active",
            pause=0.2,  # it takes a few seconds, and nothing else can happen meanwhile
        )
        if found is None or found.deleting:
            raise self.deleted_meanwhile("before it became Active")
        return found

    def delete(self, found: FoundFunction) -> None:
        self.delete_until_gone(
            found, lambda: self.aws.send(self.aws.lambda_.delete_function, FunctionName=self.name), absent=_ABSENT
        )


class PartOfFunction(Step[F]):
    """A resource without tags, which belongs to the owner of the function."""

    # Whether `update` keeps what the settings do not need until `remove_unused`: the API may still call it.
    keeps_unused = False

    def __init__(self, settings: Settings, arns: Arns, aws: Aws, function: Function, *needs: Step[Any]) -> None:
        super().__init__(settings, arns, aws, function, *needs)
        self.function = function

    def is_ours(self, found: F) -> bool:
        del found
        function = self.function.found
        return function is None or self.function.is_ours(function)

    def foreign(self, found: F) -> ForeignResource:
        return ForeignResource(
            f"The {self.title} {self.name} is on a function that does not belong to this stack ({found.arn}).",
            f"The {self.title} belongs to the owner of the function.",
            "Choose another --name, delete the function yourself, or adopt it with --adopt.",
        )


def _fields(configuration: Mapping[str, Any], log_group: str) -> dict[str, Any]:
    state = configuration.get("State", "Active")
    return {
        "package": configuration.get("PackageType", "Zip"),
        **version_fields(configuration, log_group),
        # Lambda makes a function Inactive that no one has called for weeks; the next call activates it.
        "state": {"Inactive": "Active"}.get(state, state),
        # It can be null for a moment, which means that an update is about to start.
        "last update": configuration.get("LastUpdateStatus") or "InProgress",
    }
