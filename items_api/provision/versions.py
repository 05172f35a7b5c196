"""The published versions of the function: code and configuration together, which never change."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from items_api import __version__
from items_api.errors import AwsRefused, ChangedMeanwhile
from items_api.provision.bundle import code_sha256

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from items_api.aws.errors import ServiceError
    from items_api.provision.release import Release
    from items_api.settings import Settings

KEPT_VERSIONS = 5
OUTDATED = "PreconditionFailedException"  # the RevisionId is no longer the current one


_MAX_NAME = 24  # of an attribute in a description, which has room for 256 characters
_INDEXES = re.compile(r", indexes ([^,]+)")


def description(settings: Settings) -> str:
    """For people who look at a version, and for `rollback`: what it was made from, and the indexes that it uses."""
    indexes = " ".join(map(index_word, settings.index_names))
    return f"code {code_sha256(settings)}, items-api {__version__}{f', indexes {indexes}' if indexes else ''}"


def index_word(attribute: str) -> str:
    """An attribute in a description: its name or, if it is long, the beginning and a hash."""
    if len(attribute) <= _MAX_NAME:
        return attribute
    return f"{attribute[: _MAX_NAME - 9]}~{hashlib.sha256(attribute.encode()).hexdigest()[:8]}"


def shortened(version_description: str) -> str:
    """With the beginning of the code's hash, which is enough for people."""
    return re.sub(r"^(code [\w+/]{12})[\w+/=]+", r"\1…", version_description) or "no description"


def publish_request(settings: Settings, want: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "FunctionName": settings.function_name,
        "CodeSha256": want["code"],
        "Description": description(settings),
    }


def old_versions(versions: Iterable[int | str], *named: str | None) -> list[str]:
    """The versions, given in the order in which they were published, that are no longer kept."""
    texts = list(dict.fromkeys(map(str, versions)))
    return [version for version in texts[:-KEPT_VERSIONS] if version not in named]


def version_fields(configuration: Mapping[str, Any], log_group: str) -> dict[str, Any]:
    """The fields of `Function.want_version`."""
    return {
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
    }


def date(text: str | None) -> datetime | None:
    """Lambda's `2026-11-23T10:24:52.296+0000`; None for anything else."""
    try:
        return datetime.fromisoformat(text or "")
    except ValueError:
        return None


@dataclass(frozen=True)
class Version:
    """A published version: what it was made from (`description`), when, and its code and configuration."""

    number: int
    description: str
    published: datetime | None
    fields: Mapping[str, Any]

    def __str__(self) -> str:
        when = f"published {self.published:%Y-%m-%d %H:%M} UTC, " if self.published else ""
        return f"{self.number} ({when}{shortened(self.description)})"

    @property
    def indexes(self) -> tuple[str, ...]:
        """The attributes that it queries, each as an `index_word`."""
        found = _INDEXES.search(self.description)
        return tuple(found[1].split()) if found else ()

    def as_json(self) -> dict[str, Any]:
        """For the JSON document. The keys are a contract."""
        published = self.published.isoformat() if self.published else None
        return {"version": self.number, "published": published, "description": self.description}


class Versions:
    """Lists and publishes the versions for a release."""

    def __init__(self, release: Release) -> None:
        self._release = release
        self._aws = release.aws
        self._name = release.settings.function_name

    def listed(self) -> dict[int, Version]:
        """The published versions by number, oldest first."""
        listed = self._aws.every(
            self._aws.lambda_.list_versions_by_function, "Versions", "NextMarker", "Marker", FunctionName=self._name
        )
        versions = [
            Version(
                int(configuration["Version"]),
                configuration.get("Description", ""),
                date(configuration.get("LastModified")),
                version_fields(configuration, self._release.settings.log_group_name),
            )
            for configuration in listed
            if configuration["Version"] != "$LATEST"
        ]
        return {version.number: version for version in sorted(versions, key=lambda version: version.number)}

    def publish(self) -> str:
        """Publish $LATEST and wait until the version is Active. The number, as a text.

        Lambda returns the newest version if nothing has changed since it was published.

        Raises:
            ChangedMeanwhile: the function is no longer what the settings ask for.
            AwsRefused: the version did not become Active.
        """
        function = self._release.function
        latest = function.found

        def attempt() -> Mapping[str, Any]:
            nonlocal latest
            latest = latest or function.wait_until_active()
            if function.differs(latest) and not self._aws.is_rehearsal:
                raise changed_by_someone_else(f"The {function.title} {function.name}")
            revision, latest = latest.revision, None  # if Lambda refuses it, the next attempt reads the current one
            request = publish_request(self._release.settings, function.want_version())
            with_revision: Any = {"RevisionId": revision} if revision else {}
            return self._aws.send(self._aws.lambda_.publish_version, **request, **with_revision)

        version = self._release.settle(
            attempt, transient=_is_outdated, waiting="for other changes of the function to end", seconds=30
        )
        if version.get("State", "Active") == "Pending":
            self._wait_until_active(version["Version"])
        return str(version["Version"])

    def _wait_until_active(self, version: str) -> None:
        request = {"FunctionName": self._name, "Qualifier": version}
        configuration = self._release.settle(
            lambda: self._aws.send(self._aws.lambda_.get_function, **request)["Configuration"],
            until=lambda seen: seen.get("State") != "Pending",
            waiting="for the version to become Active",
        )
        if configuration.get("State") == "Failed":
            raise AwsRefused(
                f"Version {version} of the Lambda function {self._name} did not become Active.",
                configuration.get("StateReason") or "Lambda gives no reason.",
                "Run the command again.",
            )


def changed_by_someone_else(what: str) -> ChangedMeanwhile:
    return ChangedMeanwhile(
        f"{what} was changed by someone else at the same time.",
        "Another items-api up or rollback is probably running.",
        "Run the command again when it has finished.",
    )


def _is_outdated(error: ServiceError) -> bool:
    """The function has changed since its revision was read."""
    return error.says(OUTDATED) or error.says("InvalidParameterValueException", text="CodeSHA256")
