"""Every stack of an account and region, found by names and tags: there is no state file that lists them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from items_api.aws.errors import AwsError, tolerate
from items_api.provision.api import Api, age
from items_api.provision.function import Function
from items_api.provision.log_group import LogGroup
from items_api.provision.role import Role
from items_api.provision.step import Right, Step, as_map, stack_of
from items_api.provision.table import Table
from items_api.settings import Arns, Settings
from items_api.settings.tags import expiry_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from items_api.aws.client import Aws

    Tags = Mapping[str, str]

# The invoke permission is part of the function, so it is not listed.
LISTED: tuple[type[Step[Any]], ...] = (Table, Role, LogGroup, Function, Api)


@dataclass(frozen=True)
class Listed:
    """One stack: its name, its endpoint, and the titles of the resources that it has and lacks.

    `created` is the time of its API, and `expires` None if it does not expire.
    """

    name: str
    endpoint: str | None
    created: datetime | None
    expires: datetime | None
    found: tuple[str, ...]
    missing: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """For the JSON document. The keys are a contract."""
        return {
            "name": self.name,
            "endpoint": self.endpoint,
            "created": self.created.isoformat(timespec="seconds") if self.created else None,
            "expires": self.expires.isoformat(timespec="seconds") if self.expires else None,
            "complete": not self.missing,
            "found": list(self.found),
            "missing": list(self.missing),
        }


def stacks(aws: Aws, region: str, account: str) -> list[Listed]:
    """Every stack of which at least one resource exists, by name.

    Raises:
        Problem: a list, or the tags of a resource, could not be read.
    """
    lists = _Lists(aws, Arns(Settings(region=region), account))
    try:
        tagged = aws.together(lists.tables, lists.roles, lists.log_groups, lists.functions, lists.apis)
    except AwsError as error:
        raise error.problem("Could not list the stacks") from error
    titles: dict[str, set[str]] = defaultdict(set)
    expires: dict[str, datetime | None] = {}
    for step, resources in zip(LISTED, tagged, strict=True):
        for tags in resources:
            if (stack := stack_of(tags)) and tags.get("items-api:region") == region:
                titles[stack].add(step.title)
                if step is Table:
                    expires[stack] = expiry_of(tags)
    return [
        Listed(
            name,
            endpoint=lists.endpoints.get(name),
            created=lists.created.get(name),
            expires=expires.get(name),
            found=tuple(step.title for step in LISTED if step.title in found),
            missing=tuple(step.title for step in LISTED if step.title not in found),
        )
        for name, found in sorted(titles.items())
    ]


def rights(arns: Arns) -> tuple[Right, ...]:
    """What `stacks` needs in addition to the rights on one stack: a list cannot be restricted to one."""
    settings = arns.settings
    return (
        Right(("dynamodb:ListTables", "iam:ListRoles", "lambda:ListFunctions"), ("*",)),
        Right(("dynamodb:ListTagsOfResource",), (arns.table.replace(settings.table_name, "*"),)),
        Right(("iam:ListRoleTags",), (arns.role.replace(settings.role_name, "*-api-role"),)),
        Right(("lambda:ListTags",), (arns.function.replace(settings.function_name, "*-api"),)),
        Right(("logs:ListTagsForResource",), (arns.log_group.replace(settings.function_name, "*-api"),)),
    )


class _Lists:
    """The tags of every resource that may belong to a stack, one list per service.

    Only API Gateway lists tags. In the other services, resources are asked for their tags if they are named like one of
    a stack.
    """

    def __init__(self, aws: Aws, arns: Arns) -> None:
        self._aws = aws
        self._arns = arns
        self.endpoints: dict[str, str] = {}  # stack -> endpoint, set by `apis`
        self.created: dict[str, datetime] = {}  # the same

    def apis(self) -> list[Tags]:
        newest_first = sorted(self._aws.every(self._aws.apigateway.get_apis, "Items"), key=age, reverse=True)
        tags = [api.get("Tags", {}) for api in newest_first]
        stacks = [*map(stack_of, tags)]
        # If there are duplicates, the oldest, which `up` keeps, comes last and overwrites the others.
        self.endpoints = {stack: api["ApiEndpoint"] for stack, api in zip(stacks, newest_first, strict=True) if stack}
        self.created = {stack: api["CreatedDate"] for stack, api in zip(stacks, newest_first, strict=True) if stack}
        return tags

    def tables(self) -> list[Tags]:
        dynamodb = self._aws.dynamodb
        names = self._aws.every(
            dynamodb.list_tables, "TableNames", "LastEvaluatedTableName", start="ExclusiveStartTableName"
        )
        prefix = self._arns.table.removesuffix(self._arns.settings.table_name)

        def tags(name: str) -> Tags:
            return as_map(self._aws.every(dynamodb.list_tags_of_resource, "Tags", ResourceArn=prefix + name))

        return self._each("ResourceNotFoundException", tags, (n for n in names if n.isalnum() and n[0].isupper()))

    def roles(self) -> list[Tags]:
        iam = self._aws.iam
        names = [role["RoleName"] for role in self._aws.every(iam.list_roles, "Roles", "Marker")]

        def tags(name: str) -> Tags:
            return as_map(self._aws.send(iam.list_role_tags, RoleName=name)["Tags"])

        return self._each("NoSuchEntity", tags, (name for name in names if name.endswith("-api-role")))

    def functions(self) -> list[Tags]:
        lambda_ = self._aws.lambda_
        functions = self._aws.every(lambda_.list_functions, "Functions", "NextMarker", start="Marker")
        arns = (function["FunctionArn"] for function in functions if function["FunctionName"].endswith("-api"))

        def tags(arn: str) -> Tags:
            return self._aws.send(lambda_.list_tags, Resource=arn)["Tags"]

        return self._each("ResourceNotFoundException", tags, arns)

    def log_groups(self) -> list[Tags]:
        logs = self._aws.logs
        groups = self._aws.every(logs.describe_log_groups, "logGroups", "nextToken", logGroupNamePrefix="/aws/lambda/")
        arns = (group["arn"].removesuffix(":*") for group in groups if group["logGroupName"].endswith("-api"))

        def tags(arn: str) -> Tags:
            return self._aws.send(logs.list_tags_for_resource, resourceArn=arn)["tags"]

        return self._each("ResourceNotFoundException", tags, arns)

    def _each(self, absent: str, read: Callable[[str], Tags], names: Iterable[str]) -> list[Tags]:
        """The tags of each of these resources. One that was deleted since it was listed has none."""

        def tags(name: str) -> Tags:
            with tolerate(absent):
                return read(name)
            return {}

        return self._aws.together(*(lambda name=name: tags(name) for name in names))
