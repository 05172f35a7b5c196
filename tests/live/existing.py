"""What exists in the account, read directly from every service: leaks of this run, and stacks that older runs left."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
from botocore.exceptions import ClientError

PREFIX = "live-"
STARTED_TAG = "live-test-started"  # its value is an ISO 8601 time
_AGE = timedelta(hours=1)  # longer than any run
_CHECKS, _PAUSE = 6, 10.0  # how often, and seconds between: lists show deleted resources for a while
_GONE = {"ResourceNotFoundException", "NoSuchEntity", "NotFoundException"}


@dataclass(frozen=True)
class Resource:
    kind: str
    name: str
    tags: dict[str, str]

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"

    @property
    def stack(self) -> str:
        """The name of the stack if a run created it, else an empty string."""
        name = self.tags.get("items-api:stack", "")
        is_ours = self.tags.get("managed-by") == "items-api" and STARTED_TAG in self.tags
        return name if is_ours and name.startswith(PREFIX) else ""

    def is_older_than_a_run(self, now: datetime) -> bool:
        try:
            started = datetime.fromisoformat(self.tags[STARTED_TAG])
            return now - started > _AGE
        except (KeyError, ValueError, TypeError):  # no tag, no time, or a time without a zone
            return False


def resources(session: boto3.Session, name: str) -> list[Resource]:
    """Every resource whose name starts like those of the stack `name`; `live-` finds those of all runs."""
    return [*_tables(session, name), *_roles(session, name), *_serverless(session, name)]


def leaks(session: boto3.Session, name: str, pause: Callable[[float], None] = time.sleep) -> list[str]:
    """What still exists of a stack after a minute; sooner if there is nothing."""
    for _ in range(_CHECKS):
        found = resources(session, name)
        if not found:
            break
        pause(_PAUSE)
    return [str(one) for one in found]


def abandoned(found: list[Resource], region: str, now: datetime | None = None) -> tuple[list[str], list[Resource]]:
    """The stacks, and the roles of restricted deployers, that runs in this region left behind more than an hour ago."""
    here = [one for one in found if one.stack and one.tags.get("items-api:region") == region]
    old = [one for one in here if one.is_older_than_a_run(now or datetime.now(UTC))]
    deployers = [one for one in old if one.kind == "role" and one.name == deployer_role(one.stack)]
    return sorted({one.stack for one in old} - {one.stack for one in deployers if _only(one, old)}), deployers


def deployer_role(stack: str) -> str:
    return f"{stack}-deployer"


def delete_role(session: boto3.Session, name: str) -> None:
    """Delete a role with its inline policies, if it exists."""
    iam: Any = session.client("iam")
    try:
        for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
            iam.delete_role_policy(RoleName=name, PolicyName=policy)
        iam.delete_role(RoleName=name)
    except iam.exceptions.NoSuchEntityException:
        pass


def _only(one: Resource, others: list[Resource]) -> bool:
    return [other for other in others if other.stack == one.stack] == [one]


def _tables(session: boto3.Session, name: str) -> Iterator[Resource]:
    dynamodb: Any = session.client("dynamodb")

    def tags_of(table: str) -> Any:
        arn = dynamodb.describe_table(TableName=table)["Table"]["TableArn"]
        return dynamodb.list_tags_of_resource(ResourceArn=arn)

    prefix = "".join(part.capitalize() for part in name.split("-"))
    for page in dynamodb.get_paginator("list_tables").paginate():
        for table in page["TableNames"]:
            if table.startswith(prefix):
                yield Resource("table", table, _tags(tags_of, table=table))


def _tags(read: Callable[..., Any], **parameters: str) -> dict[str, str]:
    """Empty for a resource that is being created or deleted; it exists all the same."""
    try:
        response = read(**parameters)
    except ClientError as error:
        if error.response["Error"]["Code"] not in _GONE:
            raise
        return {}
    tags = response.get("Tags", response.get("tags"))
    return tags if isinstance(tags, dict) else {tag["Key"]: tag["Value"] for tag in tags}


def _roles(session: boto3.Session, name: str) -> Iterator[Resource]:
    iam: Any = session.client("iam")
    for page in iam.get_paginator("list_roles").paginate():
        for role in page["Roles"]:
            if role["RoleName"].startswith(name):
                yield Resource("role", role["RoleName"], _tags(iam.list_role_tags, RoleName=role["RoleName"]))


def _serverless(session: boto3.Session, name: str) -> Iterator[Resource]:
    logs: Any = session.client("logs")
    for page in logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=f"/aws/lambda/{name}"):
        for group in page["logGroups"]:
            arn = group["arn"].removesuffix(":*")
            yield Resource("log group", group["logGroupName"], _tags(logs.list_tags_for_resource, resourceArn=arn))
    functions: Any = session.client("lambda")
    for page in functions.get_paginator("list_functions").paginate():
        for function in page["Functions"]:
            if function["FunctionName"].startswith(name):
                tags = _tags(functions.list_tags, Resource=function["FunctionArn"])
                yield Resource("function", function["FunctionName"], tags)
    for page in session.client("apigatewayv2").get_paginator("get_apis").paginate():
        for api in page["Items"]:
            if api["Name"].startswith(name):
                yield Resource("HTTP API", f"{api['Name']} ({api['ApiId']})", api.get("Tags", {}))
