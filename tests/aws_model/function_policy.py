"""Lambda's resource policies: who may invoke a function."""

from __future__ import annotations

import json
from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from tests.aws_model.refusal import Refusal
from tests.aws_model.service import Document, Service

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.aws_model.functions import Function


class FunctionPolicy(Service):
    """The part of Lambda that answers for `Function.statements`."""

    @abstractmethod
    def _there(self, p: Mapping[str, Any]) -> Function: ...

    def add_permission(self, p: Document) -> Document:
        function, seen = self._there(p), list(self.begun)
        sid = p["StatementId"]
        if any(statement["Sid"] == sid for statement in seen):
            raise Refusal(
                "ResourceConflictException",
                f"The statement id ({sid}) provided already exists. Please provide a new statement id, "
                "or remove the existing statement.",
                409,
                Type="User",
            )
        statement = _statement(p, function.configuration["FunctionArn"])
        function.statements = [*seen, statement]
        return {"Statement": json.dumps(statement)}

    def remove_permission(self, p: Document) -> None:
        function, seen, sid = self._there(p), list(self.begun), p["StatementId"]
        left = [statement for statement in seen if statement["Sid"] != sid]
        if left == seen:
            why = f"Statement {sid} is not found in resource policy."
            raise Refusal("ResourceNotFoundException", why, 404, Type="User")
        function.statements = left

    def get_policy(self, p: Document) -> Document:
        statements = self._there(p).statements
        if not statements:
            why = "The resource you requested does not exist."
            raise Refusal("ResourceNotFoundException", why, 404, Type="User")
        policy = {"Version": "2012-10-17", "Id": "default", "Statement": statements}
        return {"Policy": json.dumps(policy), "RevisionId": "11111111-1111-1111-1111-111111111111"}


def _statement(p: Document, function_arn: str) -> Document:
    principal = p["Principal"]
    conditions: Document = {}
    if "SourceArn" in p:
        conditions["ArnLike"] = {"AWS:SourceArn": p["SourceArn"]}
    if "SourceAccount" in p:
        conditions["StringEquals"] = {"AWS:SourceAccount": p["SourceAccount"]}
    return {
        "Sid": p["StatementId"],
        "Effect": "Allow",
        "Principal": "*" if principal == "*" else {"Service" if "." in principal else "AWS": principal},
        "Action": p["Action"],
        "Resource": function_arn,
        **({"Condition": conditions} if conditions else {}),
    }
