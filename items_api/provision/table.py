"""The DynamoDB table: on demand, partition key `itemId`, with or without indexes and protection."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from items_api.aws.errors import says, tolerate
from items_api.errors import TimedOut
from items_api.provision import indexes
from items_api.provision.outcome import Weakening
from items_api.provision.step import Found, Right, Step, as_map
from items_api.settings import REPEATABLE
from items_api.settings.tags import EXPIRES, expiry_of, from_tags

if TYPE_CHECKING:
    from collections.abc import Mapping, Set

    from mypy_boto3_dynamodb.type_defs import TableDescriptionTypeDef

    from items_api.settings import Arns, Settings

PARTITION_KEY = {"itemId (S)": "HASH"}
RECOVERY_DAYS = 35  # the longest period, and how long a deleted table's system backup is kept
_ABSENT = "ResourceNotFoundException"
_IN_USE = "ResourceInUseException"
# Longer than its tags take to appear, plus the 5 minutes by which this computer's clock may be wrong.
_NEW = timedelta(minutes=10)
_TAGS_SECONDS = 10.0


def create_request(settings: Settings) -> dict[str, Any]:
    return {
        "TableName": settings.table_name,
        **indexes.create_request(settings),
        "BillingMode": "PAY_PER_REQUEST",
        "Tags": settings.table_tag_list,
        **({"DeletionProtectionEnabled": True} if settings.protect else {}),
    }


def backups_request(settings: Settings) -> dict[str, Any]:
    days = {"RecoveryPeriodInDays": RECOVERY_DAYS} if settings.protect else {}
    return {
        "TableName": settings.table_name,
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": settings.protect, **days},
    }


@dataclass(frozen=True, kw_only=True)
class FoundTable(Found):
    """`items` and `size` (bytes) are DynamoDB's own count, which is up to six hours old.

    `is_new` means that its tags may not be visible yet.
    """

    created: datetime | None = None
    is_new: bool = False
    items: int = 0
    size: int = 0


class Table(Step[FoundTable]):
    type = "AWS::DynamoDB::Table"
    title = "DynamoDB table"
    fixed = frozenset({"key"})

    @property
    def name(self) -> str:
        return self.settings.table_name

    @property
    def documents(self) -> frozenset[str]:
        return self.fixed

    @classmethod
    def rights(cls, arns: Arns) -> tuple[Right, ...]:
        writes = ("dynamodb:CreateTable", "dynamodb:UpdateTable", "dynamodb:DeleteTable")
        tags = ("dynamodb:TagResource", "dynamodb:UntagResource", "dynamodb:ListTagsOfResource")
        backups = ("dynamodb:DescribeContinuousBackups", "dynamodb:UpdateContinuousBackups")
        reads = ("dynamodb:DescribeTable", "dynamodb:Scan")
        return (Right((*writes, *tags, *backups, *reads), (arns.table,)),)

    def want(self) -> dict[str, Any]:
        remembered = _shown(self.settings.remembered)
        return {
            "key": PARTITION_KEY,
            "billing": "PAY_PER_REQUEST",
            "indexes": indexes.wanted(self.settings),
            "deletion protection": self.settings.protect,
            "point-in-time recovery": RECOVERY_DAYS if self.settings.protect else None,
            "status": "ACTIVE",
            "expires": self.settings.expires or None,
            "remembered": remembered,
        }

    def weakenings(self, found: FoundTable) -> tuple[Weakening, ...]:
        lost = []
        if not self.settings.protect and (
            found.fields["deletion protection"] or found.fields["point-in-time recovery"]
        ):
            what = f"turn off the deletion protection and point-in-time recovery of the table {self.name}"
            lost.append(Weakening(what, "protect"))
        if names := indexes.unwanted(self.settings, found.fields["indexes"]):
            which = f"index{'' if len(names) == 1 else 'es'} {', '.join(names)}"
            lost.append(
                Weakening(f"delete the {which} of the table {self.name}, which callers and older versions may use")
            )
        if effect := self._effect_on_expiry(found):
            lost.append(Weakening(effect, "expires"))
        return tuple(lost)

    def _effect_on_expiry(self, found: FoundTable) -> str:
        """How the stack would exist for longer or shorter than it was meant to; empty if neither."""
        new, tags = self.settings.expires, found.tags or {}
        if not new:
            old = tags.get(EXPIRES)
            return f"keep the stack, which expires at {old}, until someone deletes it" if old else ""
        expires, wanted = expiry_of(tags), datetime.fromisoformat(new)
        if expires is None:  # perhaps only the tag was lost
            is_earlier = (from_tags(tags) or {}).get("expires") != [new] or wanted < datetime.now(UTC)
        else:
            is_earlier = wanted < expires
        return f"let gc delete the stack after {new}" if is_earlier else ""

    def read(self) -> FoundTable | None:
        """Only DescribeTable says whether the table exists. The tags of a new table appear seconds later.

        While a table is being created, ListTagsOfResource does not find it for 5 to 6 s and then returns an empty list
        for up to 1 s. While it is being deleted, its tags disappear first. Measured by
        https://github.com/aws-controllers-k8s/dynamodb-controller/blob/main/docs/api-quirks/table.md.
        """
        found = self._seen()
        if found and not found.tags and found.is_new:
            with suppress(TimedOut):
                return self.settle(
                    self._seen,
                    until=lambda seen: seen is None or bool(seen.tags) or not seen.is_new,
                    waiting="for the table's tags to appear",
                    seconds=_TAGS_SECONDS,
                )
            return self._seen()
        return found

    def _seen(self) -> FoundTable | None:
        with tolerate(_ABSENT):
            description = self.describe()
            deleting = description["TableStatus"] == "DELETING"
            tags, recovery = (None, None) if deleting else self.aws.together(self._tags, self._recovery_days)
            # The description of a table that is being deleted lacks its attributes and key.
            types = {a["AttributeName"]: a["AttributeType"] for a in description.get("AttributeDefinitions", [])}
            return FoundTable(
                arn=description["TableArn"],
                fields={
                    "key": {
                        f"{k['AttributeName']} ({types[k['AttributeName']]})": k["KeyType"]
                        for k in description.get("KeySchema", [])
                    },
                    # A table that has always been provisioned has no summary.
                    "billing": description.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED"),
                    "indexes": indexes.found(description),
                    "deletion protection": description.get("DeletionProtectionEnabled", False),
                    "point-in-time recovery": recovery,
                    "status": description["TableStatus"],
                    "expires": (tags or {}).get(EXPIRES),
                    "remembered": _shown(from_tags(tags or {})),
                },
                tags=tags,
                deleting=deleting,
                created=description.get("CreationDateTime"),
                is_new=not deleting and datetime.now(UTC) - description["CreationDateTime"] < _NEW,
                items=description.get("ItemCount", 0),
                size=description.get("TableSizeBytes", 0),
            )
        return None

    def describe(self) -> TableDescriptionTypeDef:
        return self.aws.send(self.aws.dynamodb.describe_table, TableName=self.name)["Table"]

    def _tags(self) -> dict[str, str]:
        with tolerate(_ABSENT):
            return as_map(self.aws.every(self.aws.dynamodb.list_tags_of_resource, "Tags", ResourceArn=self.arns.table))
        return {}

    def _recovery_days(self) -> int | None:
        """How far back the table can be restored; None if it cannot."""
        with tolerate(_ABSENT, "TableNotFoundException"):
            answer = self.aws.send(self.aws.dynamodb.describe_continuous_backups, TableName=self.name)
            found = answer["ContinuousBackupsDescription"].get("PointInTimeRecoveryDescription", {})
            if found.get("PointInTimeRecoveryStatus") == "ENABLED":
                return found.get("RecoveryPeriodInDays", RECOVERY_DAYS)
        return None

    def count_items(self) -> tuple[int, bool] | None:
        """Items in the first megabyte of the table, counted now, and whether there are more; None if it does not exist.

        DescribeTable's count is up to six hours old, too old to base a deletion on.
        """
        with tolerate(_ABSENT):
            page = self.aws.send(self.aws.dynamodb.scan, TableName=self.name, Select="COUNT", ConsistentRead=True)
            return page["Count"], "LastEvaluatedKey" in page
        return None

    def create(self) -> FoundTable:
        found = self.settle(
            self._created, until=lambda created: created is not None, waiting="for the old table to be deleted"
        )
        assert found is not None  # noqa: S101 - `until` guarantees it
        return found

    def _created(self) -> FoundTable | None:
        """The new table, or the existing one; None if an old one was being deleted and is gone now.

        CreateTable rejects every existing table in the same words, even one that is being deleted.
        """
        with tolerate(_IN_USE):
            self.aws.send(self.aws.dynamodb.create_table, **create_request(self.settings))
            fields = {**self.want(), "status": "CREATING", "point-in-time recovery": None}
            return FoundTable(arn=self.arns.table, fields=fields, tags=self.want_tags())
        with tolerate(_ABSENT):
            if self.describe()["TableStatus"] != "DELETING":
                return self.existing()
            self.settle(self.is_gone, until=bool, waiting="for the old table to be deleted")
        return None

    def update(self, found: FoundTable, parts: Set[str]) -> None:
        if found.fields["status"] != "ACTIVE":
            self._wait_until_active()
        if parts & {"billing", "deletion protection"} and "indexes" in parts:
            # DynamoDB changes nothing else while an index is being changed.
            indexes.Indexes(self).cancel(
                {
                    name: found.fields["indexes"][name]
                    for name in indexes.unwanted(self.settings, found.fields["indexes"])
                }
            )
            indexes.Indexes(self).wait()
        if parts & {"tags", "expires", "remembered"}:
            tags: Any = self.settings.table_tag_list
            self.aws.send(self.aws.dynamodb.tag_resource, ResourceArn=self.arns.table, Tags=tags)
            if unwanted := self.unwanted(found.tags or ()):
                self.aws.send(self.aws.dynamodb.untag_resource, ResourceArn=self.arns.table, TagKeys=unwanted)
            # ListTagsOfResource lags behind by seconds, and the next command must not report that as drift.
            want = self.settings.table_tags.items()
            self.settle(
                self._tags,
                until=lambda tags: want <= tags.items() and not self.unwanted(tags),
                waiting="for the table's tags to appear",
            )
        if "billing" in parts:
            self._change(BillingMode="PAY_PER_REQUEST")
        if "deletion protection" in parts:
            self._change(DeletionProtectionEnabled=self.settings.protect)
        if "point-in-time recovery" in parts:
            # Not available until a few seconds after the table is ACTIVE.
            self.settle(
                lambda: self.aws.send(self.aws.dynamodb.update_continuous_backups, **backups_request(self.settings)),
                transient=says("ContinuousBackupsUnavailableException"),
                waiting="for backups of the table to be available",
            )
        if "indexes" in parts:
            indexes.Indexes(self).create_missing(found.fields["indexes"])

    @property
    def queryable(self) -> list[str]:
        """The attributes with an index that can be queried now."""
        return indexes.queryable(self.found.fields["indexes"]) if self.found else []

    @property
    def kept_indexes(self) -> list[str]:
        """The names of the indexes that exist until `remove_unused`: the live version may still use them."""
        have = self.found.fields["indexes"] if self.found else {}
        return [name for name in have if name not in indexes.wanted(self.settings)]

    @property
    def has_unused(self) -> bool:
        return bool(self.kept_indexes)

    def remove_unused(self) -> None:
        have = self.found.fields["indexes"] if self.found else {}
        for name in self.kept_indexes:
            indexes.Indexes(self).delete(name, have[name])

    def _change(self, **change: Any) -> None:
        self.settle(
            lambda: self.aws.send(self.aws.dynamodb.update_table, TableName=self.name, **change),
            transient=says(_IN_USE),
            waiting="for DynamoDB to accept the change of the table",
        )
        self._wait_until_active()

    def _wait_until_active(self) -> None:
        # Right after a create, DynamoDB's responses contradict each other, so ACTIVE must be seen twice in a row.
        seen = 0

        def is_active(status: str) -> bool:
            nonlocal seen
            seen = seen + 1 if status == "ACTIVE" else 0
            return seen > 1

        self.settle(
            lambda: self.describe()["TableStatus"],
            until=is_active,
            transient=says(_ABSENT),
            waiting="for the table to become ACTIVE",
        )

    def delete(self, found: FoundTable) -> None:
        if found.fields["status"] != "CREATING":
            indexes.Indexes(self).cancel(found.fields["indexes"])
        # DynamoDB rejects the deletion of a table that is being created, changed, tagged or, in practice, deleted.
        self.delete_until_gone(
            found,
            lambda: self.aws.send(self.aws.dynamodb.delete_table, TableName=self.name),
            absent=_ABSENT,
            transient=says(_IN_USE),
        )

    def is_gone(self) -> bool:
        """Also if another `up` has already created a new table."""
        with tolerate(_ABSENT):
            created = self.describe().get("CreationDateTime")
            old = self.found.created if self.found else None
            return bool(created and old and created != old)
        return True


def _shown(remembered: Mapping[str, list[str]] | None) -> dict[str, Any] | None:
    """The settings that the table remembers, as they are compared and shown."""
    if remembered is None:
        return None
    return {option: sorted(values) if option in REPEATABLE else values[-1] for option, values in remembered.items()}
