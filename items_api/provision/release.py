"""The release: the alias `live`, which the API calls, on a published version of the function.

`up` publishes a version, checks it, and then moves the alias to it in one call, which also writes the version that was
live before into the alias's description.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from items_api.aws.errors import ServiceError, tolerate
from items_api.errors import CannotRollBack, CheckFailed
from items_api.provision.check import check
from items_api.provision.function import PartOfFunction
from items_api.provision.outcome import Drift, Weakening
from items_api.provision.step import Found, Right
from items_api.provision.versions import OUTDATED, Version, Versions, changed_by_someone_else, old_versions
from items_api.settings import index_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence, Set

    from mypy_boto3_lambda.type_defs import AliasConfigurationTypeDef

    from items_api.aws.client import Aws
    from items_api.provision.function import Function
    from items_api.provision.table import Table
    from items_api.settings import Arns, Settings

_ABSENT = "ResourceNotFoundException"
_PREVIOUS = re.compile(r"previous version: (\d+|none)")
_UNUSED = frozenset({"other aliases", "old versions"})


def alias_request(settings: Settings, version: str, previous: str | None) -> dict[str, Any]:
    """Versions are numbers, written as texts."""
    return {
        "FunctionName": settings.function_name,
        "Name": settings.alias_name,
        "FunctionVersion": version,
        "Description": f"previous version: {previous or 'none'}",
    }


@dataclass(frozen=True, kw_only=True)
class FoundRelease(Found):
    """`live` and `previous` are the versions that the alias names, if they exist, and `versions` are all that do.

    `named` is the previous version even if it does not exist. `revision` is Lambda's RevisionId of the alias.
    """

    live: Version | None = None
    previous: Version | None = None
    versions: tuple[Version, ...] = ()
    named: str = ""
    revision: str = ""

    @property
    def rolled_back_from(self) -> Version | None:
        """Versions count upwards, so a previous version that is newer than the live one was rolled back."""
        if self.live and self.previous and self.previous.number > self.live.number:
            return self.previous
        return None


class Release(PartOfFunction[FoundRelease]):
    type = "AWS::Lambda::Alias"
    title = "release"
    # Whether a new version is checked before it goes live.
    checks = True

    def __init__(self, settings: Settings, arns: Arns, aws: Aws, function: Function, table: Table) -> None:
        super().__init__(settings, arns, aws, function, table)
        self._unused_aliases: Sequence[str] = ()
        self._unused_versions: Sequence[str] = ()

    @property
    def name(self) -> str:
        return self.settings.alias_name

    @classmethod
    def rights(cls, arns: Arns) -> tuple[Right, ...]:
        aliases = ("lambda:CreateAlias", "lambda:UpdateAlias", "lambda:DeleteAlias", "lambda:ListAliases")
        versions = ("lambda:PublishVersion", "lambda:ListVersionsByFunction")
        # A policy must also cover the versions and aliases that requests name:
        # https://docs.aws.amazon.com/lambda/latest/dg/lambda-api-permissions-ref.html
        others = ("lambda:InvokeFunction", "lambda:GetFunction", "lambda:DeleteFunction")
        return (Right((*versions, *aliases, *others), (arns.function, arns.versions)),)

    def want(self) -> dict[str, Any]:
        return {
            **self.function.want_version(),
            "rolled back from": None,
            "description": None,
            "routing": {},
            "other aliases": [],
            "old versions": [],
        }

    def compare(self, found: FoundRelease) -> tuple[Drift, ...]:
        drift = super().compare(found)
        return (*drift, *self.function.recreated_role(found.live.published)) if found.live else drift

    def weakenings(self, found: FoundRelease) -> tuple[Weakening, ...]:
        """Neither removes a restriction, but `up` asks about both."""
        weakenings = []
        if aliases := found.fields["other aliases"]:
            which = f"alias{'' if len(aliases) == 1 else 'es'} {', '.join(aliases)}"
            weakenings.append(Weakening(f"delete the {which} of the function, which may have other callers"))
        other = found.rolled_back_from
        if other and other.fields["code"] == self.function.want_version()["code"]:
            weakenings.append(Weakening(f"release the code of version {other.number} again, which was rolled back"))
        return tuple(weakenings)

    def read(self) -> FoundRelease | None:
        with tolerate(_ABSENT):
            aliases, versions = self.aws.together(self._aliases, Versions(self).listed)
            alias = next((alias for alias in aliases if alias["Name"] == self.name), None)
            return self._found(alias, [a["Name"] for a in aliases], versions) if alias else None
        return None

    def _found(
        self, alias: AliasConfigurationTypeDef, names: Iterable[str], versions: Mapping[int, Version]
    ) -> FoundRelease:
        text = alias.get("Description", "")
        named = _PREVIOUS.fullmatch(text)
        live = versions.get(int(alias["FunctionVersion"]) if alias["FunctionVersion"].isdecimal() else 0)
        found = FoundRelease(
            arn=self.arns.alias,
            fields={},
            live=live,
            previous=versions.get(int(named[1])) if named and named[1].isdecimal() else None,
            versions=tuple(versions.values()),
            named=named[1].removesuffix("none") if named else "",
            revision=alias.get("RevisionId", ""),
        )
        back = found.rolled_back_from
        fields = {
            **(live.fields if live else {}),
            "rolled back from": f"version {back.number}" if back else None,
            # Only a description that names no version is a difference.
            "description": None if named else text,
            "routing": alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {}),
            "other aliases": sorted(name for name in names if name != self.name),
            "old versions": old_versions(versions, alias["FunctionVersion"], named[1]) if named else [],
        }
        return replace(found, fields=fields)

    def _aliases(self) -> list[AliasConfigurationTypeDef]:
        return self.aws.every(
            self.aws.lambda_.list_aliases, "Aliases", "NextMarker", "Marker", FunctionName=self.settings.function_name
        )

    def create(self) -> FoundRelease:
        version = self._new_version()
        with tolerate("ResourceConflictException", text="already exists"):
            self.aws.send(self.aws.lambda_.create_alias, **alias_request(self.settings, version, None))
            return FoundRelease(arn=self.arns.alias, fields=self.want())
        return self.existing()

    def update(self, found: FoundRelease, parts: Set[str]) -> None:
        self._unused_aliases, self._unused_versions = found.fields["other aliases"], found.fields["old versions"]
        if parts - _UNUSED:
            version = self._new_version()
            live = str(found.live.number) if found.live else None
            previous = str(found.previous.number) if found.previous else None
            previous = previous if version == live else live
            self._point(found, version, previous)
            self._unused_versions = old_versions([*(v.number for v in found.versions), version], version, previous)
        if not self.keeps_unused:
            self.remove_unused()

    @property
    def has_unused(self) -> bool:
        return self.keeps_unused and bool(self._unused_aliases or self._unused_versions)

    def check_needs_none_of(self, indexes: Iterable[str]) -> None:
        """Raise `ChangedMeanwhile` if the version that is live now queries one of these indexes."""
        found = self.read()
        needed = {index_name(word) for word in found.live.indexes} if found and found.live else set()
        if needed.intersection(indexes):
            raise changed_by_someone_else(f"The {self.title} {self.name}")

    def remove_unused(self) -> None:
        function = self.settings.function_name
        for name in self._unused_aliases:
            self.aws.send(self.aws.lambda_.delete_alias, FunctionName=function, Name=name)
        for number in self._unused_versions:
            # Another `up` deleted it, or made it live again.
            with tolerate(_ABSENT), tolerate("ResourceConflictException", text="reference it"):
                self.aws.send(self.aws.lambda_.delete_function, FunctionName=function, Qualifier=number)

    def versions_to_swap(self) -> tuple[Version, Version]:
        """The live version and the previous one. Raises `CannotRollBack` if the alias does not name both."""
        found = self.found
        assert found is not None  # noqa: S101 - the caller has looked
        if not (found.live and found.previous):
            raise self._no_previous(found)
        return found.live, found.previous

    def swap(self) -> None:
        """Make the previous version live again, and the live one the previous one.

        Raises:
            CannotRollBack: see `versions_to_swap`.
            ChangedMeanwhile: the release is no longer what `look` found.
        """
        live, previous = self.versions_to_swap()
        assert self.found is not None  # noqa: S101 - see above
        self._point(self.found, str(previous.number), str(live.number))

    def _new_version(self) -> str:
        """Publish $LATEST, and check it. The number, as a text."""
        version = Versions(self).publish()
        if self.checks and not self.aws.is_rehearsal:
            self.report("for the check of the new version")
            try:
                check(self.aws, self.settings, version, self.report)
            except CheckFailed as problem:
                if self.found and self.found.live:
                    problem.what += f" Version {self.found.live.number} still is."
                raise
        return version

    def _point(self, found: FoundRelease, version: str, previous: str | None) -> None:
        """Point the alias to a version, unless it has been changed since it was found."""
        request = alias_request(self.settings, version, previous)
        if found.fields["routing"]:
            request["RoutingConfig"] = {"AdditionalVersionWeights": {}}
        try:
            self.aws.send(self.aws.lambda_.update_alias, **request, RevisionId=found.revision)
        except ServiceError as error:
            if error.says(_ABSENT):
                raise self.deleted_meanwhile("while it was being updated") from error
            if not error.says(OUTDATED):
                raise
            # If the response to the first attempt was lost, the second one was refused.
            if not self._points(request):
                raise changed_by_someone_else(f"The {self.title} {self.name}") from error

    def _points(self, request: Mapping[str, Any]) -> bool:
        alias: Mapping[str, Any] = next((alias for alias in self._aliases() if alias["Name"] == self.name), {})
        return all(alias.get(key) == request[key] for key in ("FunctionVersion", "Description"))

    def _no_previous(self, found: FoundRelease) -> CannotRollBack:
        why = "The release does not name a previous version."
        if text := found.fields["description"]:
            why = f"The description of the alias {self.name} does not name a version: {text!r}."
        elif found.named:
            why = f"The release names version {found.named}, which no longer exists."
        problem = CannotRollBack(
            "There is no version to roll back to.",
            f"{why} Versions: {'; '.join(map(str, found.versions))}.",
            "To release another version yourself, use aws lambda update-alias." if len(found.versions) > 1 else "",
        )
        problem.known = {"versions": [version.as_json() for version in found.versions]}
        return problem

    def delete(self, found: FoundRelease) -> None:
        request = {"FunctionName": self.settings.function_name, "Name": self.name}
        self.delete_until_gone(found, lambda: self.aws.send(self.aws.lambda_.delete_alias, **request), absent=_ABSENT)
