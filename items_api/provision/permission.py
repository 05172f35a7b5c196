"""The invoke permission: this one HTTP API may invoke this one function."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from items_api.errors import NotOurs, Vanished
from items_api.provision.answers import says
from items_api.provision.step import Found, Right, Step

if TYPE_CHECKING:
    from collections.abc import Mapping, Set

    from items_api.provision.api import Api
    from items_api.provision.aws import Aws
    from items_api.provision.function import Function
    from items_api.settings import Arns, Settings

_ABSENT = says("ResourceNotFoundException")


class Permission(Step):
    """Its calls stay in sequence: parallel ones on one function lose statements."""

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
        return {
            "principal": "apigateway.amazonaws.com",
            "action": "lambda:InvokeFunction",
            "source": self.arns.invoke_source(self._api.api_id or "(the new API)"),
        }

    def read(self) -> Found | None:
        try:
            answer = self.aws.send(self.aws.lambda_.get_policy, FunctionName=self.settings.function_name)
        except ClientError as error:
            if _ABSENT(error):
                return None
            raise
        statements = json.loads(answer["Policy"])["Statement"]
        others = [f"statement {s.get('Sid')} is not this tool's" for s in statements if s.get("Sid") != self.name]
        for statement in statements:
            if statement.get("Sid") == self.name:
                return Found(arn=self.arns.function, fields=_fields(statement), notes=tuple(others))
        return None

    def is_ours(self, found: Found) -> bool:
        """A statement has no tags: it is whose the function is."""
        del found
        function = self._function.found
        return function is None or self._function.is_ours(function)

    def foreign(self, found: Found) -> NotOurs:
        return NotOurs(
            f"The {self.title} {self.name} stands on a function that is not this stack's ({found.arn}).",
            "A permission is whose its function is.",
            "Choose another --name, delete the function yourself, or take it over with --adopt.",
        )

    def create(self) -> Found:
        want = self.want()
        try:
            self.aws.send(self.aws.lambda_.add_permission, **self.create_request())
        except ClientError as error:
            if _ABSENT(error):
                raise Vanished(
                    f"The Lambda function {self.settings.function_name} vanished before the API could be permitted to "
                    "invoke it.",
                    "It was being deleted when this command began.",
                    "Run up again.",
                ) from error
            if not says("ResourceConflictException", text="already exists")(error):
                raise
            return self.take_existing()
        return Found(self.arns.function, fields=want)

    def create_request(self) -> dict[str, Any]:
        want = self.want()
        return {
            "FunctionName": self.settings.function_name,
            "StatementId": self.name,
            "Action": want["action"],
            "Principal": want["principal"],
            "SourceArn": want["source"],
        }

    def update(self, found: Found, parts: Set[str]) -> None:
        del parts
        self.delete(found)
        self.create()

    def delete(self, found: Found) -> None:
        del found
        try:
            self.aws.send(
                self.aws.lambda_.remove_permission, FunctionName=self.settings.function_name, StatementId=self.name
            )
        except ClientError as error:
            if not _ABSENT(error):
                raise
        self.settle(self.read, until=lambda seen: seen is None, waiting="until the old permission is gone")


def _fields(statement: Mapping[str, Any]) -> dict[str, Any]:
    principal = statement.get("Principal")
    return {
        "principal": principal.get("Service", principal) if isinstance(principal, dict) else principal,
        "action": statement.get("Action"),
        "source": statement.get("Condition", {}).get("ArnLike", {}).get("AWS:SourceArn"),
    }
