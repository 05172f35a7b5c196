"""The invoke permission: this HTTP API may invoke the release of the function."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from items_api.aws.errors import tolerate
from items_api.errors import DeletedMeanwhile
from items_api.provision.function import PartOfFunction
from items_api.provision.step import Found, Right

if TYPE_CHECKING:
    from collections.abc import Mapping, Set

    from items_api.aws.client import Aws
    from items_api.provision.api import Api
    from items_api.provision.release import Release
    from items_api.settings import Arns, Settings

_ABSENT = "ResourceNotFoundException"
_PRINCIPAL = "apigateway.amazonaws.com"
_ACTION = "lambda:InvokeFunction"
_WHOLE = "on the whole function"  # the field of a statement that is not only for the alias


def create_request(arns: Arns, api_id: str) -> dict[str, Any]:
    return {
        "FunctionName": arns.settings.function_name,
        "Qualifier": arns.settings.alias_name,
        "StatementId": arns.settings.statement_id,
        "Action": _ACTION,
        "Principal": _PRINCIPAL,
        "SourceArn": arns.invoke_source(api_id),
    }


class Permission(PartOfFunction[Found]):
    """It is for the alias only. Calls are sent one by one, because parallel ones on a function lose statements."""

    type = "AWS::Lambda::Permission"
    title = "invoke permission"

    def __init__(self, settings: Settings, arns: Arns, aws: Aws, release: Release, api: Api) -> None:
        super().__init__(settings, arns, aws, release.function, release, api)
        self._api = api

    @property
    def name(self) -> str:
        return self.settings.statement_id

    @classmethod
    def rights(cls, arns: Arns) -> tuple[Right, ...]:
        actions = ("lambda:AddPermission", "lambda:RemovePermission", "lambda:GetPolicy")
        return (Right(actions, (arns.function, arns.alias)),)

    def want(self) -> dict[str, Any]:
        api = self._api.found
        source = self.arns.invoke_source(api.api_id if api else "(the new API)")
        return {"principal": _PRINCIPAL, "action": _ACTION, "source": source, _WHOLE: None}

    def read(self) -> Found | None:
        """The statement on the alias, and one of the same name on the function itself, which would be drift."""
        own, whole = self.aws.together(lambda: self._statements(Qualifier=self.settings.alias_name), self._statements)
        # On an emulator, the statements of the function include those of its aliases.
        whole = [statement for statement in whole if statement.get("Resource") != self.arns.alias]
        others = sorted({s.get("Sid", "?") for s in (*own, *whole)} - {self.name})
        notes = tuple(f"statement {sid} was not added by this tool" for sid in others)
        named = [next((s for s in statements if s.get("Sid") == self.name), None) for statements in (own, whole)]
        if not any(named):
            return None
        fields = {**_fields(named[0] or {}), _WHOLE: _fields(named[1])["source"] if named[1] else None}
        return Found(arn=self.arns.alias, fields=fields, notes=notes)

    def _statements(self, **qualifier: str) -> list[dict[str, Any]]:
        name = self.settings.function_name
        with tolerate(_ABSENT):
            policy = self.aws.send(self.aws.lambda_.get_policy, FunctionName=name, **qualifier)["Policy"]
            statements: list[dict[str, Any]] = json.loads(policy)["Statement"]
            return statements
        return []

    def create(self) -> Found:
        api = self._api.found
        assert api is not None  # noqa: S101 - this step runs after the API
        with tolerate("ResourceConflictException", text="already exists"):
            with tolerate(_ABSENT):
                self.aws.send(self.aws.lambda_.add_permission, **create_request(self.arns, api.api_id))
                return Found(arn=self.arns.alias, fields=self.want())
            raise DeletedMeanwhile(
                f"The {self.function.title} {self.function.name} or its alias {self.settings.alias_name} was deleted "
                f"before the {self.title} could be added.",
                "Its deletion had started before this command.",
                "Run the command again.",
            )
        # Another `up` may be running. If both created an API in the same second, it may have kept its own as oldest.
        self._api.found = self._api.read() or api
        return self.existing()

    def update(self, found: Found, parts: Set[str]) -> None:
        if parts - {_WHOLE}:
            if _is_on_alias(found):
                self._replace()
            else:
                self.create()
        if not self.keeps_unused:
            self.remove_unused()

    @property
    def has_unused(self) -> bool:
        return self.keeps_unused and bool(self.found and self.found.fields[_WHOLE])

    def remove_unused(self) -> None:
        if self.found and self.found.fields[_WHOLE]:
            with tolerate(_ABSENT):
                self._remove()
            # On an emulator, that removes the statement on the alias, too.
            if not _is_on_alias(self.read_again()):
                self.create()

    def _replace(self) -> None:
        with tolerate(_ABSENT):
            self._remove(Qualifier=self.settings.alias_name)
        self.settle(
            self.read_again,
            until=lambda seen: not _is_on_alias(seen),
            waiting="for the old permission to be deleted",
        )
        self.create()

    def delete(self, found: Found) -> None:
        def delete() -> None:
            if found.fields[_WHOLE]:
                with tolerate(_ABSENT):
                    self._remove()
            self._remove(Qualifier=self.settings.alias_name)

        self.delete_until_gone(found, delete, absent=_ABSENT)

    def _remove(self, **qualifier: str) -> None:
        function = self.settings.function_name
        self.aws.send(self.aws.lambda_.remove_permission, FunctionName=function, StatementId=self.name, **qualifier)


def _is_on_alias(found: Found | None) -> bool:
    return found is not None and found.fields["principal"] is not None


def _fields(statement: Mapping[str, Any]) -> dict[str, Any]:
    principal = statement.get("Principal")
    return {
        "principal": principal.get("Service", principal) if isinstance(principal, dict) else principal,
        "action": statement.get("Action"),
        "source": statement.get("Condition", {}).get("ArnLike", {}).get("AWS:SourceArn"),
    }
