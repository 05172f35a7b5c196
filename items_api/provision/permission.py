"""The invoke permission: this HTTP API may invoke this function."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from items_api.aws.errors import tolerate
from items_api.errors import DeletedMeanwhile, ForeignResource
from items_api.provision.step import Found, Right, Step

if TYPE_CHECKING:
    from collections.abc import Mapping, Set

    from items_api.aws.client import Aws
    from items_api.provision.api import Api
    from items_api.provision.function import Function
    from items_api.settings import Arns, Settings

_ABSENT = "ResourceNotFoundException"
_PRINCIPAL = "apigateway.amazonaws.com"
_ACTION = "lambda:InvokeFunction"


def create_request(arns: Arns, api_id: str) -> dict[str, Any]:
    return {
        "FunctionName": arns.settings.function_name,
        "StatementId": arns.settings.statement_id,
        "Action": _ACTION,
        "Principal": _PRINCIPAL,
        "SourceArn": arns.invoke_source(api_id),
    }


class Permission(Step[Found]):
    """Its calls are sent one by one, because parallel calls on the same function lose statements."""

    type = "AWS::Lambda::Permission"
    title = "invoke permission"

    def __init__(self, settings: Settings, arns: Arns, aws: Aws, function: Function, api: Api) -> None:
        super().__init__(settings, arns, aws, function, api)
        self._function = function
        self._api = api

    @property
    def name(self) -> str:
        return self.settings.statement_id

    @classmethod
    def rights(cls, arns: Arns) -> tuple[Right, ...]:
        return (Right(("lambda:AddPermission", "lambda:RemovePermission", "lambda:GetPolicy"), (arns.function,)),)

    def want(self) -> dict[str, Any]:
        api = self._api.found
        source = self.arns.invoke_source(api.api_id if api else "(the new API)")
        return {"principal": _PRINCIPAL, "action": _ACTION, "source": source}

    def read(self) -> Found | None:
        statements = self._statements()
        others = [s.get("Sid") for s in statements if s.get("Sid") != self.name]
        notes = tuple(f"statement {sid} was not added by this tool" for sid in others)
        for statement in statements:
            if statement.get("Sid") == self.name:
                return Found(arn=self.arns.function, fields=_fields(statement), notes=notes)
        return None

    def _statements(self) -> list[dict[str, Any]]:
        with tolerate(_ABSENT):
            policy = self.aws.send(self.aws.lambda_.get_policy, FunctionName=self.settings.function_name)["Policy"]
            statements: list[dict[str, Any]] = json.loads(policy)["Statement"]
            return statements
        return []

    def is_ours(self, found: Found) -> bool:
        """A statement has no tags: it belongs to the owner of the function."""
        del found
        function = self._function.found
        return function is None or self._function.is_ours(function)

    def foreign(self, found: Found) -> ForeignResource:
        return ForeignResource(
            f"The {self.title} {self.name} is on a function that does not belong to this stack ({found.arn}).",
            "A permission belongs to the owner of the function.",
            "Choose another --name, delete the function yourself, or adopt it with --adopt.",
        )

    def create(self) -> Found:
        api = self._api.found
        assert api is not None  # noqa: S101 - this step runs after the API
        with tolerate("ResourceConflictException", text="already exists"):
            with tolerate(_ABSENT):
                self.aws.send(self.aws.lambda_.add_permission, **create_request(self.arns, api.api_id))
                return Found(arn=self.arns.function, fields=self.want())
            raise DeletedMeanwhile(
                f"The Lambda function {self.settings.function_name} was deleted before the {self.title} could be added "
                "to it.",
                "Its deletion had started before this command.",
                "Run the command again.",
            )
        return self.existing()

    def update(self, found: Found, parts: Set[str]) -> None:
        del parts
        self.delete(found)
        self.create()

    def delete(self, found: Found) -> None:
        request = {"FunctionName": self.settings.function_name, "StatementId": self.name}
        self.delete_until_gone(
            found, lambda: self.aws.send(self.aws.lambda_.remove_permission, **request), absent=_ABSENT
        )


def _fields(statement: Mapping[str, Any]) -> dict[str, Any]:
    principal = statement.get("Principal")
    return {
        "principal": principal.get("Service", principal) if isinstance(principal, dict) else principal,
        "action": statement.get("Action"),
        "source": statement.get("Condition", {}).get("ArnLike", {}).get("AWS:SourceArn"),
    }
