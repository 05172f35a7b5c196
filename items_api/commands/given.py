"""The settings that a command was given. Those that the stack remembers, and the defaults, complete them."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from items_api.errors import InvalidSetting, NeedsOption
from items_api.settings import JWT_ONLY, REMEMBERED, Settings, from_texts, option_of
from items_api.settings.tags import EXPIRES, KEY, to_tags
from items_api.terminal.text import Line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from items_api.provision.outcome import Weakening
    from items_api.provision.stack import Stack


_SMALL = timedelta(minutes=1)
# The long name of an option -> what to do if it would remove a protection.
_TO_REMOVE = {
    "auth": "To change who may call the API, add --auth with the new kind. To keep it, add --auth with the kind that "
    "it has.",
    "jwt-issuer": "To replace the issuer, add --jwt-issuer. To keep it, correct your settings.",
    "jwt-audience": "To add audiences, add --jwt-audience. To keep those that there are, correct your settings.",
    "jwt-read-scope": "To change it, add --jwt-read-scope. To keep it, correct your settings.",
    "jwt-write-scope": "To change it, add --jwt-write-scope. To keep it, correct your settings.",
    "expires": "To keep it, add --expires never. To let it expire, add --expires with a duration, such as 3d.",
    "protect": "To turn them off, add --no-protect. To keep them, add --protect.",
    "permissions-boundary": "To remove it, add --no-permissions-boundary. To replace or keep it, add "
    "--permissions-boundary with an ARN.",
}


def _expiry(new: str, old: str) -> str:
    """The new time of expiry, or the old one if the difference is small: an `up` that is repeated changes nothing."""
    if not (new and old):
        return new
    wanted = datetime.fromisoformat(new)
    small = min(_SMALL, (wanted - datetime.now(UTC)) / 10)
    return old if abs(wanted - datetime.fromisoformat(old)) < small else new


def _text(option: str, values: Sequence[str]) -> str:
    return shlex.join(values) if any(values) else {"expires": "never"}.get(option, "none")


@dataclass(frozen=True)
class Given:
    """`values` and `sources` are by field; a source is `option`, `variable` or `file`."""

    name: str
    values: Mapping[str, Any]
    sources: Mapping[str, str]

    def settings(self, region: str, remembered: Mapping[str, Sequence[str]] | None = None) -> Settings:
        """The settings in a region. Raises `InvalidSetting`.

        Before the stack is known, `remembered` is None, and settings that depend on its authorization are left out.
        """
        known = remembered is not None
        remembered = remembered or {}
        own = self._own(remembered)
        try:
            values = {**from_texts(own), **self.values}
            if not known and "auth" not in values:
                values = {name: value for name, value in values.items() if name not in JWT_ONLY}
            if "expires" in values and "expires" in remembered:
                values["expires"] = _expiry(values["expires"], remembered["expires"][-1])
            settings = Settings(name=self.name, region=region, given=frozenset(values), **values)
        except InvalidSetting as problem:
            if problem.setting in own:
                shown = problem.setting if problem.value is None else f"{problem.setting}={problem.value}"
                problem.locate(f"{shown} in the tag {KEY} of the table")
                problem.setting = ""
            raise
        earlier = (
            {text.partition("=")[0] for text in remembered.get("tag", ())} | to_tags(remembered).keys() | {EXPIRES}
        )
        return replace(settings, former_tags=frozenset(earlier - settings.table_tags.keys()))

    def _own(self, remembered: Mapping[str, Sequence[str]]) -> dict[str, Sequence[str]]:
        """The remembered settings that the command was not given and that still have a meaning."""
        given = {option_of(field) for field in self.values}
        if self.values.get("auth", remembered.get("auth", ["none"])[-1]) != "jwt":
            given |= {option_of(field) for field in JWT_ONLY}
        return {option: texts for option, texts in remembered.items() if option not in given}

    def require_options(self, weakenings: Sequence[Weakening]) -> None:
        """Raise `NeedsOption` if a protection would be removed although no option on the command line says so."""
        by_option = {option_of(field): field for field in REMEMBERED}
        for effect, option in weakenings:
            if option and self.sources.get(by_option[option]) != "option":
                source = self.sources.get(by_option[option])
                why = f"Only an option on the command line can do that{f', not a {source}' if source else ''}."
                raise NeedsOption(f"Nothing was changed: this would {effect}.", why, _TO_REMOVE[option])

    def as_json(self, stack: Stack) -> list[dict[str, Any]]:
        """Every setting, its value and its source, for the document. The keys are a contract."""
        others = dict.fromkeys(stack.remembered or {}, "stack")
        return [
            {
                "setting": option_of(field),
                "value": getattr(stack.settings, field),
                "source": self.sources.get(field) or others.get(option_of(field), "default"),
            }
            for field in REMEMBERED
        ]

    def lines(self, stack: Stack) -> Iterator[Line]:
        """Which settings come from the stack, or that it remembers none."""
        if stack.remembered is None:
            yield Line(
                f"The stack does not remember its settings: the tag {KEY} of its table is missing or incomplete. "
                "Settings that are not given have their defaults.",
                "yellow",
                essential=True,
            )
        elif own := self._own(stack.remembered):
            texts = (f"{option} {_text(option, values)}" for option, values in own.items())
            yield Line(f"Settings from the stack: {', '.join(texts)}")
